"""How many digits of a number are true: of a published one no more than its figure shows."""

from __future__ import annotations

import math

from brainbench_audio.report.results import Result
from brainbench_audio.report.site.drawing import number

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


def printed(result: Result) -> str:
    """Return a value with its true digits; `error_text` says how far reading it may be off.

    Examples
    --------
    >>> one = Result(
    ...     model="m", label="m", family="", benchmark="b", value=0.4567, published=True,
    ...     provenance={"reading_error": 0.03},
    ... )
    >>> printed(one), error_text(one)
    ('0.46', 'reading ± 0.03')
    """
    return ("≈ " if result.approximate else "") + number(result.value, digits_of(result))


def error_text(result: Result) -> str:
    """Return the standard error, or how far a number may be off the figure it was read from."""
    reading = reading_error(result)
    if result.error is not None or reading is None:
        return number(result.error)
    return f"reading ± {number(reading, digits_of(result))}"
