"""What a score that comes from elsewhere must say before it is kept or shown, and who measured it.

Its numbers are held to their fields where it is parsed, see `scores.score.parse_summary`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from brainbench_audio.errors import DataError
from brainbench_audio.names import one_form, printable
from brainbench_audio.provenance import DISTRIBUTION
from brainbench_audio.scores.score import CHANCE, MEASURED_BY, OVER, REACHABLE, WITHHELD, Score

_LONGEST = 200  # signs of a name: file systems take 255 bytes
_MOST_PARTS = 10_000
_DEEPEST = 30  # levels of JSON; scores have some ten
_NUMBERS = ("value", "error", "interval", "ceiling", "parts", "part_errors", "part_intervals")
_VERSION = re.compile(r"[0-9a-f]{8}")
# clocks of two machines differ
_TOMORROW = timedelta(days=1)
TOLERANCE = 1e-6


def checked_name(name: str) -> str:
    """Return the name of whoever measures, in one form.

    Raises
    ------
    DataError
        It is empty, long, or holds control characters.
    """
    plain = one_form(name.strip())
    if not _is_name(plain):
        raise DataError(
            f"{printable(name)[:_LONGEST]!r} is no name of a person or a lab: expected 1 to "
            f"{_LONGEST} signs, none of which controls a terminal."
        )
    return plain


def with_measurer(score: Score, name: str) -> Score:
    """Return a score that says who measured it; one that says so already stays as it is."""
    return score.with_provenance({MEASURED_BY: name, **score.provenance})


def problems(summary: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a score that somebody else sent, a sentence each.

    Parameters
    ----------
    summary : mapping
        As `scores.score.parse_summary` returns it.
    """
    if unfit := _unfit(summary):
        return [unfit]
    about = summary["provenance"]
    found = [
        f"its {name} is {_short(about.get(name))}, expected a name of up to {_LONGEST} signs"
        for name in ("model", "benchmark", MEASURED_BY)
        if not _is_name(about.get(name))
    ]
    if not _is_time(about.get("created")):
        told = _short(about.get("created"))
        found.append(f"it was created at {told}, expected a time in the past, ISO 8601")
    versions = about.get("versions")
    if not _are_texts(versions) or DISTRIBUTION not in versions:
        found.append(f"it does not say which versions made it, {DISTRIBUTION} among them")
    if "identity" in about and not _is_identity(about["identity"]):
        found.append("its identity lacks id, source, or a version of 8 hex digits")
    for name in ("plugins", "citations"):
        if name in about and not _are_texts(about[name]):
            found.append(f"its {name} are not names with a text each")
    for name in (OVER, WITHHELD):
        if name in about and not isinstance(about[name], str):
            found.append(f"its {name} is no text")
    if math.isnan(_number((about.get(CHANCE) or {}).get("mean", 0.0))):
        found.append(f"the mean of its {CHANCE} is no number")
    if not 0 < _number(about.get(REACHABLE, 1.0)) <= 1:
        found.append(f"its {REACHABLE} is {_short(about[REACHABLE])}, expected a share")
    return found + _wrong_numbers(summary)


def agree(
    one: Mapping[str, Any], other: Mapping[str, Any], tolerance: float = TOLERANCE
) -> list[str]:
    """Return which numbers of two scores differ by more than a tolerance; empty if they agree.

    Parameters
    ----------
    one, other : mapping
        See `problems`.
    tolerance : float
        Relative to the larger of two numbers, and absolute below 1.
    """
    found = [] if one["layer"] == other["layer"] else ["layer"]
    for name in _NUMBERS:
        mine, theirs = dict(_flat(one.get(name))), dict(_flat(other.get(name)))
        if mine.keys() != theirs.keys() or any(
            not _is_close(mine[place], theirs[place], tolerance) for place in mine
        ):
            found.append(name)
    return found


def _is_close(one: float, other: float, tolerance: float) -> bool:
    both_lack = math.isnan(one) and math.isnan(other)
    return both_lack or math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)


def _flat(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Yield each number with its place; one that is not known is NaN."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, (*place, name))
    elif isinstance(value, list | tuple):
        for at, inner in enumerate(value):
            yield from _flat(inner, (*place, at))
    elif value is not None or place:
        yield place, math.nan if value is None else float(value)


def _unfit(content: Any) -> str:
    """Return why a reader would stumble over some JSON, at whatever place; empty: it would not."""
    left = [(content, 0)]
    while left:
        value, depth = left.pop()
        if depth > _DEEPEST:
            return f"it has more than {_DEEPEST} levels"
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                return f"it holds text that is no Unicode, {value[:60]!a}"
        if isinstance(value, Mapping):
            left += [(inner, depth + 1) for pair in value.items() for inner in pair]
        elif isinstance(value, list | tuple):
            left += [(inner, depth + 1) for inner in value]
    return ""


def _wrong_numbers(summary: Mapping[str, Any]) -> list[str]:
    found = []
    for name in _NUMBERS:
        numbers = [number for _, number in _flat(summary.get(name))]
        if len(numbers) > _MOST_PARTS:
            found.append(f"it has {len(numbers)} {name}, expected {_MOST_PARTS} at most")
        if any(math.isinf(number) for number in numbers):
            found.append(f"its {name} is not finite")
        if name.endswith(("error", "errors")) and any(number < 0 for number in numbers):
            found.append(f"its {name} is negative")
    if (interval := summary["interval"]) and not interval[0] <= interval[1]:
        found.append("the lower end of its interval is above the upper one")
    return found


def _is_name(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value.encode("utf-8", "replace")) <= _LONGEST
        and printable(value) == value == value.strip()
    )


def _is_time(value: Any) -> bool:
    try:
        made = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    made = made if made.tzinfo else made.replace(tzinfo=UTC)
    return made < datetime.now(UTC) + _TOMORROW


def _is_identity(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_name(value.get("id"))
        and isinstance(source := value.get("source"), str)
        and len(source) <= 4096
        and _VERSION.fullmatch(str(value.get("version"))) is not None
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return math.nan


def _short(value: Any) -> str:
    text = printable(str(value))
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
