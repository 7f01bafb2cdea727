"""What a score owes to pairs of stimuli: one of them in the training part, the other predicted."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.influence import sketch

from .partition import FloatArray, IndexArray, Partition
from .responses import Responses, correlation_slopes
from .threads import single_threaded_products
from .training_part import TrainingPart

# beside the largest, of what a target counts for
_NEXT_TO_NOTHING = 1e-6


@dataclass(frozen=True)
class Pairs:
    """The training parts that predictions of held-out stimuli came from.

    Attributes
    ----------
    partition : Partition
    parts : mapping of int to sequence of TrainingPart, (fold,)
        Of each layer that some target has chosen.
    layer : int array (fold, target)
    penalty : float64 array (fold, target)
    """

    partition: Partition
    parts: Mapping[int, list[TrainingPart]]
    layer: IndexArray
    penalty: FloatArray

    def sketch(
        self, responses: npt.NDArray[Any], predictions: FloatArray, weights: FloatArray
    ) -> FloatArray:
        """Return the `sketch` of what sums of correlations owe to each pair of stimuli.

        With e the scaled residual of stimulus i in the training part, H what turns training
        responses into predictions and g the derivative of a correlation by the prediction of
        stimulus j, the pair is owed g_j H_ji e_i, and the same the other way round.

        Parameters
        ----------
        responses, predictions : float arrays (stimulus, target)
        weights : float64 array (target, part)
            How often each correlation counts in each part.

        Returns
        -------
        float64 array (bin, part)
        """
        measured = Responses.measure(responses, self.partition)
        ordered = predictions[self.partition.order]
        slopes = correlation_slopes(ordered, measured.centred, measured.squares)

        def of_part(weight: FloatArray) -> FloatArray:
            counted = np.abs(weight) > _NEXT_TO_NOTHING * np.abs(weight).max(initial=0.0)
            targets = np.flatnonzero(counted)
            return self._matrix(targets, measured.centred, slopes[:, targets] * weight[targets])

        with single_threaded_products() as workers, ThreadPoolExecutor(workers) as pool:
            found = pool.map(lambda one: sketch(of_part(one)[np.newaxis])[:, 0], weights.T)
            return np.stack(list(found), axis=1)

    def _matrix(self, targets: IndexArray, centred: FloatArray, slopes: FloatArray) -> FloatArray:
        """Return what is owed to each pair, (pair,), upper triangle of stimuli as they came."""
        stimuli = self.partition.stimuli
        owed = np.zeros((stimuli, stimuli))
        for fold in range(self.partition.folds):
            training, test = self.partition.training(fold), self.partition.test(fold)
            chosen = self.layer[fold, targets], self.penalty[fold, targets]
            for layer in np.unique(chosen[0]).tolist():
                here = np.flatnonzero(chosen[0] == layer)
                part, penalty = self.parts[layer][fold], chosen[1][here]
                residuals = part.scaled_residuals(centred[np.ix_(training, targets[here])], penalty)
                for value in np.unique(penalty):
                    same = penalty == value
                    products = slopes[test][:, here[same]] @ residuals[:, same].T
                    owed[test, training] += part.hat(fold, float(value)) * products
        rows = np.empty_like(owed)
        rows[np.ix_(self.partition.order, self.partition.order)] = owed
        return np.asarray((rows + rows.T)[np.triu_indices(stimuli, 1)])
