"""Models side by side on one benchmark or two: figures 2 and 4 of the paper.

"Better audio representations are more brain-like": one bar a model, sorted, families in colour, the
spectrotemporal filters as a gray band, the ceiling (what subjects tell about each other) dashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbench_audio.report.families import BASELINE
from brainbench_audio.report.figures import compared, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brainbench_audio.report.results import Result

_ROW, _FRAME = 3.3, 30.0  # mm a bar; mm for axes, title and legend


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
    ceiling : float or None
    """

    benchmark: str
    unit: str
    bars: tuple[Result, ...]
    baseline: Result | None
    ceiling: float | None

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
        return cls(benchmark, unit, bars, compared.baseline_of(chosen), ceiling)

    def numbers(self) -> dict[str, Any]:
        """Return what is drawn, for JSON."""
        return {
            "benchmark": self.benchmark,
            "unit": self.unit,
            "bars": [compared.row(result) for result in self.bars],
            "baseline": None if self.baseline is None else compared.row(self.baseline),
            "ceiling": self.ceiling,
        }


def plot(panels: Sequence[Panel]) -> Figure:
    """Return the figure of one panel or more, 90 mm each."""
    most = max(len(panel.bars) for panel in panels)
    shown = [result for panel in panels for result in panel.bars]
    figure = style.new_figure(style.COLUMN * len(panels), _FRAME + _ROW * max(most, 3))
    beside = compared.mixed(shown)
    every = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, panel in zip(every, panels, strict=True):
        _draw_bars(axes, panel, beside)
        _draw_lines(axes, panel)
        axes.set_ylim(0.3 - max(most, 1), 0.7)  # a bar is as thick in all panels
        axes.set_xlabel(panel.unit)
        axes.set_title(panel.benchmark)
    entries = [*compared.source_entries(shown, bars=True), *style.entries_of(every)]
    if entries:
        style.legend(figure, entries, loc="outside lower center", ncols=2 * len(panels))
    return figure


def _draw_bars(axes: Any, panel: Panel, beside: bool) -> None:
    places = -np.arange(len(panel.bars))
    for place, result in zip(places, panel.bars, strict=True):
        look = compared.look_of(result)
        axes.barh(place, result.value, 0.76, **compared.bar_look(look, result.published, beside))
    errors = [result.error or 0.0 for result in panel.bars]
    known = np.flatnonzero(errors)
    if known.size:
        values = np.array([result.value for result in panel.bars])
        axes.errorbar(
            values[known],
            places[known],
            xerr=np.array(errors)[known],
            fmt="none",
            ecolor=style.INK,
            elinewidth=0.8,
            capsize=1.2,
        )
    axes.set_yticks(places, [result.label for result in panel.bars])
    axes.tick_params(axis="y", length=0)


def _draw_lines(axes: Any, panel: Panel) -> None:
    """Draw baseline and ceiling."""
    if panel.baseline is not None:
        value, error = panel.baseline.value, panel.baseline.error or 0.0
        if error:
            axes.axvspan(value - error, value + error, color=style.BAND, zorder=0, linewidth=0)
        axes.axvline(
            value, color=style.FAINT, linewidth=1.6, label=style.shown(panel.baseline.label)
        )
    if panel.ceiling is not None:
        axes.axvline(panel.ceiling, color=style.INK, linestyle="--", linewidth=0.9, label="ceiling")
