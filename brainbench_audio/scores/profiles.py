"""What a metric may store in `Score.raw`, by name, and how it is read.

A metric that has one of these things stores it under the name given here, so that figures, pages,
comparisons and trajectories find it without knowing the metric. Arrays under other names are the
metric's own: they are kept, and nothing here reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import by_subject
from brainbench_audio.errors import DataError
from brainbench_audio.netcdf import read_dataset

# attribute of `layer_score`, and its value where a subject's parts are averaged by their mean, as
# in the metric's value, and not by their median
AVERAGE, MEAN = "average", "mean"
# dimensions that may have any name: one for what is scored, one for how often
PART, ROUND = "part", "round"
_FREE = (PART, ROUND)
_NAMED = ("layer", "stimulus")
_KINDS = {"number": "f", "integer": "iu", "text": "UTO"}
Array = npt.NDArray[np.float64]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Entry:
    """A variable that a metric may store.

    Attributes
    ----------
    name : str
    dims : tuple of str
        In any order. ``part`` stands for one dimension of any name, what is scored: ``voxel``,
        ``component``, ``label``, ``subject``, …; ``round`` for that of repeated fits: ``fold``, ….
        Along ``layer`` and ``stimulus`` there have to be coordinates, their names.
    kind : str
        ``number`` (floating point), ``integer`` or ``text``.
    meaning : str
    """

    name: str
    dims: tuple[str, ...]
    kind: Literal["number", "integer", "text"]
    meaning: str

    def trouble(self, array: xr.DataArray) -> str | None:
        """Return what is wrong with an array under this name; None if nothing is."""
        told = f"`{array.name}` is "
        fixed = {dim for dim in self.dims if dim not in _FREE}
        if array.ndim != len(self.dims) or not fixed <= set(array.dims):
            return f"{told}({', '.join(map(str, array.dims))}), not ({', '.join(self.dims)})."
        if array.dtype.kind not in _KINDS[self.kind]:
            return f"{told}of type {array.dtype}, not {self.kind}."
        for dim in fixed.intersection(_NAMED):
            if dim not in array.coords:
                return f"{told}along `{dim}`, and no coordinate `{dim}` names these."
        return None

    def ordered(self, array: xr.DataArray) -> xr.DataArray:
        """Return the array with its dimensions in the order of the schema."""
        others = iter([dim for dim in array.dims if dim not in self.dims or dim in _FREE])
        return array.transpose(*(next(others) if dim in _FREE else dim for dim in self.dims))


_ENTRIES = (
    Entry("layer_score", ("layer", PART), "number", "score of each layer alone, for each part"),
    Entry("profile", ("layer",), "number", "score of each layer alone, parts averaged as in it"),
    Entry(
        "dimensionality", ("layer",), "number", "participation ratio of the features over sounds"
    ),
    Entry("feature_count", ("layer",), "integer", "features of the layer"),
    Entry("layer_weights", ("fold", "layer"), "number", "share of each layer in a learned mean"),
    Entry("chosen_layer", (ROUND, PART), "integer", "place in `layer` of the layer chosen"),
    Entry("penalty", (ROUND, PART), "number", "penalty of the fit chosen"),
    Entry("measured", ("stimulus", PART), "number", "responses, sessions averaged"),
    Entry("prediction", ("stimulus", PART), "number", "predictions of held-out responses"),
    Entry(
        "sound_error", ("stimulus", PART), "number", "squared error of predictions, see `errors_of`"
    ),
    Entry("sound_spread", ("stimulus", PART), "number", "the same of the mean over all sounds"),
    Entry("r2", (PART,), "number", "squared correlation of `measured` and `prediction`"),
    Entry("r2_corrected", (PART,), "number", "`r2` corrected for noise, which the score then is"),
    Entry("bootstrap", ("draw",), "number", "score in each draw; attribute `seed`: that of draws"),
    Entry("influence", ("left_out", PART), "number", "parts without each sound, less their mean"),
    Entry(
        "pair_sketch",
        ("bin", PART),
        "number",
        "sums over pairs of stimuli, see `sketch`; attributes: shares that go, if not 0.5",
    ),
    Entry("choice_sketch", ("weighting", PART), "number", "with the choice anew, see `weightings`"),
    Entry("learning_curve", ("setting", "epoch"), "number", "validation score, NaN after the end"),
    Entry("rdm", ("pair",), "number", "distances of stimuli in the best layer, upper triangle"),
    Entry("target_rdm", ("pair",), "number", "distances in the responses, mean over subjects"),
    Entry("session_reliability", (PART,), "number", "reliability of the mean over sessions"),
    Entry("ceiling_lower", ("subject",), "number", "each subject beside the mean of the others"),
    Entry("ceiling_upper", ("subject",), "number", "each subject beside the mean of all"),
    Entry("subject_dropped", ("absent",), "text", "subjects of whom nothing could be scored"),
)
SCHEMA: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
# what no coordinate of a data set may be called, as metrics use these names in `raw`
TAKEN = frozenset(SCHEMA) | {
    *(dim for entry in _ENTRIES for dim in entry.dims if dim not in _FREE),
    *("dropped", "measured_reliability", "predicted_reliability"),
} - {"subject"}

# what scores stored before there was a schema call it
_FORMER = {"layer_score": ("layer_r2", "rho", "cka")}


def check_raw(raw: xr.Dataset) -> list[str]:
    """Return what does not follow the schema, a sentence each; empty if all does.

    Examples
    --------
    >>> check_raw(xr.Dataset({"profile": ("layer", [0.1, 0.2]), "my_own": ("x", [1])}))
    ['`profile` is along `layer`, and no coordinate `layer` names these.']
    """
    found = [SCHEMA[str(name)].trouble(raw[name]) for name in raw.data_vars if name in SCHEMA]
    if "bootstrap" in raw and not _is_integer(raw.attrs.get("seed")):
        found.append("`bootstrap` is stored without the attribute `seed`, an integer.")
    if ("measured" in raw) != ("prediction" in raw):
        found.append("`measured` and `prediction` are of no use without each other.")
    return [trouble for trouble in found if trouble]


def present(found: Found | None, name: str) -> Found:
    """Return what was read under a name of the schema.

    Raises
    ------
    DataError
        It is None: the score has no such thing.
    """
    if found is None:
        raise DataError(
            f"This score has no `{name}` ({SCHEMA[name].meaning}): take one of a metric that "
            f"stores it, see `brainbench info METRIC`."
        )
    return found


def read_raw(path: Path, *names: str) -> xr.Dataset:
    """Return the raw part of a stored score: variables of the schema, and all of one dimension.

    Raises
    ------
    DataError
        The file is missing or damaged.
    """
    wanted = [each for name in names for each in (name, *_FORMER.get(name, ()))]
    return read_dataset(path, wanted, checked=True, decode_times=False)


def layer_targets(raw: xr.Dataset) -> xr.DataArray | None:
    """Return the score of each layer alone, ``layer`` x part, as the metric stored it."""
    return _stored(raw, "layer_score")


def layer_profile(raw: xr.Dataset) -> xr.DataArray | None:
    """Return the score of each layer alone, few enough parts to be looked at.

    Returns
    -------
    xr.DataArray or None
        float64, ``layer`` x ``subject`` where a coordinate ``subject`` runs along the parts: the
        median over each subject's, or their mean where the metric says so (`averaging`). Else
        ``layer`` x component (or whatever the parts are): parts of one name are averaged. Where the
        metric stores `profile` only, ``layer`` x ``part``.
    """
    each = layer_targets(raw)
    if each is None:
        mean = _stored(raw, "profile")
        return None if mean is None else _labelled(mean.values[:, np.newaxis], mean, PART, ["all"])
    values, part = each.values.astype(np.float64), str(each.dims[1])
    groups = by_subject(each)
    if groups is not None:
        average = averaging(each)
        averages = [_over(values[:, places], average) for places in groups.values()]
        return _labelled(np.stack(averages, axis=1), each, "subject", list(groups))
    names = names_along(each, part)
    once = list(dict.fromkeys(names))
    if len(once) < len(names):
        every = np.array(names)
        means = [_over(values[:, every == name], np.nanmean) for name in once]
        values = np.stack(means, axis=1)
    return _labelled(values, each, part, once)


def averaging(layer_score: xr.DataArray) -> Callable[..., Any]:
    """Return what a subject's parts are averaged by, NaN left out: median, or mean if so stored."""
    return np.nanmean if layer_score.attrs.get(AVERAGE) == MEAN else np.nanmedian


