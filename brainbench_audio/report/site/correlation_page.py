"""How benchmarks go together: a scatter plot with axes to choose, and the table of correlations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from brainbench_audio.markup import Markup, inline_data, tag
from brainbench_audio.report.correlations import (
    LEAST_Z,
    SUBSETS,
    CorrelationTable,
    Subset,
    correlations,
)
from brainbench_audio.report.results import OVERALL, Result
from brainbench_audio.report.site.benchmark_page import bounds_of
from brainbench_audio.report.site.board_data import column_label
from brainbench_audio.report.site.content import Content
from brainbench_audio.report.site.drawing import icon, number
from brainbench_audio.report.site.frame import CORRELATIONS, Frame, box, controls
from brainbench_audio.report.site.model_page import benchmark_link
from brainbench_audio.report.site.relations import relations
from brainbench_audio.report.site.sizes import PARAMETERS, sizes
from brainbench_audio.report.table1 import COLUMNS, MODELS, p_class, p_value, published_tables

Cell = tuple[str, str, Subset]
_DIGITS, _LEVELS = 5, 8
_SUBSETS: Mapping[Subset, str] = {"all": "all", "sub": "subset"}
_P_CLASSES = {"<.01": "strong-p", ".01-.05": "some-p", ">.05": "no-p"}
_NONE = "No three models have scores of a brain benchmark and of a listening task."


def correlation_page(content: Content, frame: Frame) -> str:
    """Return the page."""
    found = correlations(content.results)
    start = _first_axes(content)
    body = [
        tag("h1", "Correlations"),
        tag(
            "p",
            "Every dot is a model, hollow if a score is published. Choose what the axes show.",
            class_="lead",
        ),
        _controls(content, start),
        tag("p", id="relation", role="status"),
        tag(
            "div",
            tag("div", id="tip", class_="tip", role="status", hidden=True),
            id="plot",
            class_="plot",
        ),
        _legend(content),
        tag("noscript", tag("p", "The scatter plot needs scripts; the table below does not.")),
        tag("h2", "Brain benchmarks and listening tasks"),
        _measured(content, found),
        _printed(content),
        tag("section", _learned(), id="learned", hidden=True),
        inline_data("scatter-data", _data(content, start)),
    ]
    scripts = ("shared.js", "scatter.js", "learned.js")
    return frame.page(CORRELATIONS, "Correlations", body, scripts=scripts)


def _first_axes(content: Content) -> dict[str, str]:
    """Return a brain benchmark and the overall mean, as far as there are such."""
    y = OVERALL if OVERALL in content.benchmarks else content.chosen[-1]
    return {"x": content.first, "y": y}


def _learned() -> list[Markup]:
    words = (
        "What the cards of models say that they were trained on, the highest mean first; the "
        "vertical axis above chooses the score. Models of one family are no independent draws."
    )
    table = tag("table", id="learned-table")
    title = tag("h2", "By training data: ", tag("span", id="learned-score"))
    return [title, tag("p", words, class_="note"), box(table, "Scores by training data")]


def _data(content: Content, start: dict[str, str]) -> dict[str, Any]:
    size = sizes(content)
    rows = [
        {
            "label": row.label,
            "family": row.family,
            "href": quote(content.models[row.model]),
            "subset": content.overall.values.get(row.model, LEAST_Z) > LEAST_Z,
            "data": card.training_data if (card := content.model_cards.get(row.model)) else "",
            "learning": content.learning.get(row.model, ""),
            "values": {
                one.benchmark: round(one.value, _DIGITS)
                for one in (*row.results.values(), size.get(row.model))
                if one is not None
            },
            "bounds": {
                name: [round(bound, _DIGITS) for bound in bounds]
                for name, one in row.results.items()
                if (bounds := bounds_of(one)) is not None
            },
            "published": [name for name, one in row.results.items() if one.published],
        }
        for row in content.rows
        if not row.control
    ]
    return {
        "start": start,
        "rows": rows,
        "parameters": PARAMETERS,
        **_relations([*content.results, *size.values()]),
        "families": {
            name: {"colour": look.colour, "marker": look.marker}
            for name, look in content.looks.items()
        },
    }


def _relations(results: Sequence[Result]) -> dict[str, Any]:
    """Return correlations as short rows, whose benchmarks are places in a list of names."""
    found = relations(results)
    names = sorted({one[side] for one in found for side in ("x", "y")})
    place = {name: at for at, name in enumerate(names)}
    rows = [
        [
            *(place[one["x"]], place[one["y"]], int(one["subset"] == "sub")),
            *(one["r"], one["p"], *one["interval"], one["n"]),
        ]
        for one in found
    ]
    return {
        "related": names,
        "relations": rows,
        "t": {str(one["n"]): one["t"] for one in found},
    }


def _controls(content: Content, start: dict[str, str]) -> Markup:
    def choice(name: str, words: str) -> Markup:
        known = [PARAMETERS] if name == "x" and sizes(content) else []
        options = [
            tag("option", one, value=one, selected=one == start[name])
            for one in (*content.benchmarks, *known)
        ]
        return tag("label", words, tag("select", options, id=f"axis-{name}"))

    subset = f"only models with an overall z-score above {number(LEAST_Z, 1)}"
    return controls(
        "axes",
        "Axes",
        choice("x", "Horizontal axis"),
        choice("y", "Vertical axis"),
        tag(
            "div",
            tag("label", tag("input", type="checkbox", id="subset"), subset),
            class_="inline",
        )
        if content.overall.values
        else tag("input", type="checkbox", id="subset", hidden=True, disabled=True),
        kind="axes",
    )


def _legend(content: Content) -> Markup:
    items = [tag("li", icon(look), " ", name) for name, look in content.looks.items()]
    return tag("ul", items, class_="legend")


def _measured(content: Content, found: CorrelationTable) -> list[Markup]:
    """Return Pearson's r of each brain benchmark with each task, all models and the subset."""
    compared = list(dict.fromkeys(row.compared for row in found.rows))
    if not compared:
        return [tag("p", _NONE, class_="note")]
    cells: dict[Cell, tuple[float, float, str]] = {
        (row.benchmark, row.compared, row.subset): (
            row.r,
            row.p,
            f"{row.n} models, 95 % interval {number(row.interval[0])} to {number(row.interval[1])}",
        )
        for row in found.rows
    }
    left_out = ", ".join(found.excluded)
    caption = (
        "Pearson’s r over models; a cell leads to its dots above. Subset: models whose overall "
        f"z-score, the mean over listening tasks, is above {number(LEAST_Z, 1)}"
    )
    caption += f"; this leaves out {left_out}." if left_out else "."
    benchmarks = list(dict.fromkeys(row.benchmark for row in found.rows))
    return [_heat(content, cells, benchmarks, compared, caption, lead=True), _key()]


