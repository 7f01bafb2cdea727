"""What properties of models explain of their scores: a point and an interval a property."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brainbench_audio.report.explanation import Effect
from brainbench_audio.report.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FRAME, _ROW = 20.0, 5.0


def plot(effects: Sequence[Effect], units: Mapping[str, str]) -> Figure:
    """Return the figure; a panel a benchmark, rows in their order.

    Parameters
    ----------
    effects : sequence of Effect
    units : mapping of str to str
        Of the scores, by benchmark.
    """
    panels = {name: [one for one in effects if one.benchmark == name] for name in units}
    heights = [_FRAME + _ROW * len(rows) for rows in panels.values()]
    figure = style.new_figure(style.PAGE, sum(heights))
    every = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    look = style.series(0)
    for axes, (name, rows) in zip(every, panels.items(), strict=True):
        places = range(len(rows))
        low, high = zip(*(one.interval for one in rows), strict=True)
        axes.hlines(places, low, high, color=look["color"])
        axes.plot([one.estimate for one in rows], places, linestyle="none", **look)
        axes.axvline(0, label="_guide", color=style.FAINT, linewidth=0.8, zorder=0)
        axes.set_yticks(places, [f"{one.property}: {one.change}" for one in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(f"difference of scores ({units[name]}), 95 % interval over families")
        axes.set_title(name)
    return figure
