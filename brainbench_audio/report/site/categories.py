"""Which categories of sounds models predict, as tables of pages of models and of benchmarks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from brainbench_audio.markup import Markup
from brainbench_audio.report.category_errors import ALL, CategoryError
from brainbench_audio.report.families import Look
from brainbench_audio.report.site.content import Row
from brainbench_audio.report.site.drawing import Axis
from brainbench_audio.report.site.stored import Stored

# intervals of a few sounds would make everything else small
_LOWEST = -0.5
SHADES = 8  # as in site.css


@dataclass(frozen=True)
class CategoryTable:
    """Categories of one benchmark, each with its drawing, and the axis above them."""

    benchmark: str
    axis: Markup
    lines: Sequence[tuple[CategoryError, Markup]]


@dataclass(frozen=True)
class CategoryGrid:
    """Categories of one benchmark for all models.

    Attributes
    ----------
    names : list of str
        All sounds first, then the category that is predicted best on average.
    lines : list of (Row, list of GridCell or None)
        One a model; cells in the order of names.
    """

    names: list[str]
    lines: list[tuple[Row, list[GridCell | None]]]


@dataclass(frozen=True)
class GridCell:
    """What is known of a category, and a shade from -`SHADES` to `SHADES`."""

    known: CategoryError
    shade: int


def category_grid(
    rows: Sequence[Row], found: Mapping[str, Sequence[CategoryError]]
) -> CategoryGrid | None:
    """Return the grid of a benchmark; ``found`` has the categories of models; None without any."""
    known = {
        row.model: {one.category: one for one in found[row.model]}
        for row in rows
        if found.get(row.model)
    }
    explained: dict[str, list[float]] = {}
    for errors in known.values():
        for name, one in errors.items():
            explained.setdefault(name, []).append(one.explained)
    names = sorted(explained, key=lambda name: (name != ALL, -fmean(explained[name])))
    lines = [
        (row, [_grid_cell(known[row.model].get(name)) for name in names])
        for row in rows
        if row.model in known
    ]
    return CategoryGrid(names, lines) if lines else None


def _grid_cell(known: CategoryError | None) -> GridCell | None:
    if known is None:
        return None
    return GridCell(known, round(max(-1.0, min(known.explained, 1.0)) * SHADES))


def category_tables(
    found: Mapping[str, Stored], plain: Collection[str], look: Look
) -> list[CategoryTable]:
    """Return the tables of a model, one a whole data set; ``plain`` are the benchmarks of these."""
    known = {name: one.categories for name, one in found.items() if name in plain}
    return [
        _table(name, errors, look, f"axis-{place}")
        for place, (name, errors) in enumerate(known.items())
        if errors
    ]


def _table(benchmark: str, errors: Sequence[CategoryError], look: Look, name: str) -> CategoryTable:
    shown = [one for one in errors if one.category != ALL]
    ends = [end for one in shown for end in one.interval or ()]
    every = (*(one.explained for one in shown), *ends)
    axis = Axis.around([max(one, _LOWEST) for one in every], name=name)
    lines = [(one, _dot(one, axis, look)) for one in errors]
    return CategoryTable(benchmark, axis.heading(), lines)


def _dot(one: CategoryError, axis: Axis, look: Look) -> Markup:
    bounds = one.interval and (max(one.interval[0], _LOWEST), max(one.interval[1], _LOWEST))
    title = f"{one.category}: {one.explained:.3f}"
    return axis.row(max(one.explained, _LOWEST), look, title, bounds)
