"""Alignment over the course of a training: figures 6 and 7 of the paper.

`plot`, figure 7: one panel a benchmark (or region), one line a layer from dark (first) to light
(last). `plot_overlaid`, figure 6: one panel a layer, the last on top, one line a benchmark. Scores
are dots, and lines are smoothed by a Savitzky-Golay filter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.report.figures import style
from brainbench_audio.report.figures.trajectory import layers_of, smooth

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEIGHT = 62.0  # mm a panel of a benchmark
_LOW, _LEAST, _ROOM = 26.0, 16.0, 220.0  # mm a panel of a layer, at least, and of all together
_FEW = 7  # layers that a legend names, more are a bar of shades
_DASHES = ("-", "--", ":", "-.")  # benchmarks are told apart without colour, too
Array = npt.NDArray[np.float64]


def plot(
    panels: Mapping[str, xr.DataArray],
    title: str,
    unit: str = "score",
    *,
    logarithmic: bool = False,
) -> Figure:
    """Return the figure, two panels a row.

    Parameters
    ----------
    panels : mapping of str to xr.DataArray (step, layer)
        See `trajectory.panels_of`.
    title, unit : str
    logarithmic : bool
        Steps on a logarithmic axis; step 0 then stands at its left end.
    """
    layers = layers_of(panels)
    colours = dict(zip(layers, style.shades(len(layers)), strict=True))
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    figure = style.new_figure(style.COLUMN * columns, 12 + _HEIGHT * rows)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, panel) in zip(every, panels.items(), strict=False):
        for layer in panel["layer"].values.tolist():
            _draw_line(axes, panel.sel(layer=layer), color=colours[str(layer)], label=str(layer))
        _scale(axes, panel["step"].values, logarithmic)
        axes.set_xlabel("training step")
        axes.set_ylabel(unit)
        axes.set_title(name)
    for axes in every[len(panels) :]:
        axes.set_visible(False)
    if len(layers) <= _FEW:
        entries = style.entries_of(every[: len(panels)])
        style.legend(figure, entries, loc="outside lower center", ncols=len(layers))
    else:
        _add_key(figure, every[: len(panels)], layers)
    figure.suptitle(title)
    return figure


def plot_overlaid(
    panels: Mapping[str, xr.DataArray],
    title: str,
    unit: str = "score",
    *,
    logarithmic: bool = False,
) -> Figure:
    """Return the figure with one panel a layer, the last on top; arguments are those of `plot`."""
    layers = layers_of(panels)[::-1]
    columns = 1 if len(layers) * _LEAST <= _ROOM else 2
    rows = -(-len(layers) // columns)
    height = max(_LEAST, min(_LOW, _ROOM / rows))
    figure = style.new_figure(style.COLUMN * columns, 24 + height * rows)
    every = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    # down the columns, so that neighbours in the model stand on each other; a gap comes first
    in_order = every.T.ravel()[rows * columns - len(layers) :]
    for axes in every.T.ravel()[: rows * columns - len(layers)]:
        axes.set_visible(False)
    for axes, layer in zip(in_order, layers, strict=True):
        for number, (name, panel) in enumerate(panels.items()):
            if layer in panel["layer"].values:
                colour, dashes = style.series(number)["color"], _DASHES[number % len(_DASHES)]
                line = panel.sel(layer=layer)
                _draw_line(axes, line, color=colour, label=style.shown(name), linestyle=dashes)
        axes.set_title(layer, loc="left", fontsize="medium", pad=2)
    _scale(in_order[0], _steps(panels), logarithmic)
    for axes in every[-1]:
        axes.set_xlabel("training step")
    figure.supylabel(unit, fontsize="medium")
    entries = style.entries_of(in_order)
    style.legend(figure, entries, loc="outside lower center", ncols=2 * columns)
    figure.suptitle(title)
    return figure


def _steps(panels: Mapping[str, xr.DataArray]) -> Array:
    return np.unique(np.concatenate([panel["step"].values for panel in panels.values()]))


def _draw_line(
    axes: Any, line: xr.DataArray, *, color: Any, label: str, linestyle: str = "-"
) -> None:
    known = line.dropna("step")
    axes.plot(known["step"], known, ".", color=color, markersize=2, alpha=0.5)
    smoothed = smooth(known.values)
    axes.plot(known["step"], smoothed, linestyle, color=color, linewidth=1.1, label=label)


def _scale(axes: Any, steps: Array, logarithmic: bool) -> None:
    """Write steps as 1,000; put them on a logarithmic axis if asked to, step 0 at its left end."""
    from matplotlib.ticker import FuncFormatter

    later = steps[steps > 0]
    if logarithmic and later.size == steps.size:
        axes.set_xscale("log")
        _write_plainly(axes.xaxis)
        return
    if not logarithmic or not later.size:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
        return
    first, last = float(later.min()), float(later.max())
    axes.set_xscale("symlog", linthresh=first, linscale=0.4)
    decades = 10.0 ** np.arange(np.floor(np.log10(first)), np.log10(last) + 1)
    between = (1, 3) if last < 300 * first else (1,)
    ticks = [float(tick) for tick in np.outer(decades, between).ravel() if first <= tick <= last]
    axes.set_xticks([0.0, *ticks], ["0", *(f"{tick:,.0f}" for tick in ticks)])
    axes.minorticks_off()


def _write_plainly(axis: Any) -> None:
    """Write the steps that matplotlib would label 10³ as 1,000: figures hold no markup."""
    from matplotlib.ticker import LogFormatter

    class Plain(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:,.0f}" if super().__call__(x, pos) else ""

    axis.set_major_formatter(Plain())
    axis.set_minor_formatter(Plain())


def _add_key(figure: Any, axes: Any, layers: list[str]) -> None:
    """Say which shade is which layer, by a bar whose ends and middle are named."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, NoNorm

    key = ScalarMappable(NoNorm(0, len(layers) - 1), ListedColormap(style.shades(len(layers))))
    bar = figure.colorbar(key, ax=list(axes), label="layer, from sound to output", aspect=30)
    step = -(-len(layers) // 14)
    bar.set_ticks(range(0, len(layers), step), labels=layers[::step])
    bar.ax.minorticks_off()
