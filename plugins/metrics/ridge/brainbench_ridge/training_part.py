"""Ridge regression from one training part: predictions, and what each response does to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .partition import FloatArray, Partition

# of one less the leverage, see `TrainingPart.scaled_residuals`
POWER = 0.75


@dataclass(frozen=True)
class TrainingPart:
    """Ridge regression from one training part, for any penalty and target.

    With A = U S V' the demeaned features of the part, B those of other stimuli demeaned by the
    part's means, y the responses and a a penalty, the predictions are

        mean(y) + B V diag(s / (s**2 + a)) U' y

    which minimises ``|y - mean(y) - A w|**2 + a |w|**2``. The mean is one more direction, which
    penalties leave alone.

    Attributes
    ----------
    rotation : float64 array (rank + 1, stimulus of the part)
        U' and, last, the weights of the mean.
    singular : float64 array (rank,)
        Without those that are zero but for rounding, which makes the smallest penalties safe.
    projections : mapping of int to float64 array (stimulus of the fold, rank + 1)
        B V and, last, ones; for each fold that is held out.
    """

    rotation: FloatArray
    singular: FloatArray
    projections: dict[int, FloatArray]

    @classmethod
    def decompose(
        cls,
        points: FloatArray,
        features: int,
        partition: Partition,
        held_out: tuple[int, ...],
        *,
        unit: bool = False,
    ) -> TrainingPart:
        """Decompose all folds but those held out, given the `coordinates` of a layer.

        With ``unit`` features are first divided by one number, so that the mean squared norm of the
        demeaned rows of the part, the mean of their kernel's diagonal, is 1.
        """
        training = points[partition.training(*held_out)]
        size = training.shape[0]
        mean = training.mean(axis=0)
        left, singular, right = np.linalg.svd(training - mean, full_matrices=False)
        # The rounding of QR and SVD, as in numpy.linalg.matrix_rank.
        relative = float(np.finfo(np.float64).eps) * max(points.shape[0], features)
        rank = int(np.count_nonzero(singular > relative * singular.max(initial=0.0)))
        turn, singular = right[:rank].T, singular[:rank]
        if unit and rank:
            length = np.sqrt(np.square(singular / singular[0]).sum() / size) * singular[0]
            turn, singular = turn / length, singular / length
        projections = {}
        for fold in held_out:
            others = points[partition.test(fold)] - mean
            projections[fold] = np.hstack([others @ turn, np.ones((others.shape[0], 1))])
        rotation = np.vstack([left[:, :rank].T, np.full((1, size), 1.0 / size)])
        return cls(rotation, singular, projections)

    def size(self) -> float:
        """Return the mean squared norm of the demeaned rows of the part."""
        return float(np.square(self.singular).sum() / self.rotation.shape[1])

    def shrink(self, penalty: FloatArray) -> FloatArray:
        """Return the factors (rank + 1, penalty) by which penalties weaken each direction."""
        factors = np.ones((self.singular.size + 1, penalty.size))
        denominator = np.add.outer(self.singular**2, penalty)
        np.divide(self.singular[:, np.newaxis], denominator, out=factors[:-1])
        return factors

    def squared_weights(self, fold: int, penalty: FloatArray) -> FloatArray:
        """Return, (target,), the sum of the squares of what responses are multiplied by.

        Over all stimuli of a held-out fold and of the part, each target with its own penalty.
        """
        squares = np.square(self.projections[fold]).sum(axis=0)
        # rows of the rotation are orthonormal, but for the weights of the mean
        squares[-1] /= self.rotation.shape[1]
        summed: FloatArray = squares @ np.square(self.shrink(penalty))
        return summed

    def weights(self, fold: int, penalties: tuple[float, ...]) -> FloatArray:
        """Return what turns rotated responses into predictions of a held-out fold.

        Returns
        -------
        float64 array (penalty, held-out stimulus + 1, rank + 1)
            The last row of each penalty is the sum of the others.
        """
        projection = self.projections[fold]
        factors = self.shrink(np.asarray(penalties))
        weights = np.empty((len(penalties), projection.shape[0] + 1, projection.shape[1]))
        np.multiply(projection, factors.T[:, np.newaxis], out=weights[:, :-1])
        np.multiply(projection.sum(axis=0), factors.T, out=weights[:, -1])
        return weights

    def predict(self, fold: int, responses: FloatArray, penalty: FloatArray) -> FloatArray:
        """Predict a held-out fold, each target with its own penalty.

        Parameters
        ----------
        fold : int
        responses : float64 array (stimulus of the part, target)
        penalty : float64 array (target,)

        Returns
        -------
        float64 array (held-out stimulus, target)
        """
        rotated = self.rotation @ responses
        rotated *= self.shrink(penalty)
        predicted: FloatArray = self.projections[fold] @ rotated
        return predicted

    def hat(self, fold: int, penalty: float) -> FloatArray:
        """Return what `predict` multiplies training responses by, (held-out stimulus, stimulus)."""
        shrunk = self.rotation * self.shrink(np.array([penalty]))
        return np.asarray(self.projections[fold] @ shrunk)

    def transposed(self, fold: int, values: FloatArray, penalty: FloatArray) -> FloatArray:
        """Return what `predict` weighs each training response by, summed with given values.

        Parameters
        ----------
        fold : int
        values : float64 array (held-out stimulus, target), or (held-out stimulus, 1)
        penalty : float64 array (target,)

        Returns
        -------
        float64 array (stimulus of the part, target)
        """
        summed = self.projections[fold].T @ values * self.shrink(penalty)
        weighed: FloatArray = self.rotation.T @ summed
        return weighed

    def scaled_residuals(self, responses: FloatArray, penalty: FloatArray) -> FloatArray:
        """Return residuals of the part over a power of one less their leverages.

        Plain residuals are smaller than the noise. Over the root of 1 - h their squares have its
        expectation (HC2; MacKinnon and White 1985, Journal of Econometrics 29), over 1 - h they are
        those of a jackknife (HC3), much too large with more features than stimuli. Halfway between
        them, errors also make up for the choice of layers and penalties, which they do not count:
        see the simulations in docs/methods-statistics.md. Residual and leverage are sums of what
        penalties take away, which stays exact where that is next to nothing.

        Parameters
        ----------
        responses : float64 array (stimulus of the part, target)
        penalty : float64 array (target,)

        Returns
        -------
        float64 array (stimulus of the part, target)
            0 where a response decides alone what is predicted for it.
        """
        axes = self.rotation[:-1]
        rotated = axes @ responses
        taken = penalty / np.add.outer(self.singular**2, penalty)
        residuals = axes.T @ (rotated * taken)
        left = np.square(axes).T @ taken
        size = len(responses)
        if len(axes) < size - 1:
            # directions that the features do not have
            residuals += responses - responses.mean(axis=0) - axes.T @ rotated
            left += (1 - 1 / size - np.square(axes).sum(axis=0))[:, np.newaxis]
        scaled = np.zeros(residuals.shape)
        np.divide(residuals, np.maximum(left, 0.0) ** POWER, out=scaled, where=left > 0)
        return scaled
