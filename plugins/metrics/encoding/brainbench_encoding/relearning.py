"""What predictions owe to each sound that they were learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import scipy.linalg

from .fitting import Fits
from .runs import FloatArray, IndexArray
from .solver import TrainingPart
from .voxels import Voxels


def owed(
    voxels: Voxels, fits: Fits, starts: IndexArray, design: Callable[[int], FloatArray]
) -> FloatArray:
    """Return how predictions change without each sound, weights learned anew.

    Layers and penalties stay.

    Parameters
    ----------
    voxels : Voxels
        No run is repeated, so that every one is learned from and predicted.
    fits : Fits
        Of all layers.
    starts : int array (sound,)
        First row of each, in the common order.
    design : callable
        From the place of a layer to its delayed features.

    Returns
    -------
    float64 array (3, sound, voxel)
        Changes, summed over rows: alone, times predictions and times responses.
    """
    found = np.zeros((3, starts.size, voxels.kept.size))
    for number in np.unique(fits.layer).tolist():
        features = design(number)
        for problem in fits.problems:
            for place, split in enumerate(problem.splits):
                here = problem.columns[fits.layer[place, problem.columns] == number]
                if not here.size:
                    continue
                part = TrainingPart.of(features, split)
                sounds = np.searchsorted(starts, split.train, side="right") - 1
                for penalty in np.unique(fits.penalty[place, here]):
                    some = here[fits.penalty[place, here] == penalty]
                    responses = voxels.responses(some)
                    predicted = fits.prediction[np.ix_(split.test, some)]
                    sides = np.stack([np.ones_like(predicted), predicted, responses[split.test]])
                    products = part.test.T @ sides
                    for sound, weights in _moved(part, sounds, responses[split.train], penalty):
                        found[:, sound, some] += (products * weights).sum(axis=1)
    return found


def _moved(
    part: TrainingPart, sounds: IndexArray, responses: FloatArray, penalty: float
) -> Iterator[tuple[int, FloatArray]]:
    """Yield each sound, and by how much weights, (coordinate, voxel), change without it.

    With Z its rows, A the damped Gram matrix and e the errors, A⁻¹ Zᵀ (I - Z A⁻¹ Zᵀ)⁻¹ e less.
    """
    damped = part.squares + penalty
    weights = (part.train.T @ responses) / damped[:, np.newaxis]
    errors = responses - part.train @ weights
    for sound in np.unique(sounds).tolist():
        rows = sounds == sound
        held = part.train[rows]
        own = np.eye(len(held)) - (held / damped) @ held.T
        left = scipy.linalg.solve(own, errors[rows], assume_a="pos", check_finite=False)
        yield sound, -(held.T @ left) / damped[:, np.newaxis]
