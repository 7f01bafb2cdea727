"""Alignment over the course of a training, layer by layer: figures 6 and 7 of the paper.

One panel a benchmark (or region), one line a layer from dark (first) to light (last): the scores as
dots, and smoothed by a Savitzky-Golay filter as lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.netcdf import read_dataset
from brainbench_audio.report.figures import style
from brainbench_audio.report.versions import parsed_model
from brainbench_audio.scores.score import Score

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brainbench_audio.report.results import Result

WINDOW, ORDER = 10, 3
_HEIGHT = 62.0
_PANEL_DIMENSIONS = ("benchmark", "region")
Array = npt.NDArray[np.float64]


def smooth(values: npt.ArrayLike, window: int = WINDOW, order: int = ORDER) -> Array:
    """Return values fitted locally by polynomials (Savitzky and Golay 1964).

    Parameters
    ----------
    values : float array (step,)
        At even distances. NaN stays NaN, and the values around it are taken as neighbours.
    window, order : int
        Values a fit, and degree of the polynomial. Of fewer values than ``window`` all make one
        fit; of no more than ``order`` nothing is changed.

    Notes
    -----
    "Better audio representations are more brain-like", figures 6 and 7: window 10, order 3.

    Examples
    --------
    >>> smooth([0.0, 1.0, 8.0, 27.0, 64.0]).round(6).tolist()
    [0.0, 1.0, 8.0, 27.0, 64.0]
    """
    import scipy.signal

    found = np.array(values, dtype=np.float64)
    known = np.isfinite(found)
    length = min(window, int(known.sum()))
    if length > order:
        found[known] = scipy.signal.savgol_filter(found[known], length, order)
    return found


def read_trajectory(path: Path) -> xr.Dataset:
    """Read what `brainbench trajectory --output` wrote.

    Raises
    ------
    DataError
        There is no such file, or it is damaged.
    """
    if not path.is_file():
        raise DataError(
            f"{path} does not exist. This makes it: brainbench trajectory --model ID --checkpoints "
            f"SOURCE --benchmark ID --output {path}"
        )
    return read_dataset(path)


def stored_steps(
    model: str, benchmarks: Sequence[str], results: Iterable[Result]
) -> dict[tuple[int, str], Score]:
    """Return the stored scores of all steps of a training, by step and benchmark.

    Parameters
    ----------
    model : str
        Without its step.
    benchmarks : sequence of str
        Globs allowed.
    results : iterable of Result
        Of the model's steps, one version each.

    Raises
    ------
    DataError
        No step is stored.
    """
    found = {
        (step, result.benchmark): Score.from_netcdf(result.path)
        for result in results
        if result.path
        and (step := parsed_model(result.id).step) is not None
        and any(fnmatchcase(result.benchmark, pattern) for pattern in benchmarks)
    }
    if not found:
        named = " ".join(benchmarks)
        raise DataError(
            f"No step of {model} is scored on {named}. This does it: brainbench trajectory --model "
            f"{model} --checkpoints SOURCE --benchmark {named}"
        )
    return found


def chosen_panels(
    panels: Mapping[str, xr.DataArray], patterns: Sequence[str]
) -> dict[str, xr.DataArray]:
    """Return the panels whose benchmark (or region) is named, in the order of the file.

    Raises
    ------
    DataError
        One of the names or globs fits none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in panels):
            raise DataError(
                f"The file has no {pattern}, only {', '.join(panels)}: name some of these, or "
                "leave --benchmark out."
            )
    chosen = {
        name: panel
        for name, panel in panels.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }
    return chosen


def panels_of(data: xr.Dataset | xr.DataArray) -> dict[str, xr.DataArray]:
    """Return for each benchmark (or region) the score of each layer at each step.

    Parameters
    ----------
    data : xr.Dataset or xr.DataArray
        What `brainbench trajectory` writes; or an array (step, layer) with or without a third
        dimension such as ``subject``, averaged here, and ``benchmark`` or ``region``.

    Returns
    -------
    dict of str to xr.DataArray
        float64 (step, layer), by step; layers without any score are left out.

    Raises
    ------
    DataError
        There is no array of steps and layers, or it has no numbers.
    """
    array = data if isinstance(data, xr.DataArray) else data.get("mean", data.get("score"))
    if array is None or not {"step", "layer"} <= set(array.dims):
        raise DataError(
            "These are no scores of steps and layers: make them by brainbench trajectory."
        )
    along = [name for name in _PANEL_DIMENSIONS if name in array.dims]
    rest = [name for name in array.dims if name not in ("step", "layer", *along)]
    averaged = array.astype(np.float64).mean(rest, skipna=True) if rest else array
    stacked = averaged.transpose("step", "layer", *along).sortby("step")
    found: dict[str, xr.DataArray] = {}
    for place in np.ndindex(*(array.sizes[name] for name in along)):
        one = stacked.isel(dict(zip(along, place, strict=True)))
        one = one.dropna("layer", how="all")
        if one.size:
            names = [str(one[name].item()) for name in along]
            found[" ".join(names)] = one.reset_coords(drop=True)
    if not found:
        raise DataError("There is not a single score among these steps and layers.")
    return found


def numbers(panels: Mapping[str, xr.DataArray]) -> list[dict[str, Any]]:
    """Return what is drawn, for JSON."""
    return [
        {
            "benchmark": name,
            "layer": str(layer),
            "steps": panel["step"].values.tolist(),
            "values": panel.sel(layer=layer).values.tolist(),
            "smoothed": smooth(panel.sel(layer=layer).values).tolist(),
        }
        for name, panel in panels.items()
        for layer in panel["layer"].values.tolist()
    ]


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
        See `panels_of`.
    title, unit : str
    logarithmic : bool
        Steps on a logarithmic axis; step 0 then stands at its left end.
    """
    layers = list(dict.fromkeys(str(n) for p in panels.values() for n in p["layer"].values))
    colours = dict(zip(layers, style.shades(len(layers)), strict=True))
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    figure = style.new_figure(style.COLUMN * columns, 12 + _HEIGHT * rows)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, panel) in zip(every, panels.items(), strict=False):
        for layer in panel["layer"].values.tolist():
            _draw_line(axes, panel.sel(layer=layer), colours[str(layer)])
        if logarithmic:
            _scale(axes, panel["step"].values)
        axes.set_xlabel("training step")
        axes.set_ylabel(unit)
        axes.set_title(name)
    for axes in every[len(panels) :]:
        axes.set_visible(False)
    _add_key(figure, every[: len(panels)], layers)
    figure.suptitle(title)
    return figure


def _draw_line(axes: Any, line: xr.DataArray, colour: Any) -> None:
    known = line.dropna("step")
    axes.plot(known["step"], known, ".", color=colour, markersize=2, alpha=0.5)
    axes.plot(known["step"], smooth(known.values), "-", color=colour, linewidth=1.1)


def _scale(axes: Any, steps: Array) -> None:
    """Put steps on a logarithmic axis, and step 0 at its left end."""
    later = steps[steps > 0]
    if not later.size:
        return
    if later.size == steps.size:
        axes.set_xscale("log")
        _write_plainly(axes.xaxis)
        return
    first, last = float(later.min()), float(later.max())
    axes.set_xscale("symlog", linthresh=first, linscale=0.4)
    decades = 10.0 ** np.arange(np.floor(np.log10(first)), np.log10(last) + 1)
    between = (1, 3) if last < 50 * first else (1,)
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
