"""How good each layer of a model is, read from the arrays of a stored score."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_log = logging.getLogger(__name__)
# What is drawn and what to call it, the finest first. Two-dimensional ones are taken with few parts
# only: a profile is read, not a brain.
_NAMES = {
    "rho": "score",
    "layer_r2": "score",
    "profile": "score",
    "layer_weights": "learned weight",
}
_MOST_PARTS = 64
_LEAST_LAYERS = 2


@dataclass(frozen=True)
class LayerProfile:
    """A number for each layer.

    Attributes
    ----------
    what : str
        The number: ``score`` or ``learned weight``.
    layers : tuple of str
        In the order in which sound passes through them.
    parts : tuple of str
        Subjects, components or folds; empty if there is one curve only.
    values : array (part or 1, layer)
        NaN where a layer has no score.
    """

    what: str
    layers: tuple[str, ...]
    parts: tuple[str, ...]
    values: npt.NDArray[np.float64]


def read_profile(path: Path) -> LayerProfile | None:
    """Return the profile of a stored score, reading one small variable; None if it has none."""
    import netCDF4

    try:
        with netCDF4.Dataset(path) as data:
            data.set_auto_mask(False)
            return _profile(data)
    except (OSError, RuntimeError, ValueError) as error:
        _log.warning("%s has no layer profile that can be read: %s", path, error)
        return None


def _profile(data: Any) -> LayerProfile | None:
    if "layer" not in data.variables or len(data.variables["layer"]) < _LEAST_LAYERS:
        return None
    layers = tuple(map(str, data.variables["layer"][:]))
    for name, what in _NAMES.items():
        variable = data.variables.get(name)
        if variable is None or variable.dimensions.count("layer") != 1 or variable.ndim > 2:
            continue
        if variable.size > len(layers) * _MOST_PARTS:
            continue
        values = np.asarray(variable[:], dtype=np.float64)
        if variable.ndim == 1:
            return LayerProfile(what, layers, (), values[np.newaxis])
        place = variable.dimensions.index("layer")
        parts = _names(data, variable.dimensions[1 - place])
        return LayerProfile(what, layers, parts, values.T if place == 0 else values)
    return None


def _names(data: Any, dimension: str) -> tuple[str, ...]:
    size = len(data.dimensions[dimension])
    if dimension in data.variables and data.variables[dimension].ndim == 1:
        return tuple(map(str, data.variables[dimension][:]))
    return tuple(f"{dimension} {place}" for place in range(size))
