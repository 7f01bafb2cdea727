"""How good each layer of a model is, as the arrays of a stored score say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.scores import profiles
from brainbench_audio.sharing.record import PROFILE

# With more parts only their mean is read: a profile is looked at, not a brain.
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

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Mean over parts of each layer, NaN where none has a score."""
        known = np.isfinite(self.values)
        count = known.sum(axis=0)
        total = np.where(known, self.values, 0.0).sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest value, and 0."""
        finite = self.values[np.isfinite(self.values)]
        return float(finite.min(initial=0.0)), float(finite.max(initial=0.0))


def profile_of_record(summary: Mapping[str, Any]) -> LayerProfile | None:
    """Return the profile in a record of a folder of results; None if there are no two layers."""
    mean = summary.get(PROFILE, {})
    values = [np.nan if number is None else number for number in mean.values()]
    found = LayerProfile("score", tuple(mean), (), np.array([values]))
    return found if len(mean) >= _LEAST_LAYERS else None


def profile_in(raw: xr.Dataset) -> LayerProfile | None:
    """Return the profile in the raw part of a score; None if there are no two layers."""
    each, what = profiles.layer_targets(raw), "score"
    many = each is not None and each.shape[1] > _MOST_PARTS
    profile = profiles.mean_profile(raw) if many else profiles.layer_profile(raw)
    if profile is None:
        weights, what = profiles.layer_weights(raw), "learned weight"
        profile = None if weights is None else weights.T
    if profile is None:
        return None
    layers, *parts = (tuple(profiles.names_along(profile, str(dim))) for dim in profile.dims)
    values = profile.values.T.reshape(-1, len(layers))
    if len(layers) < _LEAST_LAYERS:
        return None
    return LayerProfile(what, layers, parts[0] if len(values) > 1 else (), values)
