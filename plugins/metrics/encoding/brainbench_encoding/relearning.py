"""What predictions owe to each sound that they were learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .fitting import Fits
from .runs import FloatArray, IndexArray
from .solver import TrainingPart
from .voxels import Split, Voxels


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
        for split, alike in _alike(fits, number):
            part = TrainingPart.of(features, split)
            sounds = np.searchsorted(starts, split.train, side="right") - 1
            for penalty, some in alike:
                responses = voxels.responses(some)
                predicted = fits.prediction[np.ix_(split.test, some)]
                sides = np.stack([np.ones_like(predicted), predicted, responses[split.test]])
                products = part.test.T @ sides
                for sound, weights in _moved(part, sounds, responses[split.train], penalty):
                    found[:, sound, some] += (products * weights).sum(axis=1)
    return found


def _alike(fits: Fits, number: int) -> Iterator[tuple[Split, list[tuple[float, IndexArray]]]]:
    """Yield splits in which voxels have a layer; penalties and these voxels, a block at a time."""
    for problem in fits.problems:
        for place, split in enumerate(problem.splits):
            found = []
            for _, columns in fits.blocks(problem):
                here = columns[fits.layer[place, columns] == number]
                penalties = fits.penalty[place, here]
                found += [(one, here[penalties == one]) for one in np.unique(penalties).tolist()]
            if found:
                yield split, found


def _moved(
    part: TrainingPart, sounds: IndexArray, responses: FloatArray, penalty: float
) -> Iterator[tuple[int, FloatArray]]:
    """Yield each sound, and by how much weights, (coordinate, voxel), change without it."""
    products = part.train.T @ responses
    for sound in np.unique(sounds).tolist():
        rows = np.flatnonzero(sounds == sound)
        (held_out,) = part.held_out(rows, [penalty])
        yield sound, -held_out.owed @ held_out.errors(responses[rows], products)
