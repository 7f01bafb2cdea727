"""How benchmarks go together: a scatter plot with axes to choose, and the table of correlations."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from brainbench_audio.report.correlations import LEAST_Z, CorrelationTable, correlations
from brainbench_audio.report.correlations import Row as Correlation
from brainbench_audio.report.results import OVERALL
from brainbench_audio.report.site.content import Content
from brainbench_audio.report.site.drawing import icon, number
from brainbench_audio.report.site.frame import CORRELATIONS, page, table
from brainbench_audio.report.site.markup import Markup, inline_data, tag
from brainbench_audio.report.site.model_page import benchmark_link
from brainbench_audio.report.site.relations import relations

_DIGITS = 5


def correlation_page(content: Content, note: str) -> str:
    """Return the page."""
    found = correlations(content.results)
    start = _first_axes(content)
    body = [
        tag("h1", "Correlations"),
        tag("p", "Every dot is a model; choose what the axes show.", class_="lead"),
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
        _table(content, found),
        inline_data("scatter-data", _data(content, start)),
    ]
    scripts = ("shared.js", "scatter.js")
    title = content.title
    return page(CORRELATIONS, "Correlations", body, site=title, note=note, scripts=scripts)


def _first_axes(content: Content) -> dict[str, str]:
    """Return a brain benchmark and the overall mean, as far as there are such."""
    y = OVERALL if OVERALL in content.benchmarks else content.chosen[-1]
    return {"x": content.first, "y": y}


def _data(content: Content, start: dict[str, str]) -> dict[str, Any]:
    rows = [
        {
            "label": row.label,
            "family": row.family,
            "href": quote(content.models[row.model]),
            "subset": content.overall.values.get(row.model, LEAST_Z) > LEAST_Z,
            "values": {name: round(one.value, _DIGITS) for name, one in row.results.items()},
            "published": [name for name, one in row.results.items() if one.published],
        }
        for row in content.rows
        if not row.control
    ]
    return {
        "start": start,
        "rows": rows,
        "relations": relations(content.results),
        "families": {
            name: {"colour": look.colour, "marker": look.marker}
            for name, look in content.looks.items()
        },
    }


def _controls(content: Content, start: dict[str, str]) -> Markup:
    def choice(name: str, words: str) -> Markup:
        options = [
            tag("option", one, value=one, selected=one == start[name]) for one in content.benchmarks
        ]
        return tag("label", words, tag("select", options, id=f"axis-{name}"))

    subset = f"only models with an overall z-score above {number(LEAST_Z, 1)}"
    return tag(
        "form",
        choice("x", "Horizontal axis"),
        choice("y", "Vertical axis"),
        tag(
            "div",
            tag("label", tag("input", type="checkbox", id="subset"), subset),
            class_="inline",
        )
        if content.overall.values
        else tag("input", type="checkbox", id="subset", hidden=True, disabled=True),
        id="axes",
        class_="axes",
        hidden=True,
        aria_label="Axes",
    )


def _legend(content: Content) -> Markup:
    items = [tag("li", icon(look), " ", name) for name, look in content.looks.items()]
    return tag("ul", items, class_="legend", aria_label="Families")


def _table(content: Content, found: CorrelationTable) -> Markup:
    """Return Pearson's r of each brain benchmark with each task, all models and the subset."""
    compared = list(dict.fromkeys(row.compared for row in found.rows))
    if not compared:
        return tag(
            "p",
            "No three models have scores of a brain benchmark and of a listening task.",
            class_="note",
        )
    r: dict[tuple[str, str, str], Correlation] = {
        (row.benchmark, row.compared, row.subset): row for row in found.rows
    }
    cells: list[list[Any]] = []
    for benchmark in dict.fromkeys(row.benchmark for row in found.rows):
        for subset, words in (("all", "all"), ("sub", "subset")):
            row = [r.get((benchmark, one, subset)) for one in compared]
            count = max((one.n for one in row if one), default=0)
            values = [number(one.r) if one else "–" for one in row]
            name = benchmark_link(content, benchmark, CORRELATIONS)
            cells.append([name, words, count, *values])
    head = ("Benchmark", "Models", "n", *compared)
    left_out = ", ".join(found.excluded)
    caption = (
        "Pearson’s r over models. Subset: models whose overall z-score, the mean over listening "
        f"tasks, is above {number(LEAST_Z, 1)}"
    )
    caption += f"; this leaves out {left_out}." if left_out else "."
    return table(head, cells, caption, numeric=tuple(range(2, len(head))))
