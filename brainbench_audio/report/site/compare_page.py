"""Two to four models side by side: scores, paired differences, layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from brainbench_audio.report.precision import digits_of
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.content import Content
from brainbench_audio.report.site.frame import COMPARE, Frame
from brainbench_audio.report.site.profiles import LayerProfile

Profiles = Mapping[str, Mapping[str, LayerProfile]]
_DIGITS = 5


def compare_page(content: Content, profiles: Profiles, frame: Frame) -> str:
    """Return the page; ``profiles`` are those of each model and benchmark."""
    data, scripts = _data(content, profiles), ("shared.js", "compare.js")
    return frame.page("compare.html", COMPARE, "Compare", scripts=scripts, data=data)


def _data(content: Content, profiles: Profiles) -> dict[str, Any]:
    places = {name: place for place, name in enumerate(content.benchmarks)}
    models = {row.model: place for place, row in enumerate(content.rows)}
    pairs = []
    for name, place in places.items():
        pairs += [
            [
                place,
                models[one.model],
                models[one.other],
                *(round(number, _DIGITS) for number in (one.difference, *one.interval)),
                float(f"{one.p:.2g}"),
            ]
            for one in content.differences.get(name, ())
        ]
    return {
        "start": _start(content, pairs),
        "benchmarks": list(places),
        "pages": [quote(content.comparisons[name]) for name in places],
        "models": [
            {
                "id": row.model,
                "label": row.label,
                "href": quote(content.models[row.model]),
                "scores": [_score(row.results.get(name)) for name in places],
                **_layers(profiles.get(row.model, {}), places),
            }
            for row in content.rows
        ],
        "pairs": pairs,
    }


def _start(content: Content, pairs: list[list[Any]]) -> list[str]:
    """Return the best two that can be compared in pairs, else the best two."""
    if pairs:
        return [content.rows[place].model for place in pairs[0][1:3]]
    first = content.first
    shown = [row for row in content.rows if first in row.results and not row.control]
    best = sorted(shown or content.rows, key=lambda row: -row.results[first].value)
    return [row.model for row in best[:2]]


def _score(result: Result | None) -> list[Any] | None:
    if result is None:
        return None
    low, high = result.interval or (None, None)
    rounded = [None if one is None else round(one, _DIGITS) for one in (result.value, low, high)]
    return [*rounded, digits_of(result), int(result.published)]


def _layers(profiles: Mapping[str, LayerProfile], places: Mapping[str, int]) -> dict[str, Any]:
    """Return the mean over parts of each profile, and the names of layers once a list of them."""
    names: dict[tuple[str, ...], int] = {}
    found = []
    for benchmark, profile in profiles.items():
        means = [
            round(one, _DIGITS) if math.isfinite(one) else None for one in profile.mean.tolist()
        ]
        names.setdefault(profile.layers, len(names))
        found.append([places[benchmark], names[profile.layers], profile.what, means])
    return {"layers": [list(one) for one in names], "profiles": found}
