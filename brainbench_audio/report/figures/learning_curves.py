"""How downstream models learned: their score on validation data after each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.report.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEIGHT = 60.0


def learning_curves(raw: xr.Dataset) -> xr.DataArray:
    """Return the curves, (setting, epoch), from the raw part of a probe's score.

    NaN after a setting stopped. The attribute ``chosen`` is the place of the chosen setting (where
    the score does not say, that of the highest value), ``metric`` the name of what was measured.

    Raises
    ------
    DataError
        There are none.
    """
    if "learning_curve" not in raw or set(raw["learning_curve"].dims) != {"setting", "epoch"}:
        raise DataError("This score has no learning curves: take one of the metric probe.")
    curves = raw["learning_curve"].transpose("setting", "epoch").astype(np.float64)
    finite = np.isfinite(curves.values)
    if not finite.any():
        raise DataError("The learning curves of this score are empty: score the pair again.")
    best = int(np.where(finite, curves.values, -np.inf).max(axis=1).argmax())
    names = raw["metric"].values.astype(str).tolist() if "metric" in raw.coords else []
    chosen = int(raw.attrs.get("chosen_setting", best))
    return curves.assign_attrs(chosen=chosen, metric=names[0] if names else "score")


def numbers(curves: Mapping[str, xr.DataArray]) -> list[dict[str, Any]]:
    """Return what is drawn, for JSON."""
    rows = []
    for benchmark, found in curves.items():
        best = found.attrs["chosen"]
        for place, values in enumerate(found.values):
            known = values[np.isfinite(values)].tolist()
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
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), borderaxespad=0)
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
