"""How many digits of a number are true: of a published one no more than its figure shows."""

from __future__ import annotations

import math

from .results import Result

_MOST = 3


def digits_of(result: Result) -> int:
    """Return how many digits behind the point a value is printed with.

    Examples
    --------
    >>> one = Result(model="m", label="m", family="", benchmark="b", value=0.4567, published=True)
    >>> digits_of(one)
    3
    """
    error = reading_error(result)
    if error is None:
        return _MOST
    return min(_MOST, max(0, -math.floor(math.log10(error) + 1e-9)))


def reading_error(result: Result) -> float | None:
    """Return how far a published number may be off the figure that it was read from."""
    error = result.provenance.get("reading_error") if result.published else None
    return float(error) if isinstance(error, int | float) and error > 0 else None


def told(result: Result) -> tuple[str, float | None, float | None]:
    """Return a value with its true digits, its error, and how far reading it may be off."""
    return f"{result.value:.{digits_of(result)}f}", result.error, reading_error(result)
