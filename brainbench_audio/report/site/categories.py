"""Which categories of sounds a model predicts, as tables of its page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from brainbench_audio.markup import Markup
from brainbench_audio.report.category_errors import ALL, CategoryError
from brainbench_audio.report.families import Look
from brainbench_audio.report.site.drawing import Axis
from brainbench_audio.report.site.stored import Stored

# intervals of a few sounds would make everything else small
_LOWEST = -0.5


@dataclass(frozen=True)
class CategoryTable:
    """Categories of one benchmark, each with its drawing, and the axis above them."""

    benchmark: str
    axis: Markup
    lines: Sequence[tuple[CategoryError, Markup]]


def category_tables(
    found: Mapping[str, Stored], plain: Collection[str], look: Look
) -> list[CategoryTable]:
    """Return the tables of a model, one a whole data set; ``plain`` are the benchmarks of these."""
    known = {name: one.categories for name, one in found.items() if name in plain}
    return [_table(name, errors, look) for name, errors in known.items() if errors]


def _table(benchmark: str, errors: Sequence[CategoryError], look: Look) -> CategoryTable:
    shown = [one for one in errors if one.category != ALL]
    ends = [end for one in shown for end in one.interval or ()]
    axis = Axis.around([max(one, _LOWEST) for one in (*(each.explained for each in shown), *ends)])
    lines = [(one, _dot(one, axis, look)) for one in errors]
    return CategoryTable(benchmark, axis.heading(), lines)


def _dot(one: CategoryError, axis: Axis, look: Look) -> Markup:
    bounds = one.interval and (max(one.interval[0], _LOWEST), max(one.interval[1], _LOWEST))
    title = f"{one.category}: {one.explained:.3f}"
    return axis.row(max(one.explained, _LOWEST), look, title, bounds)
