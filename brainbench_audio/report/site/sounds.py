"""What a stored score says of single sounds: which are alike, and which a model gets wrong."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.spatial.distance import squareform

from brainbench_audio.report.figures import rdm
from brainbench_audio.scores import profiles

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
_SHADES = 255
_DIGITS, _FINE = 4, 6
# more are no picture, and their pairs make a page of megabytes
_MOST_SOUNDS = 500


@dataclass(frozen=True)
class Matrix:
    """Distances of sounds.

    Attributes
    ----------
    triangle : float64 array (pair,)
        The upper one, by rows.
    distance : str
        What was computed; two that are the same have one scale.
    """

    triangle: Array
    distance: str


@dataclass(frozen=True)
class Predictions:
    """Responses of a few targets, and what a model predicts; arrays are (stimulus, target)."""

    targets: tuple[str, ...]
    measured: Array
    predicted: Array


@dataclass(frozen=True)
class Sounds:
    """What is known of each sound, sorted by category.

    Attributes
    ----------
    names, categories : tuple of str
        (stimulus,); categories may be all empty.
    matrices : (Matrix, Matrix) or None
        Of the best layer, and of the responses.
    predictions : Predictions or None
    owed : float64 array (stimulus,) or None
        What the score owes to each sound: the mean score without one sound, less that without this
        one, mean over parts.
    """

    names: tuple[str, ...]
    categories: tuple[str, ...]
    matrices: tuple[Matrix, Matrix] | None
    predictions: Predictions | None
    owed: Array | None

    def data(self) -> dict[str, Any]:
        """Return what a script draws; matrices are a byte an entry."""
        found = self.predictions
        return {
            "matrices": [] if self.matrices is None else _shaded(self.matrices),
            "targets": [] if found is None else list(found.targets),
            "measured": [] if found is None else _short(found.measured),
            "predicted": [] if found is None else _short(found.predicted),
            "owed": None if self.owed is None else self.owed.round(_FINE).tolist(),
        }


def sounds_in(raw: xr.Dataset) -> Sounds | None:
    """Return what is known of sounds; None where these have no names, are many, or nothing is."""
    known = profiles.sounds(raw)
    if known is None or len(known[0]) > _MOST_SOUNDS or len(set(known[0])) < len(known[0]):
        return None
    names, categories = (tuple(texts) for texts in known)
    rows = np.arange(len(names))
    # the order of figures
    ordered = rdm.Sounds(names, categories).ordered("", np.broadcast_to(rows, (len(rows),) * 2))
    order = ordered.values[0].astype(np.intp)
    matrices, predictions, owed = _matrices(raw, order), _predictions(raw, order), _owed(raw, order)
    if matrices is None and predictions is None and owed is None:
        return None
    return Sounds(ordered.stimuli, ordered.categories, matrices, predictions, owed)


def _matrices(raw: xr.Dataset, order: Rows) -> tuple[Matrix, Matrix] | None:
    layer = _matrix(raw, "rdm", profiles.best_rdm(raw), order)
    target = _matrix(raw, "target_rdm", profiles.target_rdm(raw), order)
    return None if layer is None or target is None else (layer, target)


def _matrix(raw: xr.Dataset, name: str, triangle: Array | None, order: Rows) -> Matrix | None:
    pairs = len(order) * (len(order) - 1) // 2
    if triangle is None or triangle.size != pairs or not np.isfinite(triangle).all():
        return None
    square: Any = squareform(triangle, checks=False)
    sorted_ones = square[np.ix_(order, order)][np.triu_indices(len(order), 1)]
    return Matrix(sorted_ones, str(raw[name].attrs.get("distance", "")))


def _predictions(raw: xr.Dataset, order: Rows) -> Predictions | None:
    found = profiles.predictions(raw)
    if found is None or len(found[0]) != len(order):
        return None
    targets = profiles.names_along(found[0], str(found[0].dims[1]))
    measured, predicted = (one.values.astype(np.float64)[order] for one in found)
    return Predictions(tuple(targets), measured, predicted)


def _owed(raw: xr.Dataset, order: Rows) -> Array | None:
    found = profiles.influences(raw)
    if found is None or len(found["influence"]) != len(order):
        return None
    return np.asarray(-found["influence"].values.mean(axis=1)[order])


def _shaded(matrices: tuple[Matrix, Matrix]) -> list[dict[str, Any]]:
    """Return matrices with the ends of their scale, one for both where they can have it."""
    ends = [(float(one.triangle.min()), float(one.triangle.max())) for one in matrices]
    if matrices[0].distance == matrices[1].distance:
        ends = [(min(low for low, _ in ends), max(high for _, high in ends))] * 2
    return [
        {
            "low": round(low, _DIGITS),
            "high": round(high, _DIGITS),
            "distance": one.distance,
            "shades": _as_text(np.rint(_SHADES * (one.triangle - low) / ((high - low) or 1.0))),
        }
        for one, (low, high) in zip(matrices, ends, strict=True)
    ]


def _short(values: Array) -> list[list[float]]:
    """Return the numbers of each target, whatever their unit is, with few digits."""
    return [[float(f"{one:.{_DIGITS}g}") for one in column] for column in values.T.tolist()]


def _as_text(shades: Array) -> str:
    return base64.b64encode(shades.astype(np.uint8).tobytes()).decode("ascii")
