"""Models side by side on one benchmark or more: figures 2 and 4 of the paper.

"Better audio representations are more brain-like": one bar a model, sorted, families in colour, the
spectrotemporal filters as a gray line, the ceiling (what subjects tell about each other) dashed,
each in the band of its standard error.
Beside them, if they are asked for, groups of models that differ in one thing, see `groups`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brainbench_audio.report.families import BASELINE
from brainbench_audio.report.figures import compared, groups, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brainbench_audio.report.figures.groups import Group
    from brainbench_audio.report.results import Result


@dataclass(frozen=True)
class Panel:
    """What one half of the figure shows.

    Attributes
    ----------
    benchmark : str
    unit : str
        Of the values, for the axis.
    bars : tuple of Result
        The best first, without the baseline.
    baseline : Result or None
        That of the spectrotemporal filters.
    ceiling, ceiling_error : float or None
        The error is over subjects.
    groups : tuple of Group
        Drawn beside the bars.
    """

    benchmark: str
    unit: str
    bars: tuple[Result, ...]
    baseline: Result | None
    ceiling: float | None
    ceiling_error: float | None = None
    groups: tuple[Group, ...] = ()

    @classmethod
    def of(cls, results: Iterable[Result], benchmark: str, unit: str = "score") -> Panel:
        """Sort the results of a benchmark.

        Raises
        ------
        DataError
            There are none.
        """
        chosen = compared.sorted_results(results, benchmark)
        bars = tuple(result for result in chosen if result.model != BASELINE)
        ceiling = compared.ceiling_of(benchmark, chosen)
        return cls(benchmark, unit, bars, compared.baseline_of(chosen), *ceiling)

    def numbers(self) -> dict[str, Any]:
        """Return what is drawn, for JSON."""
        return {
            "benchmark": self.benchmark,
            "unit": self.unit,
            "bars": [compared.row(result) for result in self.bars],
            "baseline": None if self.baseline is None else compared.row(self.baseline),
            "ceiling": self.ceiling,
            "ceiling_error": self.ceiling_error,
            "groups": [group.numbers() for group in self.groups],
        }


def plot(panels: Sequence[Panel]) -> Figure:
    """Return the figure: panels of 90 mm, two a row; those with groups a page wide each."""
    grouped = any(panel.groups for panel in panels)
    columns = 2 if grouped else min(len(panels), 2)
    rows = len(panels) if grouped else -(-len(panels) // columns)
    most = max(max(len(panel.bars), groups.height(panel.groups)) for panel in panels)
    figure = style.new_figure(style.COLUMN * columns, style.height_of(max(most, 3), rows))
    every = figure.subplots(rows, columns, squeeze=False)
    shown = [result for panel in panels for result in _results_of(panel)]
    beside = compared.mixed(shown)
    of_panels = every[:, 0] if grouped else every.ravel()[: len(panels)]
    beside_each = 2 if grouped else 1
    for axes in every.ravel()[len(panels) * beside_each :]:
        axes.set_visible(False)
    for axes, panel in zip(of_panels, panels, strict=True):
        places = [-float(place) for place in range(len(panel.bars))]
        compared.draw_bars(axes, panel.bars, places, beside)
        _draw_lines(axes, panel)
        axes.set_ylim(0.3 - max(most, 1), 0.7)  # a bar is as thick in all panels
    if grouped:
        for axes, panel in zip(every[:, 1], panels, strict=True):
            groups.draw(axes, panel.groups, beside, most)
    for number, axes in enumerate(every.ravel()[: len(panels) * beside_each]):
        panel = panels[number // beside_each]
        axes.set_xlabel(panel.unit)
        axes.set_title(panel.benchmark)
    entries = [*compared.source_entries(shown, bars=True), *style.entries_of(of_panels)]
    if entries:
        style.legend(figure, entries, loc="outside lower center", ncols=2 * columns)
    return figure


def _results_of(panel: Panel) -> list[Result]:
    return [*panel.bars, *(one for group in panel.groups for part in group.series for one in part)]


def _draw_lines(axes: Any, panel: Panel) -> None:
    """Draw baseline and ceiling, each with its standard error as a band."""
    if panel.baseline is not None:
        value, error = panel.baseline.value, panel.baseline.error
        _draw_band(axes, value, error)
        # white beside it tells it from bars that are as dark in print without colours
        axes.axvline(value, color="white", linewidth=2.8)
        axes.axvline(
            value, color=style.FAINT, linewidth=1.6, label=style.shown(panel.baseline.label)
        )
    if panel.ceiling is not None:
        _draw_band(axes, panel.ceiling, panel.ceiling_error)
        axes.axvline(panel.ceiling, color=style.INK, linestyle="--", linewidth=0.9, label="ceiling")


def _draw_band(axes: Any, value: float, error: float | None) -> None:
    if error:
        axes.axvspan(value - error, value + error, color=style.BAND, zorder=0, linewidth=0)
