"""The score of each layer of a whole score, also of one whose metric keeps none."""

from __future__ import annotations

import numpy as np
import xarray as xr

from brainbench_audio.scores.profiles import PART, layer_profile, mean_profile, names_along
from brainbench_audio.scores.score import Score


def layer_scores(score: Score) -> xr.DataArray:
    """Return `layer_profile`; of a score without one a single layer with its parts or its value."""
    profile = layer_profile(score.raw)
    if profile is not None:
        return profile
    layer, parts = _single(score)
    values = np.array([list(parts.values())], dtype=np.float64)
    return xr.DataArray(values, {"layer": [layer], PART: list(parts)}, ("layer", PART))


def layer_means(score: Score) -> dict[str, float]:
    """Return `mean_profile`; of a score without one the mean over its parts as a single layer."""
    mean = mean_profile(score.raw)
    if mean is not None:
        return dict(zip(names_along(mean, "layer"), mean.values.tolist(), strict=True))
    layer, parts = _single(score)
    values = np.array(list(parts.values()), dtype=np.float64)
    known = values[np.isfinite(values)]
    return {layer: float(known.mean()) if known.size else float("nan")}


def _single(score: Score) -> tuple[str, dict[str, float]]:
    """Return the name of the only layer, and its parts."""
    return score.layer or "all", dict(score.parts) or {"all": score.value}
