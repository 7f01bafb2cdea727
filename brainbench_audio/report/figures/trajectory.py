"""Scores over the course of a training, layer by layer, as `courses` draws them."""

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
from brainbench_audio.report.versions import parsed_model
from brainbench_audio.scores.score import Score

if TYPE_CHECKING:
    from brainbench_audio.report.results import Result

WINDOW, ORDER = 10, 3
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
    return {
        name: panel
        for name, panel in panels.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }


def chosen_layers(
    panels: Mapping[str, xr.DataArray], patterns: Sequence[str]
) -> dict[str, xr.DataArray]:
    """Return the panels with the layers that are named, from sound to output.

    Raises
    ------
    DataError
        One of the names or globs fits no layer.
    """
    known = layers_of(panels)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise DataError(
                f"There is no layer {pattern}, only {', '.join(known)}: name some of these."
            )
    chosen = [name for name in known if any(fnmatchcase(name, each) for each in patterns)]
    found = {}
    for name, panel in panels.items():
        # a layer that is named may have no score on one of the benchmarks
        if there := [layer for layer in chosen if layer in panel["layer"].values]:
            found[name] = panel.sel(layer=there)
    return found


def layers_of(panels: Mapping[str, xr.DataArray]) -> list[str]:
    """Return the names of all layers, each once, from sound to output."""
    every = (str(name) for panel in panels.values() for name in panel["layer"].values)
    return list(dict.fromkeys(every))


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
