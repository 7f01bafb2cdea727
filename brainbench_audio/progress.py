"""One look for all progress bars: on standard error, after two seconds, only on a terminal.

``TQDM_DISABLE=1`` hides them. What a run does now goes to the log, too.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tqdm import tqdm

from brainbench_audio.names import printable

_log = logging.getLogger(__name__)
_DELAY = 2  # seconds before a bar is drawn
_MINUTE, _HOUR = 60, 3600
# what is done now, the outermost first, and the bars of runs that show it
_stages: list[tuple[str, str]] = []
_runs: list[RunBar] = []


def progress_bar(total: int, description: str, unit: str, **options: Any) -> tqdm[Any]:
    """Return a bar to be used as a context manager and moved on with ``update``.

    Parameters
    ----------
    total : int
        Units in all.
    description, unit : str
        Shown before and after the numbers.
    **options
        Passed on to `tqdm.tqdm`.
    """
    disable = True if os.environ.get("TQDM_DISABLE") else None
    return tqdm(
        total=total,
        desc=printable(description),
        unit=unit,
        disable=disable,
        delay=_DELAY,
        leave=False,
        **options,
    )


class Whole:
    """One bar for several files, see `one_bar`."""

    def __init__(self, bar: tqdm[Any]) -> None:
        self._bar, self._here = bar, 0.0

    def goto(self, place: float) -> None:
        """Go to a place in the file at hand: an attempt may start anew."""
        self.move(place - self._here)

    def move(self, by: float) -> None:
        """Move on by so many bytes."""
        self._here += by
        self._bar.update(by)

    def next_file(self) -> None:
        """Start with the next file."""
        self._here = 0.0


_WHOLE: ContextVar[Whole | None] = ContextVar("whole", default=None)


@contextmanager
def one_bar(total: int, description: str) -> Iterator[Whole]:
    """Show all files that are brought here within this context in one bar.

    Parameters
    ----------
    total : int
        Bytes of all of them, as far as they are known.
    description : str

    Yields
    ------
    Whole
        Its ``next_file`` is to be called between two files.
    """
    with progress_bar(total, description, "B", unit_scale=True) as bar:
        whole = Whole(bar)
        token = _WHOLE.set(whole)
        try:
            yield whole
        finally:
            _WHOLE.reset(token)


@contextmanager
def transfer_bar(total: int, description: str, initial: int) -> Iterator[Callable[[int], object]]:
    """Show how a file is brought here; within `one_bar` that bar moves instead.

    Parameters
    ----------
    total, initial : int
        Bytes in all, and those that are here already.
    description : str

    Yields
    ------
    callable
        Takes the number of bytes that have come since the last call.
    """
    if whole := _WHOLE.get():
        whole.goto(initial)
        yield whole.move
        return
    with progress_bar(total, description, "B", unit_scale=True, initial=initial) as bar:
        yield bar.update


@contextmanager
def hidden_bars() -> Iterator[None]:
    """Show no bar meanwhile, in this process and in those that it starts."""
    before = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"
    try:
        yield
    finally:
        del os.environ["TQDM_DISABLE"]
        if before is not None:
            os.environ["TQDM_DISABLE"] = before


@contextmanager
def stage(what: str, whose: str) -> Iterator[None]:
    """Tell the bar of the run and the log what is done now.

    Parameters
    ----------
    what : str
        ``fetch``, ``load``, ``hear`` or ``score``.
    whose : str
        The file, or the model (on a benchmark).
    """
    _log.info("%s %s", what, whose)
    _stages.append((what, whose))
    _show_stage()
    try:
        yield
    finally:
        _stages.pop()
        _show_stage()


def _show_stage() -> None:
    """Show the innermost stage, and what it is part of: ``fetch weights.pt of my-model``."""
    text = ""
    if _stages:
        names = dict.fromkeys(whose for _, whose in reversed(_stages))
        text = f"{_stages[-1][0]} {' of '.join(names)}"
    for bar in _runs:
        bar.show(text)


class RunBar:
    """The bar of a run over pieces of work that differ: what is done now, and how much is left.

    Parameters
    ----------
    total : int
        Pieces.
    description : str
        Shown while nothing says what is done.
    unit : str
        What a piece is.
    **options
        See `progress_bar`.
    """

    def __init__(self, total: int, description: str, unit: str, **options: Any) -> None:
        self._description = description
        self._opened = self._started = time.monotonic()
        look = "{desc}: {n_fmt}/{total_fmt} |{bar}| {elapsed}{postfix}"
        self._bar = progress_bar(total, description, unit, bar_format=look, **options)
        self._remaining: Remaining | None = None

    def __enter__(self) -> RunBar:
        _runs.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _runs.remove(self)
        self._bar.close()

    def expect(self, seconds: Mapping[Hashable, float | None]) -> None:
        """Say how long each piece may take, see `Remaining`; the clock starts now."""
        self._started = time.monotonic()
        self._remaining = Remaining(seconds)

    def finished(self, piece: Hashable, *, computed: bool) -> str:
        """Move on by one piece; return what is done and left in words, for a log."""
        left = ""
        if self._remaining is not None:
            self._remaining.finished(piece, time.monotonic() - self._started, computed=computed)
            left = self._remaining.in_words()
        if not self._bar.disable:
            self._bar.set_postfix_str(left, refresh=False)  # drawn by what follows
        self._bar.update()
        return left

    def show(self, text: str) -> None:
        """Show what is done now."""
        if self._bar.disable:
            return
        drawn = time.monotonic() - self._opened >= _DELAY
        self._bar.set_description_str(printable(text or self._description), refresh=drawn)


class Remaining:
    """How long the rest of a run takes, judged by what the finished part took.

    Expected seconds are only weights: they are far off, but alike for all pieces of a run. So the
    rest takes as much longer than expected as the finished part did. Nothing is said before
    something was computed.

    Parameters
    ----------
    expected : mapping of hashable to float or None
        Seconds of each piece, 0 for one that is stored; None: nobody knows, so as much as the mean
        of the others that are computed.
    """

    def __init__(self, expected: Mapping[Hashable, float | None]) -> None:
        known = [seconds for seconds in expected.values() if seconds]
        usual = sum(known) / len(known) if known else 1.0
        self._waiting = {key: usual if one is None else one for key, one in expected.items()}
        self._done = 0.0
        self._elapsed = 0.0

    def finished(self, piece: Hashable, elapsed: float, *, computed: bool) -> None:
        """Count a piece; ``computed``: it was neither stored nor failed.

        Parameters
        ----------
        piece : hashable
        elapsed : float
            Seconds since the run began.
        computed : bool
        """
        seconds = self._waiting.pop(piece, 0.0)
        if computed:
            self._done += seconds
            self._elapsed = elapsed

    @property
    def seconds(self) -> float | None:
        """Seconds that are left; None: nobody can say yet."""
        waiting = sum(self._waiting.values())
        if not waiting:
            return 0.0
        return waiting * self._elapsed / self._done if self._done else None

    def in_words(self) -> str:
        """Return what is left; nothing where that is not known, or all is done."""
        seconds = self.seconds
        return f"about {duration_in_words(seconds)} left" if seconds else ""


def duration_in_words(seconds: float) -> str:
    """Return a length of time in one unit.

    Examples
    --------
    >>> duration_in_words(7200)
    '2.0 h'
    """
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"
