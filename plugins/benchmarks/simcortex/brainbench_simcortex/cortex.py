"""The simulated cortex: which voxel lies where, what drives it, and how noisy it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .features import BANDS, REGION_EDGES

Array = NDArray[np.float64]
Rng = np.random.Generator

SUBJECTS = 4
VOXELS = 150
SESSIONS = 3
RELIABILITY = (0.4, 0.9)
REGIONS: Mapping[str, tuple[str, ...]] = {
    "Primary": ("frequency", "modulation"),
    "Lateral": ("syllables",),
    "Anterior": ("category",),
    "Posterior": ("pitch",),
}
SUPPRESSED = 0.4
_FEWEST = 25


@dataclass(frozen=True)
class Cortex:
    """Voxels and what they answer to the sounds.

    Attributes
    ----------
    subject, region, planted_layer : (voxel,) names.
    reliability : (voxel,)
        Of the response averaged over the sessions; the expected squared correlation of that
        response with `signal`, so the ceiling of R².
    signal : (stimulus, voxel)
        The noiseless response: mean 0, variance 1 over the stimuli.
    responses : (stimulus, voxel, session)
    """

    subject: NDArray[np.str_]
    region: NDArray[np.str_]
    planted_layer: NDArray[np.str_]
    reliability: Array
    signal: NDArray[np.float32]
    responses: NDArray[np.float32]


def simulate(layers: Mapping[str, Array], categories: tuple[str, ...], rng: Rng) -> Cortex:
    """Return the responses of all voxels to the sounds.

    A voxel's signal is w·x, scaled to variance 1, with x one planted layer and w the voxel's
    tuning. A session adds Gaussian noise of variance S (1 - r) / r, so that the mean over the S
    sessions has reliability r.

    Parameters
    ----------
    layers : planted layer to (stimulus, feature), standardised.
    categories : what the features of the layer ``category`` stand for, in order.
    rng : source of the tunings and of the noise.
    """
    subject = np.repeat([f"subject-{number}" for number in range(SUBJECTS)], VOXELS)
    region = np.concatenate([_regions(rng) for _ in range(SUBJECTS)])
    planted = np.array([rng.choice(REGIONS[name]) for name in region])
    signal = np.empty((len(layers["frequency"]), len(planted)))
    for voxel, layer in enumerate(planted):
        signal[:, voxel] = layers[layer] @ _TUNINGS[layer](rng, categories)
    signal = (signal - signal.mean(axis=0)) / signal.std(axis=0)
    reliability = rng.uniform(*RELIABILITY, len(planted))
    noise = rng.standard_normal((*signal.shape, SESSIONS))
    noise *= noise_deviation(reliability)[:, None]
    return Cortex(
        subject,
        region,
        planted,
        reliability,
        signal.astype(np.float32),
        (signal[:, :, None] + noise).astype(np.float32),
    )


def noise_deviation(reliability: Array) -> Array:
    """Return the standard deviation of one session's noise, sqrt(S (1 - r) / r).

    Examples
    --------
    >>> noise_deviation(np.array([0.75])).tolist()
    [1.0]
    """
    return np.sqrt(SESSIONS * (1 - reliability) / reliability)


def _regions(rng: Rng) -> NDArray[np.str_]:
    """Share a subject's voxels out to the regions: at least `_FEWEST` each, the rest by chance."""
    counts = _FEWEST + rng.multinomial(VOXELS - _FEWEST * len(REGIONS), [1 / len(REGIONS)] * 4)
    return np.repeat(list(REGIONS), counts)


def _bump(length: int, centre: float, width: float) -> Array:
    bump: Array = np.exp(-0.5 * ((np.arange(length) - centre) / width) ** 2)
    return bump


def _frequency(rng: Rng, categories: tuple[str, ...]) -> Array:
    return _bump(BANDS, rng.uniform(0, BANDS - 1), rng.uniform(1.0, 3.0))


def _modulation(rng: Rng, categories: tuple[str, ...]) -> Array:
    region = _bump(len(REGION_EDGES) - 1, rng.uniform(0, 3), rng.uniform(0.7, 2.0))
    rate = _bump(6, rng.uniform(0, 5), rng.uniform(0.4, 1.0))
    return np.outer(region, rate).ravel()


def _pitch(rng: Rng, categories: tuple[str, ...]) -> Array:
    heights = _bump(6, rng.uniform(0, 5), rng.uniform(0.6, 1.5))
    return _opponent(np.array([*heights, *rng.normal(0.4, 0.4, 3)]), rng)


def _syllables(rng: Rng, categories: tuple[str, ...]) -> Array:
    region = _bump(len(REGION_EDGES) - 1, rng.uniform(0, 3), rng.uniform(0.7, 2.0))
    rate = _bump(3, rng.uniform(0, 2), rng.uniform(0.4, 1.0))
    return _opponent(np.outer(region, rate).ravel(), rng)


def _opponent(tuning: Array, rng: Rng) -> Array:
    """Put scattered weights on the excited or on the suppressed half of an opponent layer.

    The features of these layers rise and fall together: voxels with like weights would all respond
    alike, and a pattern over voxels, which is what a dissimilarity compares, would be noise.
    """
    weights = np.zeros((2, len(tuning)))
    weights[int(rng.random() < SUPPRESSED)] = tuning + rng.normal(0, 0.5, len(tuning))
    return weights.ravel()


def _category(rng: Rng, categories: tuple[str, ...]) -> Array:
    """Prefer music and song, or speech, above a random liking for every category."""
    liking = rng.normal(0, 0.4, len(categories))
    preferred = [("Music", "Song"), ("EngSpeech", "ForSpeech")][int(rng.random() < 0.35)]
    return liking + rng.uniform(0.6, 1.4) * np.isin(categories, preferred)


_TUNINGS: Mapping[str, Callable[[Rng, tuple[str, ...]], Array]] = {
    "frequency": _frequency,
    "modulation": _modulation,
    "pitch": _pitch,
    "syllables": _syllables,
    "category": _category,
}
