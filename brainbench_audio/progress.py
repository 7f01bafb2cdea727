"""One look for all progress bars: on standard error, after two seconds, only on a terminal.

``TQDM_DISABLE=1`` hides them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tqdm import tqdm

from brainbench_audio.names import printable


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
        delay=2,
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
