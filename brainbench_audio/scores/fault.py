"""What a metric may have put into a score that no score can have."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from brainbench_audio.scores.score import Score


def fault(score: Score) -> str:
    """Return what no score can have, as the end of a sentence on it; nothing if all is well."""
    parts = score.part_intervals.items()
    intervals = {"": score.interval, **{f" of part {name!r}": interval for name, interval in parts}}
    for whose, interval in intervals.items():
        if interval is not None and not _is_ordered(interval):
            return f"whose interval{whose} is {interval}, expected two numbers, the lower one first"
    for name in ("error", "ceiling"):
        number = getattr(score, name)
        if number is not None and not (_is_finite(number) and number >= 0):
            return f"whose {name} is {number!r}, expected a number of 0 or more, or None"
    for name, numbers in (("parts", score.parts), ("part_errors", score.part_errors)):
        for part, number in numbers.items():
            if not isinstance(part, str) or not isinstance(number, Real):
                return f"whose {name} hold {part!r}: {number!r}, expected a name and a number"
    return ""


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _is_ordered(interval: Any) -> bool:
    try:
        low, high = interval
    except (TypeError, ValueError):
        return False
    return _is_finite(low) and _is_finite(high) and low <= high
