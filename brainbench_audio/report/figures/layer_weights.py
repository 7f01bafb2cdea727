"""Which layers a downstream model listens to: the weights it learned, over folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.report.figures import style
from brainbench_audio.report.figures.layers import label_layers
from brainbench_audio.scores import profiles as stored
from brainbench_audio.scores.statistics import standard_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def layer_weights(raw: xr.Dataset) -> xr.DataArray:
    """Return the weights of layers, (fold, layer), from the raw part of a score.

    Raises
    ------
    DataError
        There are none.
    """
    return stored.present(stored.layer_weights(raw), "layer_weights")


def numbers(weights: Mapping[str, xr.DataArray]) -> list[dict[str, Any]]:
    """Return what is drawn, for JSON: means, standard errors over folds, and the equal weight."""
    return [
        {
            "benchmark": benchmark,
            "layer": layer,
            "weight": float(found.sel(layer=layer).mean()),
            "error": standard_error(found.sel(layer=layer).values),
            "equal": 1 / found.sizes["layer"],
        }
        for benchmark, found in weights.items()
        for layer in found["layer"].values.tolist()
    ]


def plot(weights: Mapping[str, xr.DataArray], title: str) -> Figure:
    """Return the figure: a line a task with standard errors over folds, dashed equal weights.

    Parameters
    ----------
    weights : mapping of str to xr.DataArray (fold, layer)
        By benchmark, all of the same layers.
    title : str

    Raises
    ------
    DataError
        The benchmarks were scored with other layers.
    """
    names = [found["layer"].values.astype(str).tolist() for found in weights.values()]
    if any(other != names[0] for other in names):
        raise DataError(
            "These scores are of different layers: score the model on all of them anew."
        )
    layers = names[0]
    longest = min(max(map(len, layers)), 40)
    figure = style.new_figure(style.COLUMN, 70 + 1.1 * longest + 4 * len(weights))
    axes: Any = figure.subplots()
    shift = np.linspace(-0.18, 0.18, len(weights)) if len(weights) > 1 else np.zeros(1)
    for number, (benchmark, found) in enumerate(weights.items()):
        errors = [standard_error(column) for column in found.values.T]
        axes.errorbar(
            np.arange(len(layers)) + shift[number],
            found.mean("fold").values,
            yerr=None if None in errors else errors,
            linewidth=0.8,
            markersize=3,
            capsize=1.2,
            label=style.shown(benchmark),
            clip_on=False,  # a weight of 0 stands on the axis
            **style.series(number),
        )
    axes.axhline(1 / len(layers), color=style.FAINT, linestyle="--", label="all equal")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("share of the weight")
    label_layers(axes, layers)
    style.legend(figure, style.entries_of([axes]), loc="outside lower center", ncols=1)
    figure.suptitle(title)
    return figure
