"""Two to four models side by side: scores, paired differences, layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from brainbench_audio.markup import Markup, inline_data, tag
from brainbench_audio.report.precision import digits_of
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.content import Content
from brainbench_audio.report.site.frame import COMPARE, Frame, box, controls
from brainbench_audio.report.site.profiles import LayerProfile

Profiles = Mapping[str, Mapping[str, LayerProfile]]
_MOST = 4
_DIGITS = 5
_EXPLAINED = (
    "Differences are the score of the model less that of the first one, with the 95 % interval and "
    "two-sided p of no difference, over the sounds and listeners that both were scored on; p is of "
    "this pair alone. Published scores tell no more than their value, so they have none."
)


def compare_page(content: Content, profiles: Profiles, frame: Frame) -> str:
    """Return the page; ``profiles`` are those of each model and benchmark."""
    data = _data(content, profiles)
    body = [
        tag("h1", "Compare models"),
        tag("p", "Choose two to four; the address keeps the choice.", class_="lead"),
        _controls(data),
        tag("noscript", tag("p", "This page needs scripts; each model has a page without.")),
        box(tag("table", id="compared", hidden=True), "Scores side by side"),
        tag("p", _EXPLAINED, class_="note"),
        tag("h2", "Layer by layer"),
        tag("p", "Depth: from the first layer that is read to the last.", class_="note"),
        tag("ul", id="key", class_="legend"),
        tag("div", id="layers", class_="multiples"),
        inline_data("compare-data", data),
    ]
    scripts = ("shared.js", "compare.js")
    return frame.page(COMPARE, "Compare", body, scripts=scripts, wide=True)


def _controls(data: dict[str, Any]) -> Markup:
    options = [tag("option", one["label"], value=one["id"]) for one in data["models"]]
    selects = [
        tag(
            "label",
            f"Model {place + 1}",
            tag("select", tag("option", "–", value="") if place > 1 else None, options),
        )
        for place in range(_MOST)
    ]
    return controls("models", "Models", selects, kind="axes")


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
