"""The leaderboard: a plain table for everybody, data and scripts that sort, filter and save it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from brainbench_audio.markup import Markup, inline_data, tag
from brainbench_audio.report.site.board_data import (
    Column,
    Group,
    board_data,
    column_groups,
    start_column,
)
from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.drawing import icon
from brainbench_audio.report.site.frame import (
    ADD,
    BOARD,
    Frame,
    box,
    code,
    controls,
    facts,
    published_chip,
)
from brainbench_audio.report.site.precision import printed

_SIZES = (
    ("", "any size"),
    ("0-1e7", "below 10 million"),
    ("1e7-1e8", "10 to 100 million"),
    ("1e8-", "100 million and more"),
)
_LEARNING = ("self-supervised", "supervised", "not trained")
_LONGEST = 48
_EXPLAINED = (
    (
        "Rank",
        "the place in the column that the table is sorted by, and in brackets the range of places "
        "in 95 % of draws. Models whose ranges overlap should not be told apart by it. Models with "
        "one letter do not differ from the best of them, false discoveries controlled. A published "
        "number without an error has neither.",
    ),
    (
        "Lines in cells",
        "95 % intervals, or ± one standard error where there is no interval; dashed: how far a "
        "number may be off the figure that it was read from. The darker a cell, the higher its "
        "score among all of its column.",
    ),
    (
        "Published",
        "in italics, with the digits that reading a figure allows. Of a model that was measured, "
        "too, the measured score is shown and ranked.",
    ),
    (
        "Normalised",
        "score divided by the ceiling, where one is known; ranks are those of raw scores.",
    ),
    (
        "Controls",
        "untrained or permuted networks and steps of a training; they have no rank, and no mean or "
        "correlation counts them.",
    ),
)


def board_page(content: Content, frame: Frame) -> str:
    """Return the page."""
    groups = column_groups(content)
    data = board_data(content, groups, frame.note)
    explained = [*((one.title, one.sentence) for one in groups), *_EXPLAINED]
    body = [
        tag("h1", content.title),
        tag("p", _lead(content), class_="lead"),
        _controls(content, groups),
        tag("p", id="count", role="status", class_="note"),
        box(_table(content, groups), "Leaderboard", "box tall"),
        tag("h2", "How to read this table"),
        facts(explained),
        _older(content),
        inline_data("board-data", data),
    ]
    scripts = ("shared.js", "board.js", "board_files.js")
    return frame.page(BOARD, content.title, body, scripts=scripts, wide=True)


def _lead(content: Content) -> list[Any]:
    models = [row for row in content.rows if not row.control]
    measured = sum(any(not one.published for one in row.results.values()) for row in models)
    published = len(models) - measured
    others = sum(map(_is_of_others, models))
    kinds = {"measured here": measured - others, "by others": others, "as published": published}
    lead = f"{len(models)} models on {len(content.benchmarks)} benchmarks"
    if published == len(models):
        lead += ", all numbers as published"
    elif published or others:
        lead += f": {', '.join(f'{number} {kind}' for kind, number in kinds.items() if number)}"
    if controls := len(content.rows) - len(models):
        lead += f"; {controls} control{'s' if controls > 1 else ''}"
    return [f"{lead}. ", tag("a", "Add your model", href=ADD), "."]


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


def _controls(content: Content, groups: list[Group]) -> Markup:
    find = tag(
        "label",
        tag("span", "Search models", class_="hidden"),
        tag("input", type="search", name="q", placeholder="Search models", autocomplete="off"),
        class_="find",
    )
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
    kinds = tag("div", [tag("label", *one) for one in _kinds(content)], class_="inline")
    bar = tag(
        "div",
        find,
        _menu("Filter", "filter", _filters(content)),
        _menu("Columns", "show", _actions("show", True), _columns(groups)),
        scale,
        kinds,
        _menu("Save and cite", "save", _save()),
        class_="bar",
    )
    return controls("controls", "What the table shows", bar)


def _kinds(content: Content) -> list[list[Any]]:
    """Return the ticks that say which scores count, as far as there are two kinds."""
    every = [one.published for row in content.rows for one in row.results.values()]
    ticks = []
    if len(set(every)) == 2:
        ticks += [[_tick("measured", "1"), "measured"], [_tick("published", "1"), "published"]]
    if any(row.control for row in content.rows):
        ticks.append([_tick("controls", "1", False), "controls"])
    return ticks


def _filters(content: Content) -> list[Any]:
    cards = content.model_cards.values()
    licences = sorted({card.licence for card in cards if card.licence})
    families = [
        tag("label", _tick("family", name), icon(look), name)
        for name, look in content.looks.items()
    ]
    data = tag("input", type="search", name="data", placeholder="such as AudioSet")
    return [
        tag(
            "div",
            _select("Parameters", "size", _SIZES),
            _select("Learning", "learning", [("", "any"), *((one, one) for one in _LEARNING)]),
            _select("Licence", "licence", [("", "any"), *((one, _cut(one)) for one in licences)]),
            tag("label", "Training data", data),
            class_="fields",
        ),
        _actions("family", False),
        _group("Families", families),
    ]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _columns(groups: list[Group]) -> list[Markup]:
    return [
        _group(group.title, [tag("label", _tick("show", one.id), one.id) for one in group.columns])
        for group in groups
    ]


def _save() -> list[Any]:
    buttons = [
        tag("button", text, type="button", data_save=kind)
        for kind, text in (("csv", "CSV"), ("json", "JSON"), ("bib", "BibTeX"))
    ]
    return [
        tag("p", "What the table shows now:", class_="note"),
        tag("div", buttons, class_="actions"),
        tag("p", "Cite this view:", class_="note"),
        code("", "Citation of this view", id="cite"),
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


def _select(title: str, name: str, options: Any) -> Markup:
    shown = [tag("option", text, value=value) for value, text in options]
    return tag("label", title, tag("select", shown, name=name))


def _tick(name: str, value: str, checked: bool = True) -> Markup:
    return tag("input", type="checkbox", name=name, value=value, checked=checked)


def _choice(value: str, checked: bool) -> Markup:
    return tag("input", type="radio", name="scale", value=value, checked=checked)


def _table(content: Content, groups: list[Group]) -> Markup:
    """Return the table as it is without scripts: by the first column, as plain numbers."""
    columns = [one for group in groups for one in group.columns if one.chosen]
    first = start_column(groups)

    def place(row: Row) -> tuple[bool, float]:
        result = first.results.get(row.model)
        return row.control, float("inf") if result is None else -result.value

    head = ["Model", *(one.id for one in columns)]
    rows = [_plain_row(content, row, columns) for row in sorted(content.rows, key=place)]
    return tag(
        "table",
        tag("caption", "Models and their scores", class_="hidden"),
        tag("thead", tag("tr", [tag("th", tag("span", name), scope="col") for name in head])),
        tag("tbody", rows),
        id="board",
        class_="board",
    )


def _plain_row(content: Content, row: Row, columns: list[Column]) -> Markup:
    shown = [one.results.get(row.model) for one in columns]
    name = tag("a", row.label, href=quote(content.models[row.model]))
    chip = [" ", tag("span", "control", class_="chip")] if row.control else None
    cells = [
        tag("td", "–")
        if one is None
        else tag("td", printed(one), [" ", published_chip()] if one.published else None)
        for one in shown
    ]
    return tag("tr", tag("th", name, chip, scope="row"), cells)
