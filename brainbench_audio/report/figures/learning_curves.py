"""How downstream models learned: their score on validation data after each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.report.figures import style
from brainbench_audio.scores import profiles as stored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEIGHT = 60.0


def learning_curves(raw: xr.Dataset) -> xr.DataArray:
    """Return the curves, (setting, epoch), see `scores.profiles.learning_curves`.

    Raises
    ------
    DataError
        There are none, or they are empty.
    """
    found = stored.present(stored.learning_curves(raw), "learning_curve")
    if not np.isfinite(found.values).any():
        raise DataError("The learning curves of this score are empty: score the pair again.")
    return found


def numbers(curves: Mapping[str, xr.DataArray]) -> list[dict[str, Any]]:
    """Return what is drawn, for JSON."""
    rows = []
    for benchmark, found in curves.items():
        best = found.attrs["chosen"]
        for place, values in enumerate(found.values):
            # settings stop after different epochs
            last = int(np.flatnonzero(np.isfinite(values)).max(initial=-1)) + 1
            known = [value if np.isfinite(value) else None for value in values[:last].tolist()]
            one = {"benchmark": benchmark, "setting": describe(found, place)}
            rows.append(one | {"chosen": place == best, "values": known})
    return rows


def plot(curves: Mapping[str, xr.DataArray], title: str) -> Figure:
    """Return the figure: a panel a task, a thin line a setting, bold the chosen one.

    Parameters
    ----------
    curves : mapping of str to xr.DataArray (setting, epoch)
        By benchmark, see `learning_curves`.
    title : str
    """
    columns = min(len(curves), 2)
    rows = -(-len(curves) // columns)
    figure = style.new_figure(style.COLUMN * columns, 8 + _HEIGHT * rows)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (benchmark, found) in zip(every, curves.items(), strict=False):
        best = found.attrs["chosen"]
        epochs = np.arange(1, found.sizes["epoch"] + 1)
        others = np.delete(found.values, best, axis=0)
        if len(others):
            lines = axes.plot(epochs, others.T, color=style.FAINT, linewidth=0.6)
            lines[0].set_label("other settings")
        label = describe(found, best)
        axes.plot(epochs, found.values[best], color=style.SERIES[0], linewidth=1.6, label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"{found.attrs['metric']}, validation")
        axes.set_title(benchmark)
        style.legend(
            axes,
            style.entries_of([axes]),
            loc="upper left",
            bbox_to_anchor=(0, -0.2),
            borderaxespad=0,
        )
    for axes in every[len(curves) :]:
        axes.set_visible(False)
    figure.suptitle(title)
    return figure


def describe(curves: xr.DataArray, place: int) -> str:
    """Return what a setting is, as far as the coordinates along ``setting`` tell."""
    told = {
        str(name): coordinate.values[place]
        for name, coordinate in curves.coords.items()
        if coordinate.dims == ("setting",)
    }
    words = [f"{name.replace('_', ' ')} {value}" for name, value in told.items()]
    return ", ".join(words) or f"setting {place + 1}"
