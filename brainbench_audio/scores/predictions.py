"""How far predictions are off for each sound, brought together over the targets of each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import by_subject
from brainbench_audio.names import one_form
from brainbench_audio.scores.profiles import names_along, predictions, sound_errors

Array = npt.NDArray[np.float64]
# along the sounds of `Score.raw`; what parts are a sample of, on `sound_error`
CATEGORY, UNITS = "category", "units"
_PART, _ALL = "predicted_part", "all"


def with_sound_errors(raw: xr.Dataset) -> xr.Dataset:
    """Return the raw part of a score with what its predictions miss of each sound.

    Parameters
    ----------
    raw : xr.Dataset
        Returned as it is where it has no `measured` and `prediction`.

    Returns
    -------
    xr.Dataset
        With `sound_error` and `sound_spread`, see `errors_of`.
    """
    errors = errors_of(raw)
    return raw if errors is None else raw.merge(errors, combine_attrs="override")


def with_categories(data: xr.Dataset, categories: Mapping[str, str]) -> xr.Dataset:
    """Return the data set with the categories of its sounds; as it is where one has none."""
    if data["stimulus"].dims != ("stimulus",):
        return data
    known = {one_form(name): category for name, category in categories.items()}
    names = [one_form(str(name)) for name in data["stimulus"].values]
    if not set(names) <= set(known):
        return data
    return data.assign_coords({CATEGORY: ("stimulus", [known[name] for name in names])})


def errors_of(raw: xr.Dataset) -> xr.Dataset | None:
    r"""Return how far predictions are off for each sound; None where there are none.

    Of each part, a subject or a component, the means over its targets t of

    .. math:: e_i = (y_{it} - \bar y_t - \beta_t (\hat y_{it} - \bar{\hat y}_t))^2 / s_t^2, \quad
              b_i = (y_{it} - \bar y_t)^2 / s_t^2

    with y the responses, :math:`\hat y` the predictions of held-out ones, bars and :math:`s^2`
    means and variance over all sounds. :math:`\beta`, the slope of the line through responses and
    predictions, or 0 where it is negative, makes :math:`1 - \sum e / \sum b` the squared
    correlation that the score of a target is. So b is on average 1, and e is where nothing is
    predicted.

    Parameters
    ----------
    raw : xr.Dataset
        Of a score. What is stored there is returned; of scores stored before there was such a
        thing, it is computed from `measured` and `prediction`.

    Returns
    -------
    xr.Dataset or None
        `sound_error`, `sound_spread`: float64 (stimulus, predicted_part). The attribute ``units``
        of the former is ``listeners``, or empty. Targets with a NaN or without variance are left
        out.
    """
    stored = sound_errors(raw)
    if stored is not None:
        error, spread = stored
        return xr.Dataset({"sound_error": error, "sound_spread": spread})
    pair = predictions(raw)
    if pair is None:
        return None
    measured, prediction = (one.astype(np.float64) for one in pair)
    parts = _parts(measured)
    means = [_means(measured.values, prediction.values, some) for some in parts.values()]
    known = {name: one for name, one in zip(parts, means, strict=True) if one}
    if not known:
        return None
    missed, there = (np.stack([one[place] for one in known.values()], axis=1) for place in (0, 1))
    units = "" if by_subject(measured) is None else "listeners"
    dims = ("stimulus", _PART)
    along: dict[str, Any] = {"stimulus": measured["stimulus"].values}
    if CATEGORY in measured.coords and measured[CATEGORY].dims == ("stimulus",):
        along[CATEGORY] = ("stimulus", measured[CATEGORY].values)
    return xr.Dataset(
        {"sound_error": (dims, missed, {UNITS: units}), "sound_spread": (dims, there)},
        {**along, _PART: list(known)},
    )


def _parts(measured: xr.DataArray) -> dict[str, npt.NDArray[np.intp]]:
    """Return the targets of each subject, else of each component, else all."""
    subjects, target = by_subject(measured), str(measured.dims[1])
    if subjects is not None:
        return subjects
    if target != "component":
        return {_ALL: np.arange(measured.shape[1])}
    names = np.array(names_along(measured, target))
    return {name: np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())}


def _means(
    measured: Array, prediction: Array, targets: npt.NDArray[np.intp]
) -> tuple[Array, Array] | None:
    """Return e and b of some targets, each (stimulus,); None where none can be used."""
    pair = measured[:, targets], prediction[:, targets]
    usable = np.asarray(np.isfinite(pair[0]).all(axis=0) & np.isfinite(pair[1]).all(axis=0))
    # what differs by rounding only is constant
    rounding = 4.0 * np.finfo(np.float64).eps * np.abs(pair[0][:, usable]).max(axis=0, initial=0.0)
    usable[usable] = np.ptp(pair[0][:, usable], axis=0) > rounding
    if not usable.any():
        return None
    responses, predicted = (_of_unit_size(one[:, usable]) for one in pair)
    variance = responses.var(axis=0)
    squares = np.square(predicted).sum(axis=0)
    slope = np.maximum((responses * predicted).sum(axis=0), 0.0)
    np.divide(slope, squares, out=slope, where=squares > 0)
    error = np.square(responses - slope * predicted) / variance
    spread = np.square(responses) / variance
    return error.mean(axis=1), spread.mean(axis=1)


def _of_unit_size(values: Array) -> Array:
    """Return columns of mean 0 in units of their largest value, whose squares floats hold."""
    size = np.maximum(np.abs(values).max(axis=0), np.finfo(np.float64).tiny)
    scaled = values / size
    return np.asarray(scaled - scaled.mean(axis=0))
