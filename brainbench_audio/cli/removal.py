"""Removing many things, of which some may not go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from brainbench_audio.cli.table import tell
from brainbench_audio.errors import CacheError
from brainbench_audio.files import size_in_words


def remove_all(removals: Sequence[Callable[[], int]], counted: bool = True) -> int:
    """Remove things, say how many and how much went, and which did not; return the exit status.

    Parameters
    ----------
    removals : sequence of callable
        Each removes a thing and returns how many bytes it had, or raises `CacheError`, which does
        not stop the others.
    counted : bool
        Whether to say how many went.
    """
    freed, failures = 0, []
    for remove in removals:
        try:
            freed += remove()
        except CacheError as error:
            failures.append(error)
    number = f"{len(removals) - len(failures)} removed, " if counted else ""
    print(f"{number}freed {size_in_words(freed)}")
    for failure in failures:
        tell(f"brainbench: {failure}")
    return 1 if failures else 0
