"""What scores move by where other layers than the chosen ones turn out to be the best."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.choice import REACH
from brainbench_audio.scores.weightings import weightings

from .partition import FloatArray, IndexArray, Partition
from .responses import Responses, is_defined
from .threads import single_threaded_products
from .training_part import TrainingPart

# sums treated together, of layers, folds and targets, in 1,000 weightings: 10 MB
_BLOCK = 200


@dataclass(frozen=True)
class Rivals:
    """All layers that targets could choose from.

    Attributes
    ----------
    partition : Partition
    parts : mapping of int to sequence of TrainingPart, (fold,)
        Of every layer.
    inner : float64 array (layer, fold, target)
        Inner score by which a layer is chosen in an outer fold.
    penalty : float64 array (layer, fold, target)
        The best of the layer there.
    """

    partition: Partition
    parts: Mapping[int, list[TrainingPart]]
    inner: FloatArray
    penalty: FloatArray

    def first(self, targets: int) -> Rivals:
        """Return those of the first of the targets."""
        return replace(self, inner=self.inner[..., :targets], penalty=self.penalty[..., :targets])

    def moved(
        self, responses: npt.NDArray[Any], layer: IndexArray, targets: IndexArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return what correlations and R² move by with layers chosen anew, beyond layers as chosen.

        In each of the `weightings` of stimuli. To first order, inner and outer scores of a layer
        move with the weights of the stimuli that they are made from, so that another layer may be
        the best by inner scores, in some folds or in all. Penalties stay.

        Parameters
        ----------
        responses : float array (stimulus, target)
        layer : int array (fold, target)
            As chosen.
        targets : int array (some,)
            Places of those that are asked for.

        Returns
        -------
        two float64 arrays (weighting, some)
        """

        def of_block(some: IndexArray) -> FloatArray:
            measured = Responses.measure(responses[:, some], self.partition)
            block = _Block.weigh([self._owed(one, measured, some) for one in self.parts], measured)
            anew = block.choose(self.inner[..., some]) - block.scores(layer[:, np.newaxis, some])
            return np.asarray(anew)

        size = max(1, _BLOCK // (len(self.parts) * self.partition.folds))
        blocks = [targets[at : at + size] for at in range(0, len(targets), size)]
        with single_threaded_products() as workers, ThreadPoolExecutor(workers) as pool:
            r, squares = np.concatenate(list(pool.map(of_block, blocks)), axis=2)
        return r, squares

    def _owed(self, layer: int, measured: Responses, targets: IndexArray) -> FloatArray:
        """Return what sums over a fold owe to each stimulus, (sum, fold, stimulus, target).

        Of products of predictions and responses, and of squares of predictions, see `LeftOut`.
        """
        y = measured.centred
        owed = np.empty((2, self.partition.folds, *y.shape))
        for fold, part in enumerate(self.parts[layer]):
            penalty = self.penalty[layer, fold, targets]
            training, test = self.partition.training(fold), self.partition.test(fold)
            predicted = part.predict(fold, y[training], penalty)
            change = part.scaled_residuals(y[training], penalty)
            owed[:, fold, test] = predicted * y[test], predicted**2
            owed[0, fold, training] = change * part.transposed(fold, y[test], penalty)
            owed[1, fold, training] = 2 * change * part.transposed(fold, predicted, penalty)
        return owed


@dataclass(frozen=True)
class _Block:
    """Sums over folds of all layers for some targets, and what they move by in each weighting.

    Attributes
    ----------
    partition : Partition
    sums : float64 array (sum, layer, fold, 1, target)
    moved : float64 array (sum, layer, fold, weighting, target)
    inner : float64 array (layer, fold, weighting, target)
        What inner scores move by.
    squares, own : float64 arrays (target,), (weighting, target)
        Sum of squares of responses, and what it moves by.
    """

    sums: FloatArray
    moved: FloatArray
    inner: FloatArray
    squares: FloatArray
    own: FloatArray

    @classmethod
    def weigh(cls, owed: list[FloatArray], measured: Responses) -> _Block:
        """Build from what the sums of each layer owe to stimuli."""
        partition = measured.partition
        changes = weightings(partition.stimuli)[:, partition.order]
        tests = [partition.test(fold) for fold in range(partition.folds)]
        sums = np.stack(
            [[one[:, fold, test].sum(axis=1) for fold, test in enumerate(tests)] for one in owed]
        )
        inner = [
            [
                changes @ _of_inner(one, total.sum(axis=0) - total[fold], fold, test, measured)
                for fold, test in enumerate(tests)
            ]
            for one, total in zip(owed, sums, strict=True)
        ]
        return cls(
            np.moveaxis(sums, 2, 0)[:, :, :, np.newaxis],
            np.stack([changes @ one for one in owed], axis=1),
            np.array(inner),
            measured.squares,
            changes @ np.square(measured.centred),
        )

    def choose(self, inner: FloatArray) -> FloatArray:
        """Return `scores` with layers chosen by inner scores, (layer, fold, target), anew.

        Among those within reach of the best: what a poor layer moves by, to first order, may be
        far beyond what its score can be.
        """
        best = inner.argmax(axis=0)[np.newaxis]
        spread = np.take_along_axis(self.inner, best[:, :, np.newaxis], axis=0)[0].std(axis=1)
        least = np.take_along_axis(inner, best, axis=0) - REACH * spread
        near = np.where(inner >= least, inner, -np.inf)
        return self.scores((near[:, :, np.newaxis] + self.inner).argmax(axis=0))

    def scores(self, layer: IndexArray) -> FloatArray:
        """Return correlations and R², (2, weighting, target), of layers, (fold, weighting, target).

        To first order in the weights.
        """
        shape = self.inner.shape[1:]
        chosen = np.broadcast_to(layer, shape)[np.newaxis, np.newaxis]
        sums, moved = (
            np.take_along_axis(np.broadcast_to(one, self.moved.shape), chosen, axis=1)[:, 0].sum(1)
            for one in (self.sums, self.moved)
        )
        r, change = _moved(sums, moved, self.squares, self.own)
        return np.stack([r + change, np.maximum(r, 0.0) * (r + 2 * change)])


def _of_inner(
    owed: FloatArray, sums: FloatArray, fold: int, test: slice, measured: Responses
) -> FloatArray:
    """Return what the inner score of a fold owes to each stimulus, (stimulus, target).

    As the outer scores of the other folds do, which are learned from the fold itself, too.
    """
    own = np.square(measured.centred)
    own[test] = 0.0
    others = owed.sum(axis=1) - owed[:, fold]
    others[:, test] = 0.0
    r, change = _moved(sums, others, own.sum(axis=0), own)
    return np.asarray(2 * np.maximum(r, 0.0) * change)


def _moved(
    sums: FloatArray, moved: FloatArray, squares: FloatArray, own: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return a correlation, 0 where a side is constant, and its change as sums are moved."""
    products, predicted = sums
    valid = is_defined(predicted, squares)
    predicted, squares = np.where(valid, predicted, 1.0), np.where(valid, squares, 1.0)
    norm = np.sqrt(predicted * squares)
    r = np.where(valid, products / norm, 0.0)
    change = moved[0] / norm - r / 2 * (moved[1] / predicted + own / squares)
    return r, np.where(valid, change, 0.0)
