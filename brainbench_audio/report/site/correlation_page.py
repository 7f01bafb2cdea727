"""How benchmarks go together: a scatter plot with axes to choose, and the table of correlations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from brainbench_audio.report.correlations import (
    LEAST_Z,
    SUBSETS,
    CorrelationTable,
    Subset,
    correlations,
)
from brainbench_audio.report.precision import digits_of, reading_error
from brainbench_audio.report.results import OVERALL, Result
from brainbench_audio.report.site.benchmark_page import bounds_of
from brainbench_audio.report.site.board_data import column_label
from brainbench_audio.report.site.content import Content
from brainbench_audio.report.site.drawing import number
from brainbench_audio.report.site.frame import CORRELATIONS, Frame
from brainbench_audio.report.site.relations import relations
from brainbench_audio.report.site.sizes import PARAMETERS, sizes
from brainbench_audio.report.table1 import (
    COLUMNS,
    MODELS,
    PublishedTable,
    p_class,
    p_value,
    published_tables,
)

Cell = tuple[str, str, Subset]
_DIGITS, _LEVELS = 5, 8
_SUBSETS: Mapping[Subset, str] = {"all": "all", "sub": "subset"}
_P_CLASSES = {"<.01": "strong-p", ".01-.05": "some-p", ">.05": "no-p"}


@dataclass(frozen=True)
class Heat:
    """A table of correlations.

    Attributes
    ----------
    columns : list of (str, str)
        What is compared, and what it is called above its column.
    lines : list of Line
    """

    columns: list[tuple[str, str]]
    lines: list[Line]


@dataclass(frozen=True)
class Line:
    """A benchmark with all models or the subset.

    Attributes
    ----------
    benchmark, subset : str
    rows : int
        How many lines the benchmark has; 0 for all but its first one.
    cells : list of HeatCell or None
        In the order of columns.
    """

    benchmark: str
    subset: str
    rows: int
    cells: list[HeatCell | None]


@dataclass(frozen=True)
class HeatCell:
    """One correlation: its number, shade, class of p, all of it in words, and its dots."""

    r: float
    level: int
    kind: str
    title: str
    view: dict[str, str]


def correlation_page(content: Content, frame: Frame) -> str:
    """Return the page."""
    found = correlations(content.results)
    start = _first_axes(content)
    known = [PARAMETERS] if sizes(content) else []
    table = published_tables()[0] if any(one.published for one in content.results) else None
    return frame.page(
        "correlations.html",
        CORRELATIONS,
        "Correlations",
        scripts=("shared.js", "scatter.js", "learned.js"),
        content=content,
        start=start,
        across=[*content.benchmarks, *known],
        least_z=LEAST_Z,
        measured=_measured(found),
        left_out=found.excluded,
        # where scores of the paper are among those of the site
        printed=table and _printed(table),
        printed_title=table and table.title,
        data=_data(content, start),
    )


def _first_axes(content: Content) -> dict[str, str]:
    """Return a brain benchmark and the overall mean, as far as there are such."""
    y = OVERALL if OVERALL in content.benchmarks else content.chosen[-1]
    return {"x": content.first, "y": y}


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
            # of those whose figure does not allow as many as all others have
            "digits": {
                name: digits_of(one)
                for name, one in row.results.items()
                if reading_error(one) is not None
            },
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


def _measured(found: CorrelationTable) -> Heat:
    """Return Pearson's r of each brain benchmark with each task, all models and the subset."""
    cells = {
        (row.benchmark, row.compared, row.subset): _cell(
            row.r,
            row.p,
            f"{row.n} models, 95 % interval {number(row.interval[0])} to {number(row.interval[1])}",
            {"x": row.benchmark, "y": row.compared}
            | ({"subset": "1"} if row.subset == "sub" else {}),
        )
        for row in found.rows
    }
    return _heat(cells, list(dict.fromkeys(row.compared for row in found.rows)))


def _printed(table: PublishedTable) -> Heat:
    """Return table 1 of the paper."""
    cells = {
        cell: _cell(one.r, p_value(one.r, MODELS[cell[2]]), f"{MODELS[cell[2]]} models", {})
        for cell, one in table.cells.items()
    }
    return _heat(cells, list(COLUMNS))


def _cell(r: float, p: float, words: str, view: dict[str, str]) -> HeatCell:
    title = f"p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}, {words}"
    level = min(_LEVELS, round(abs(r) * _LEVELS))
    return HeatCell(r, level, _P_CLASSES[p_class(p)], title, view)


def _heat(cells: Mapping[Cell, HeatCell], compared: Sequence[str]) -> Heat:
    lines = []
    for benchmark in dict.fromkeys(benchmark for benchmark, _, _ in cells):
        known = [one for one in SUBSETS if any((benchmark, to, one) in cells for to in compared)]
        for subset in known:
            rows = len(known) if subset == known[0] else 0
            found = [cells.get((benchmark, other, subset)) for other in compared]
            lines.append(Line(benchmark, _SUBSETS[subset], rows, found))
    return Heat([(name, column_label(name)) for name in compared], lines)