def mean_profile(raw: xr.Dataset) -> xr.DataArray | None:
    """Return one value a layer, (layer,): `profile`, else the mean over `layer_profile`."""
    mean = _stored(raw, "profile")
    if mean is not None:
        return mean.astype(np.float64)
    profile = layer_profile(raw)
    return None if profile is None else _mean(profile)


def layer_weights(raw: xr.Dataset) -> xr.DataArray | None:
    """Return how much of each layer a downstream model takes, float64 (fold, layer)."""
    weights = _stored(raw, "layer_weights")
    return None if weights is None else weights.astype(np.float64)


def learning_curves(raw: xr.Dataset) -> xr.DataArray | None:
    """Return validation scores, float64 (setting, epoch), NaN after a setting stopped.

    The attribute ``chosen`` is the place of the chosen setting (where `raw` has no attribute
    ``chosen_setting``, that of the highest value), ``metric`` the name of what was measured, the
    first along the coordinate ``metric``.
    """
    stored = _stored(raw, "learning_curve")
    if stored is None:
        return None
    curves = stored.astype(np.float64)
    best = int(np.where(np.isfinite(curves.values), curves.values, -np.inf).max(axis=1).argmax())
    names = raw["metric"].values.astype(str).tolist() if "metric" in raw.coords else []
    chosen = int(raw.attrs.get("chosen_setting", best))
    return curves.assign_attrs(chosen=chosen, metric=names[0] if names else "score")