def _printed(content: Content) -> list[Markup]:
    """Return table 1 of the paper, where its scores are among those of the site."""
    if not any(result.published for result in content.results):
        return []
    table = published_tables()[0]
    cells: dict[Cell, tuple[float, float, str]] = {
        cell: (one.r, p_value(one.r, MODELS[cell[2]]), f"{MODELS[cell[2]]} models")
        for cell, one in table.cells.items()
    }
    benchmarks = list(dict.fromkeys(benchmark for benchmark, _, _ in cells))
    title = f"{table.title}: single listening tasks are published in no other way."
    return [
        tag("h2", "Table 1 of the paper"),
        _heat(content, cells, benchmarks, list(COLUMNS), title, lead=False),
    ]


def _heat(
    content: Content,
    cells: Mapping[Cell, tuple[float, float, str]],
    benchmarks: Sequence[str],
    compared: Sequence[str],
    caption: str,
    *,
    lead: bool,
) -> Markup:
    """Return correlations as a table whose cells are shaded by r and written by their p."""

    def cell(benchmark: str, other: str, subset: Subset) -> Markup:
        if (known := cells.get((benchmark, other, subset))) is None:
            return tag("td", "–", class_="number quiet")
        r, p, words = known
        level = min(_LEVELS, round(abs(r) * _LEVELS))
        names = f"number {'cold' if r < 0 else 'heat'}-{level} {_P_CLASSES[p_class(p)]}"
        title = f"p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}, {words}"
        chosen = {"x": benchmark, "y": other} | ({"subset": "1"} if subset == "sub" else {})
        shown = number(r, 2)
        text = tag("a", shown, href=f"#{urlencode(chosen)}") if lead else shown
        return tag("td", text, class_=names, title=title)

    rows = []
    for benchmark in benchmarks:
        known = [one for one in SUBSETS if any((benchmark, to, one) in cells for to in compared)]
        name = benchmark_link(content, benchmark, CORRELATIONS)
        for subset in known:
            first = tag("th", name, scope="rowgroup", rowspan=len(known))
            rest = [cell(benchmark, other, subset) for other in compared]
            row = [first if subset == known[0] else None, tag("td", _SUBSETS[subset]), rest]
            rows.append(tag("tr", row))
    names = [tag("th", column_label(one), scope="col", title=one) for one in compared]
    head = [tag("th", name, scope="col") for name in ("Benchmark", "Models")]
    drawn = tag(
        "table",
        tag("caption", tag("span", caption)),
        tag("thead", tag("tr", head, names)),
        tag("tbody", rows),
        class_="heat",
    )
    return box(drawn, caption)


def _key() -> Markup:
    words = (
        ("strong-p", "p < 0.01"),
        ("some-p", "p from 0.01 to 0.05"),
        ("no-p", "p > 0.05"),
    )
    items = [tag("li", tag("span", "0.50", class_=name), f" {text}") for name, text in words]
    return tag("ul", items, class_="legend")
