"""Scores as pages print them."""

from __future__ import annotations

from brainbench_audio.report.precision import digits_of, reading_error
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.drawing import number


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


def interval_text(bounds: tuple[float, float] | None) -> str:
    """Return an interval in words.

    Examples
    --------
    >>> interval_text((0.1, 0.25)), interval_text(None)
    ('0.100 to 0.250', '–')
    """
    return "–" if bounds is None else " to ".join(number(bound) for bound in bounds)
