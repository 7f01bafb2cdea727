"""The leaderboard: a plain table for everybody, data and a script that sorts and filters it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from brainbench_audio.markup import Markup, inline_data, tag
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.report.correlations import is_task
from brainbench_audio.report.results import OVERALL
from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.drawing import icon, number
from brainbench_audio.report.site.frame import BOARD, box, page, published_chip
from brainbench_audio.report.site.relations import rank_text

_EXPLAINED = (
    "Rank: the place on the benchmark that the table was last sorted by, and in brackets the range "
    "of places in 95 % of draws; models whose ranges overlap should not be told apart by "
    "it. A published number without an error has no range. Bars are 95 % intervals, or ± one "
    "standard error where there is no interval. Normalised: score divided by the ceiling, where "
    "one is known; ranks are those of raw scores."
)


def board_page(content: Content, note: str) -> str:
    """Return the page."""
    published = sum(row.published for row in content.rows)
    others = sum(map(_is_of_others, content.rows))
    measured = len(content.rows) - published - others
    lead = (
        f"{len({row.model for row in content.rows})} models on {len(content.benchmarks)} benchmarks"
    )
    if published == len(content.rows):
        lead += ", all numbers as published"
    elif published or others:
        kinds = {"measured here": measured, "by others": others}
        told = [f"{number} {kind}" for kind, number in kinds.items() if number]
        told += [f"{published} with published numbers"] if published else []
        lead += f": {', '.join(told)}"
    body = [
        tag("h1", content.title),
        tag("p", f"{lead}.", class_="lead"),
        _controls(content),
        tag("p", id="count", role="status", class_="note"),
        box(_table(content), "Leaderboard"),
        tag("p", _EXPLAINED, class_="note"),
        _older(content),
        inline_data("board-data", _data(content)),
    ]
    scripts = ("shared.js", "board.js")
    return page(BOARD, content.title, body, site=content.title, note=note, scripts=scripts)


def _is_of_others(row: Row) -> bool:
    """Return whether somebody else measured all scores of a row that say who did."""
    names = [one.measured_by for one in row.results.values() if one.path and not one.published]
    return bool(names) and all(names)


def _older(content: Content) -> Markup | None:
    """Return where the scores of versions are that the table leaves out."""
    if not content.older:
        return None
    names = sorted({result.name for result in content.older})
    links = [tag("a", name, href=quote(content.models[name])) for name in names]
    listed = [part for link in links for part in (", ", link)][1:]
    return tag("p", "Older versions of models are on their own pages: ", listed, ".", class_="note")


def _data(content: Content) -> dict[str, Any]:
    return {
        "start": content.first,
        "benchmarks": [
            {"id": name, "chosen": name in content.chosen} for name in content.benchmarks
        ],
        "families": {
            name: {"colour": look.colour, "marker": look.marker}
            for name, look in content.looks.items()
        },
        "rows": [_row(content, row) for row in content.rows],
    }


def _row(content: Content, row: Row) -> dict[str, Any]:
    scores = {}
    for name, result in row.results.items():
        low, high = result.interval or (None, None)
        if result.interval is None and result.error is not None:
            low, high = result.value - result.error, result.value + result.error
        numbers = [result.value, low, high, result.error, result.normalised, result.ceiling]
        rounded = [None if one is None else round(one, 5) for one in numbers]
        scores[name] = [*rounded, int(result.approximate), rank_text(row.ranks[name])]
    return {
        "model": row.model,
        "label": row.label,
        "family": row.family,
        "published": row.published,
        "href": quote(content.models[row.model]),
        "scores": scores,
    }


def _controls(content: Content) -> Markup:
    find = tag(
        "label",
        tag("span", "Search models", class_="hidden"),
        tag("input", type="search", name="q", placeholder="Search models", autocomplete="off"),
        class_="find",
    )
    families = [
        tag("label", _tick("family", name), icon(look), name)
        for name, look in content.looks.items()
    ]
    scale = tag(
        "fieldset",
        tag("legend", "Scale", class_="hidden"),
        tag(
            "div",
            tag("label", _choice("raw", True), "raw"),
            tag("label", _choice("normalised", False), "normalised by ceiling"),
            class_="inline",
        ),
    )
    both = len({row.published for row in content.rows}) == 2
    published = tag(
        "div", tag("label", _tick("published", "1"), "published numbers"), class_="inline"
    )
    return tag(
        "form",
        tag(
            "div",
            find,
            _menu("Families", "family", _actions("family", False), _group("Families", families)),
            _menu("Benchmarks", "show", _actions("show", True), _benchmarks(content)),
            scale,
            published if both else None,
            class_="bar",
        ),
        id="controls",
        hidden=True,
        aria_label="What the table shows",
    )


def _benchmarks(content: Content) -> list[Markup]:
    groups: dict[str, list[str]] = {}
    for name in content.benchmarks:
        listening = name == OVERALL or is_task(name)
        title = "Listening tasks" if listening else BenchmarkId.parse(name).dataset
        groups.setdefault(title, []).append(name)
    return [
        _group(title, [tag("label", _tick("show", name), name) for name in names])
        for title, names in groups.items()
    ]


def _menu(title: str, name: str, *content: Any) -> Markup:
    summary = tag("summary", title, class_="button")
    return tag("details", summary, tag("div", content), class_="menu", id=f"menu-{name}")


def _group(title: str, labels: list[Markup]) -> Markup:
    return tag("fieldset", tag("legend", title), tag("div", labels, class_="choices"))


def _actions(name: str, usual: bool) -> Markup:
    words = ["all", "none", *(["usual"] if usual else [])]
    buttons = [tag("button", word, type="button", data_tick=f"{name} {word}") for word in words]
    return tag("div", buttons, class_="actions")


def _tick(name: str, value: str) -> Markup:
    return tag("input", type="checkbox", name=name, value=value, checked=True)


def _choice(value: str, checked: bool) -> Markup:
    return tag("input", type="radio", name="scale", value=value, checked=checked)


def _table(content: Content) -> Markup:
    """Return the table as it is without scripts: by the first column, as plain numbers."""

    def place(row: Row) -> float:
        result = row.results.get(content.first)
        return float("inf") if result is None else -result.value

    head = ["Model", "Family", *content.chosen]
    rows = [_plain_row(content, row) for row in sorted(content.rows, key=place)]
    return tag(
        "table",
        tag("caption", "Models and their scores", class_="hidden"),
        tag("thead", tag("tr", [tag("th", tag("span", name), scope="col") for name in head])),
        tag("tbody", rows),
        id="board",
        class_="board",
    )


def _plain_row(content: Content, row: Row) -> Markup:
    values = [row.results[name].value if name in row.results else None for name in content.chosen]
    name = tag("a", row.label, href=quote(content.models[row.model]))
    return tag(
        "tr",
        tag("th", name, [" ", published_chip()] if row.published else None, scope="row"),
        tag("td", row.family),
        [tag("td", number(value)) for value in values],
    )
