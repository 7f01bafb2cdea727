"""One look for all progress bars: on standard error, after two seconds, only on a terminal.

``TQDM_DISABLE=1`` hides them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
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


class TransferBar(tqdm):  # type: ignore[type-arg]
    """The bar of one file that is brought here; within `one_bar` it moves that one instead.

    Parameters
    ----------
    **options
        Of `tqdm.tqdm`; ``total`` and ``initial`` are bytes.
    """

    def __init__(self, *_: Any, total: float | None = None, initial: float = 0, **others: Any):
        whole = _WHOLE.get()
        off = True if whole is not None or os.environ.get("TQDM_DISABLE") else None
        description = printable(str(others.get("desc") or ""))
        super().__init__(
            total=total,
            initial=initial,
            desc=description,
            unit="B",
            unit_scale=True,
            disable=off,
            delay=2,
            leave=False,
        )
        self._whole = whole
        if whole is not None:
            whole.goto(initial)

    def update(self, n: float | None = 1) -> bool | None:
        """Move on by so many bytes."""
        if self._whole is not None:
            self._whole.move(n or 0)
        return super().update(n)


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