def influences(raw: xr.Dataset) -> dict[str, xr.DataArray] | None:
    """Return what parts owe to stimuli, `influence`, and the sketches that are stored.

    All float64, last along the parts. None where the metric stores no influence.
    """
    names = ("influence", "pair_sketch", "choice_sketch")
    found = {name: _stored(raw, name) for name in names}
    if found["influence"] is None:
        return None
    return {name: one.astype(np.float64) for name, one in found.items() if one is not None}


def sound_errors(raw: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray] | None:
    """Return `sound_error` and `sound_spread`, (stimulus, part), where they are stored."""
    error, spread = _stored(raw, "sound_error"), _stored(raw, "sound_spread")
    return None if error is None or spread is None else (error, spread)


def dimensions(raw: xr.Dataset, layer: str | None) -> tuple[float, int] | None:
    """Return effective dimensionality and number of features of a layer, where they are stored."""
    effective, features = _stored(raw, "dimensionality"), _stored(raw, "feature_count")
    if effective is None or features is None or layer not in names_along(effective, "layer"):
        return None
    place = names_along(effective, "layer").index(str(layer))
    return float(effective[place]), int(features[place])


def best_rdm(raw: xr.Dataset) -> Array | None:
    """Return the distances of stimuli in the best layer, (pair,): the upper triangle by rows."""
    distances = _stored(raw, "rdm")
    return None if distances is None else distances.values.astype(np.float64)


def target_rdm(raw: xr.Dataset) -> Array | None:
    """Return the distances of stimuli in the responses, (pair,), in the order of `best_rdm`."""
    distances = _stored(raw, "target_rdm")
    return None if distances is None else distances.values.astype(np.float64)


def predictions(raw: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray] | None:
    """Return `measured` and `prediction`, (stimulus, target); None where the metric stores none."""
    measured, predicted = _stored(raw, "measured"), _stored(raw, "prediction")
    if measured is None or predicted is None or measured.shape != predicted.shape:
        return None
    return measured, predicted


def sounds(raw: xr.Dataset) -> tuple[list[str], list[str]] | None:
    """Return names and categories of the stimuli, "" where they have none; None without names."""
    if "stimulus" not in raw.coords or raw["stimulus"].dims != ("stimulus",):
        return None
    names = names_along(raw["stimulus"], "stimulus")
    # a file does not say that it is a coordinate where no array runs along stimuli
    if "category" not in raw.variables or raw["category"].dims != ("stimulus",):
        return names, [""] * len(names)
    return names, [str(one) for one in raw["category"].values]


def names_along(array: xr.DataArray, dimension: str) -> list[str]:
    """Return what is along a dimension, by its coordinate; else counted, as ``voxel 0``."""
    if dimension in array.coords:
        return [str(name) for name in array[dimension].values]
    return [f"{dimension} {place}" for place in range(array.sizes[dimension])]


def _stored(raw: xr.Dataset, name: str) -> xr.DataArray | None:
    """Return a variable that follows the schema, dimensions in its order, else None."""
    entry = SCHEMA[name]
    for key in (name, *_FORMER.get(name, ())):
        if key in raw.data_vars and entry.trouble(raw[key]) is None:
            return entry.ordered(raw[key])
    return None


def _labelled(values: Array, like: xr.DataArray, part: str, names: list[str]) -> xr.DataArray:
    coordinates = {"layer": names_along(like, "layer"), part: names}
    return xr.DataArray(values.astype(np.float64), coordinates, ("layer", part))


def _mean(profile: xr.DataArray) -> xr.DataArray:
    return profile[:, 0].reset_coords(drop=True).copy(data=_over(profile.values, np.nanmean))


def _over(values: Array, reduce: Callable[..., Any]) -> Array:
    """Reduce each row, NaN left out; NaN for a row of them."""
    found = np.full(len(values), np.nan)
    some = np.isfinite(values).any(axis=1)
    found[some] = reduce(values[some], axis=1)
    return found


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
