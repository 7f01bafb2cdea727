"""What a score owes to each stimulus: the correlation had it not been there, weights learned anew.

Ridge regression is a linear smoother, so what a response changes in the predictions of others is
known in closed form, and no fit is repeated. Layers and penalties stay as they were chosen, and
so does what features are divided by.
"""

from __future__ import annotations

from brainbench_audio.arrays import dots, namespace

from .partition import FloatArray, IndexArray, Partition
from .responses import Responses, correlation
from .training_part import TrainingPart


class LeftOut:
    """Correlations without each stimulus, of a block of targets.

    Without a stimulus, its own prediction and response are missing, and its response is in no
    training part: with e its scaled residual there, and H what turns training responses into
    predictions, those of the other folds change by - H e. Were it scaled by all of one less its
    leverage, these were the correlations after refitting without it.

    Parameters
    ----------
    predictions : float64 array (stimulus, target)
        In the order of the partition.
    responses : Responses
    """

    def __init__(self, predictions: FloatArray, responses: Responses) -> None:
        self._responses = responses
        self._predictions = predictions - predictions.mean(axis=0)
        # changes of the sums of predictions, of their squares, and of products with responses
        self._sums = -self._predictions
        self._squares = -(self._predictions**2)
        self._products = -self._predictions * responses.centred

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
        rows = training[:, None], targets
        measured = self._responses.centred[:, targets]
        predicted = self._predictions[test, targets]
        change = -part.scaled_residuals(measured[training], penalty)
        sums, squares = part.columns(fold, penalty)
        self._sums[rows] += change * sums
        self._squares[rows] += change * (
            2 * part.transposed(fold, predicted, penalty) + change * squares
        )
        self._products[rows] += change * part.transposed(fold, measured[test], penalty)

    def correlations(self) -> tuple[FloatArray, FloatArray]:
        """Return Pearson's r with all stimuli, (target,), and without each, (stimulus, target).

        Those in the order of the partition; 0 where a side is constant.
        """
        measured, squares = self._responses.centred, self._responses.squares
        predicted, products = (
            dots(self._predictions, other) for other in (self._predictions, measured)
        )
        others = len(measured) - 1
        xp = namespace(measured)
        # of what is left, each around its own mean; a response alone leaves minus itself
        own = squares - measured**2 * (1 + 1 / others)
        of_predicted = predicted + self._squares - self._sums**2 / others
        of_both = products + self._products + self._sums * measured / others
        own = xp.where(own > len(measured) * self._responses.rounding**2, own, 0.0)
        without = correlation(of_both, of_predicted, own)
        return correlation(products, predicted, squares), xp.clip(without, -1.0, 1.0)
