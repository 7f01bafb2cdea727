"""One page a model: which sounds are alike to it and to a brain, and which it gets wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from brainbench_audio.markup import Markup, inline_data, tag
from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.frame import Frame, box, controls, up
from brainbench_audio.report.site.precision import printed
from brainbench_audio.report.site.sounds import Sounds

_ALIKE = (
    "Each row and column is a sound, sorted by category; light: alike. Hover, tap, or walk with "
    "the arrow keys; numbers are rounded to 1/255 of the scale."
)
_WRONG = (
    "Each dot is a sound. Off: how far the response is from the line of least squares, in standard "
    "deviations of the response; r² is the share of its variance that the line explains."
)
_BY_CATEGORY = "Filled: mean response, hollow: mean prediction; the highest response first."
_OWED = (
    "What the score owes to a sound: the mean of the scores without one sound, less the score "
    "without this one. Without sounds of a negative number the score would be higher."
)


def sounds_path(content: Content, model: str) -> str:
    """Return the file of the page, below the site's folder."""
    return content.models[model].replace("models/", "sounds/", 1)


def sounds_page(content: Content, row: Row, sounds: Mapping[str, Sounds], frame: Frame) -> str:
    """Return the page; ``sounds`` are what the scores of some benchmarks say of theirs."""
    path = sounds_path(content, row.model)
    names = [name for name in content.benchmarks if name in sounds]
    back = tag("a", row.label, href=up(path) + quote(content.models[row.model]))
    body = [
        tag("h1", f"{row.label}: sounds"),
        tag("p", "Which sounds are alike to it, and which it gets wrong. Model: ", back),
        _controls(names),
        tag("noscript", tag("p", "This page needs scripts.")),
        tag("p", id="score", class_="note"),
        _section("alike", "Which sounds are alike", _ALIKE, _matrices()),
        _section("wrong", "Which sounds it gets wrong", _WRONG, _predictions()),
        _section(
            "owed",
            "What the score owes to each sound",
            _OWED,
            _table("owed-table", "What the score owes to sounds"),
        ),
        inline_data("sounds-data", _data(row, names, sounds)),
    ]
    scripts = ("shared.js", "sounds_alike.js", "sounds_wrong.js", "sounds.js")
    title = f"{row.label}: sounds"
    return frame.page(path, title, body, scripts=scripts)


def _controls(names: list[str]) -> Markup:
    options = [tag("option", name, value=name) for name in names]
    return controls(
        "choice",
        "What is shown",
        tag("label", "Benchmark", tag("select", options, id="benchmark")),
        tag("label", "Target", tag("select", id="target"), id="of-target"),
        kind="axes",
    )


def _section(identifier: str, title: str, words: str, *content: Any) -> Markup:
    head = tag("h2", title), tag("p", words, class_="note")
    return tag("section", head, content, id=identifier, hidden=True)


def _matrices() -> list[Markup]:
    def matrix(name: str) -> Markup:
        canvas = tag("canvas", width=1, height=1, id=f"{name}-matrix")
        cross = tag("svg", id=f"{name}-cross", aria_hidden="true")
        drawn = tag("div", canvas, cross, class_="matrix")
        return tag("figure", tag("figcaption", id=f"{name}-title"), drawn)

    known = {"role": "group", "aria_label": "Two matrices of distances", "tabindex": "0"}
    return [
        tag("p", id="told", role="status"),
        tag("div", matrix("model"), matrix("brain"), id="matrices", class_="pair", **known),
        tag("div", id="scales", class_="legend"),
    ]


def _predictions() -> list[Markup]:
    tip = tag("div", id="tip", class_="tip", role="status", hidden=True)
    return [
        tag("p", id="fitted", role="status"),
        tag("div", tip, id="dots", class_="plot"),
        tag("ul", id="categories", class_="legend"),
        _table("wrong-table", "Sounds that it gets wrong"),
        tag(
            "div",
            tag("h3", "By category"),
            tag("p", _BY_CATEGORY, class_="note"),
            box(tag("table", id="category-table"), "Means by category"),
            id="by-category",
        ),
    ]


def _table(identifier: str, label: str) -> Markup:
    return box(tag("table", id=identifier), f"{label}, the worst first", "box short")


def _data(row: Row, names: list[str], sounds: Mapping[str, Sounds]) -> dict[str, Any]:
    """Return what the script draws; names of sounds stand there once."""
    sets: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
    shown = []
    for name in names:
        one, result = sounds[name], row.results[name]
        place = sets.setdefault((one.names, one.categories), len(sets))
        told = {"id": name, "set": place, "layer": result.layer, "score": printed(result)}
        shown.append(told | one.data())
    known = [{"names": list(each), "categories": list(kinds)} for each, kinds in sets]
    return {"model": row.label, "sets": known, "benchmarks": shown}
