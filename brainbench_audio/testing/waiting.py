"""Tests that wait for a file, a process or a thread, and end where it never comes."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], object], seconds: float = 60) -> None:
    """Return once a condition holds.

    Raises
    ------
    TimeoutError
        It does not within some seconds.

    Examples
    --------
    >>> left = [1, 2, 3]
    >>> wait_until(lambda: not left or not left.pop())
    >>> left
    []
    """
    limit = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > limit:
            raise TimeoutError(f"What was waited for did not come within {seconds:g} s.")
        time.sleep(0.01)
