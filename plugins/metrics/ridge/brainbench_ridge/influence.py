"""What a score owes to each stimulus: the correlation had it not been there, weights learned anew.

Ridge regression is a linear smoother, so what a response changes in the weights is known to first
order, and no fit is repeated. Layers and penalties stay as they were chosen.
"""

from __future__ import annotations

import numpy as np

from .partition import FloatArray, IndexArray, Partition
from .responses import Responses, correlation
from .training_part import TrainingPart


class LeftOut:
    """Sums over all stimuli but one, for each stimulus and target of a block.

    Without a stimulus, its own product of prediction and response is missing, and its response is
    in no training part: with e its scaled residual there, and H what turns training responses into
    predictions, those of the other folds change by - H e.

    Parameters
    ----------
    predictions : float64 array (stimulus, target)
        In the order of the partition, less the mean of all responses.
    responses : Responses
    """

    def __init__(self, predictions: FloatArray, responses: Responses) -> None:
        self._predictions, self._responses = predictions, responses
        products, squares = predictions * responses.centred, np.square(predictions)
        self._sums = predictions.sum(axis=0) - predictions
        self._squares = squares.sum(axis=0) - squares
        self._products = products.sum(axis=0) - products

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
        training, test = partition.training(fold), partition.test(fold)
        rows = np.ix_(training, targets)
        measured = self._responses.centred[:, targets]
        predicted = self._predictions[test, targets]
        change = -part.scaled_residuals(measured[training], penalty)
        ones = np.ones((partition.size(fold), 1))
        self._sums[rows] += change * part.transposed(fold, ones, penalty)
        self._products[rows] += change * part.transposed(fold, measured[test], penalty)
        self._squares[rows] += 2 * change * part.transposed(fold, predicted, penalty)

    def correlations(self) -> FloatArray:
        """Return Pearson's r without each stimulus, (stimulus, target), in order of the partition.

        0 where it is not defined.
        """
        measured = self._responses.centred
        left = len(measured) - 1
        responses = np.maximum(self._responses.squares - np.square(measured) * (1 + 1 / left), 0.0)
        # the responses are centred, so their sum without one is its negative
        products = self._products + self._sums * measured / left
        predicted = self._squares - np.square(self._sums) / left
        # near 0 the first order of the predictions' squares may be too small for a correlation
        return np.clip(correlation(products, predicted, responses), -1.0, 1.0)
