"""What a score owes to each stimulus: the correlation had it not been there, weights learned anew.

Ridge regression is a linear smoother, so what a response changes in the weights is known to first
order, and no fit is repeated. Layers and penalties stay as they were chosen.
"""

from __future__ import annotations

import numpy as np

from brainbench_audio.arrays import namespace

from .partition import FloatArray, IndexArray, Partition
from .responses import Responses, correlation, is_defined
from .training_part import TrainingPart


class LeftOut:
    """Correlations without each stimulus, of a block of targets, to first order.

    Without a stimulus, its own product of prediction and response is missing, and its response is
    in no training part: with e its scaled residual there, and H what turns training responses into
    predictions, those of the other folds change by - H e. First order only, as second-order terms
    of badly fitted targets have no bound.

    Parameters
    ----------
    predictions : float64 array (stimulus, target)
        In the order of the partition.
    responses : Responses
    """

    def __init__(self, predictions: FloatArray, responses: Responses) -> None:
        self._responses = responses
        self._predictions = predictions - predictions.mean(axis=0)
        # changes of the sums of products and of squares
        self._products = -self._predictions * responses.centred
        self._squares = -(self._predictions**2)

    def refit(
        self, fold: int, part: TrainingPart, targets: IndexArray, penalty: FloatArray
    ) -> None:
        """Add what each training stimulus changes in the predictions of a fold.

        Parameters
        ----------
        fold : int
        part : TrainingPart
            All other folds, in the layer that these targets have chosen.
        targets : int array (target,)
            Their places in the block.
        penalty : float64 array (target,)
        """
        partition: Partition = self._responses.partition
        arrays, test = self._responses.arrays, partition.test(fold)
        training, targets = arrays.places(partition.training(fold)), arrays.places(targets)
        rows = training[:, np.newaxis], targets
        measured = self._responses.centred[:, targets]
        predicted = self._predictions[test, targets]
        change = -part.scaled_residuals(measured[training], penalty)
        self._products[rows] += change * part.transposed(fold, measured[test], penalty)
        self._squares[rows] += 2 * change * part.transposed(fold, predicted, penalty)

    def correlations(self) -> tuple[FloatArray, FloatArray]:
        """Return Pearson's r with all stimuli, (target,), and without each, (stimulus, target).

        Those in the order of the partition; 0 where a side is constant.
        """
        measured, squares = self._responses.centred, self._responses.squares
        xp = namespace(measured)
        predicted = (self._predictions**2).sum(axis=0)
        r = correlation((self._predictions * measured).sum(axis=0), predicted, squares)
        valid = is_defined(predicted, squares)
        predicted, squares = (xp.where(valid, each, 1.0) for each in (predicted, squares))
        change = self._products / xp.sqrt(predicted * squares)
        change -= r / 2 * (self._squares / predicted - measured**2 / squares)
        return r, xp.where(valid, xp.clip(r + change, -1.0, 1.0), 0.0)
