"""What Spearman's rho of assembled RDMs moves by with layers chosen anew in weighted stimuli."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainbench_audio.scores.choice import REACH
from brainbench_audio.scores.weightings import weightings

from .comparison import average_ranks, tie_groups
from .influence import owed_by
from .rdm import ROUNDING, FloatArray, IntArray, pair_indices, stimuli_of
from .selection import CrossValidation, FoldPair, fold_pairs


def chosen_anew(
    found: CrossValidation, layers: FloatArray, subjects: FloatArray, folds: ArrayLike
) -> FloatArray:
    """Return what rho of each subject moves by, beyond what it does with layers as chosen.

    In each of the `weightings` of stimuli, to first order in these. Distances of other layers get
    the ranks that they have among those of the assembled RDM.

    Parameters
    ----------
    found
        What was chosen.
    layers, subjects
        (layer, pair) and (subject, pair), RDMs.
    folds
        (stimulus,), the fold of each stimulus.

    Returns
    -------
    numpy.ndarray
        (weighting, subject).
    """
    pairs = fold_pairs(folds)
    groups = tie_groups(layers), tie_groups(subjects)
    changes = weightings(stimuli_of(layers.shape[1]))
    anew = np.stack(
        [
            _choices(pair, *groups, inner, changes)
            for pair, inner in zip(pairs, found.inner, strict=True)
        ]
    )
    block = np.empty(layers.shape[1], dtype=np.intp)
    for place, pair in enumerate(pairs):
        block[pair.block] = place
    moved = np.zeros((len(changes), len(subjects)))
    for place, ranks in enumerate(groups[1]):
        chosen, others = found.chosen[:, place], anew[:, :, place]
        if (others != chosen[:, np.newaxis]).any():
            sums = _Sums.of(found.rdms[place], layers, ranks, block)
            held = np.broadcast_to(chosen[:, np.newaxis], others.shape)
            moved[:, place] = sums.rho(others, changes) - sums.rho(held, changes)
    return moved


def _choices(
    pair: FoldPair, layers: IntArray, subjects: IntArray, rho: FloatArray, changes: FloatArray
) -> IntArray:
    """Return the best layer outside two folds, (weighting, subject), among those within reach."""
    entries = np.flatnonzero(pair.training)
    places = [one[entries] for one in pair_indices(changes.shape[1])]
    best = np.tile(rho.argmax(axis=0), (len(changes), 1))
    for subject, ranks in enumerate(subjects[:, entries]):

        def owed(layer: int, ranks: IntArray = ranks) -> FloatArray:
            return _of_stimuli(owed_by(layers[layer, entries], ranks)[1], places, changes.shape[1])

        mine = int(best[0, subject])
        first = owed(mine)
        # weights are normal, so this is how far it moves
        reach = rho[mine, subject] - REACH * float(np.linalg.norm(first))
        near = np.flatnonzero(rho[:, subject] >= reach)
        if near.size > 1:
            each = np.stack([first if one == mine else owed(one) for one in near.tolist()])
            moved = rho[near, subject] + changes @ each.T
            best[:, subject] = near[moved.argmax(axis=1)]
    return best


def _of_stimuli(owed: FloatArray, places: list[IntArray], stimuli: int) -> FloatArray:
    """Return sums, (stimulus,), of what is owed to the weights of entries, over both stimuli."""
    return np.asarray(sum(np.bincount(place, owed, stimuli) for place in places))


@dataclass(frozen=True)
class _Sums:
    """Sums of ranks over the entries between two folds, of each layer, for one subject.

    Attributes
    ----------
    sums
        (layer, sum, block): of ranks, of their squares, and of products with those of the subject.
    owed
        (layer, sum, block, stimulus), what these owe to the weight of each stimulus.
    squares
        Sum of squared ranks of the subject, whose sum is 0.
    own
        (2, stimulus), what the sum of its ranks and that of their squares owe to each stimulus.
    entries
        Their number.
    """

    sums: FloatArray
    owed: FloatArray
    squares: float
    own: FloatArray
    entries: int

    @classmethod
    def of(
        cls, assembled: FloatArray, layers: FloatArray, subject: IntArray, block: IntArray
    ) -> _Sums:
        """Sum up the ranks that distances of each layer have among those of the assembled RDM."""
        stimuli, blocks = stimuli_of(block.size), int(block.max()) + 1
        ordered, middle = np.sort(assembled), (block.size + 1) / 2
        y = average_ranks(np.bincount(subject))[subject] - middle
        places = pair_indices(stimuli)
        cells = [block * stimuli + one for one in places]
        sums = np.empty((len(layers), 3, blocks))
        owed = np.empty((len(layers), 3, blocks, stimuli))
        for layer, distances in enumerate(layers):
            below, upto = (np.searchsorted(ordered, distances, side) for side in ("left", "right"))
            x = (below + upto + 1) / 2 - middle
            for number, values in enumerate((x, x * x, x * y)):
                sums[layer, number] = np.bincount(block, values, blocks)
                owed[layer, number] = _of_stimuli(values, cells, blocks * stimuli).reshape(
                    blocks, stimuli
                )
        own = np.stack([_of_stimuli(values, list(places), stimuli) for values in (y, y * y)])
        return cls(sums, owed, float(y @ y), own, block.size)

    def rho(self, chosen: NDArray[np.intp], changes: FloatArray) -> FloatArray:
        """Return rho, (weighting,), of what is assembled from layers, (block, weighting).

        0 where all of it has one rank, as of a layer whose distances all lie between two values of
        the assembled RDM: what is constant says nothing of anything else.
        """
        blocks = np.arange(self.sums.shape[2])[:, np.newaxis]
        x, squares, products = self.sums[chosen, :, blocks].sum(axis=0).T
        moved = np.zeros((3, len(changes)))
        for layer in np.unique(chosen).tolist():
            for place, here in enumerate(chosen == layer):
                moved[:, here] += self.owed[layer, :, place] @ changes[here].T
        mean = x / self.entries
        # each stimulus is in as many entries as there are others
        more = (changes.shape[1] - 1) * changes.sum(axis=1)
        of_y, of_squares = self.own @ changes.T
        variance = squares - mean * x
        of_variance = moved[1] - 2 * mean * moved[0] + mean**2 * more
        varies = variance > ROUNDING * squares
        variance = np.where(varies, variance, 1.0)
        norm = np.sqrt(variance * self.squares)
        rho = products / norm
        slope = of_variance / variance + of_squares / self.squares
        return np.where(varies, rho + (moved[2] - mean * of_y) / norm - rho / 2 * slope, 0.0)
