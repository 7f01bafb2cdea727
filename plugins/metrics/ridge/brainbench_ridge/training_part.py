"""Ridge regression from one training part: predictions, and what each response does to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from brainbench_audio.arrays import HOST, Arrays, namespace, on_host

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
    arrays : Arrays
        Those of the device that has the others.
    """

    rotation: FloatArray
    singular: FloatArray
    projections: dict[int, FloatArray]
    arrays: Arrays = HOST
    _summed: dict[tuple[int, float], tuple[FloatArray, FloatArray]] = field(
        init=False, repr=False, default_factory=dict
    )

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

    def on(self, arrays: Arrays) -> TrainingPart:
        """Return the same part in the memory of a device."""
        if arrays == self.arrays:
            return self
        put = on_host if arrays.on_host else arrays.put
        projections = {fold: put(values) for fold, values in self.projections.items()}
        return replace(
            self,
            rotation=put(self.rotation),
            singular=put(self.singular),
            projections=projections,
            arrays=arrays,
        )

    def size(self) -> float:
        """Return the mean squared norm of the demeaned rows of the part."""
        return float((self.singular**2).sum() / self.rotation.shape[1])

    def shrink(self, penalty: FloatArray) -> FloatArray:
        """Return the factors (rank + 1, penalty) by which penalties weaken each direction."""
        denominator = self._denominator(penalty)
        factors: FloatArray = self.arrays.empty(len(denominator) + 1, denominator.shape[1])
        factors[-1] = 1.0
        xp = namespace(factors)
        xp.divide(self.singular[:, np.newaxis], denominator, out=factors[:-1])
        return factors

    def _denominator(self, penalty: FloatArray) -> FloatArray:
        """Return ``s**2 + a``, (rank, penalty)."""
        sums: FloatArray = (self.singular**2)[:, np.newaxis] + self.arrays.put(penalty)
        return sums

    def squared_weights(self, fold: int, penalty: FloatArray) -> FloatArray:
        """Return, (target,), the sum of the squares of what responses are multiplied by.

        Over all stimuli of a held-out fold and of the part, each target with its own penalty.
        """
        squares = (self.projections[fold] ** 2).sum(axis=0)
        # rows of the rotation are orthonormal, but for the weights of the mean
        squares[-1] /= self.rotation.shape[1]
        summed: FloatArray = squares @ self.shrink(penalty) ** 2
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
        rows, rank = projection.shape
        weights: FloatArray = self.arrays.empty(len(penalties), rows + 1, rank)
        xp = namespace(weights)
        xp.multiply(projection, factors.T[:, np.newaxis], out=weights[:, :-1])
        xp.multiply(projection.sum(axis=0), factors.T, out=weights[:, -1])
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
        hat: FloatArray = self.projections[fold] @ shrunk
        return hat

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

    def columns(self, fold: int, penalty: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return sums over a held-out fold of what responses are multiplied by, and of its squares.

        Parameters
        ----------
        fold : int
        penalty : float64 array (target,)

        Returns
        -------
        two float64 arrays (stimulus of the part, target)
        """
        values, which = np.unique(penalty, return_inverse=True)
        each = [self._column_sums(fold, value) for value in values.tolist()]
        where = self.arrays.places(which)
        sums, squares = (
            namespace(one[0]).stack(one, 1)[:, where] for one in zip(*each, strict=True)
        )
        return sums, squares

    def _column_sums(self, fold: int, penalty: float) -> tuple[FloatArray, FloatArray]:
        """Return those of one penalty, (stimulus of the part,), worked out once."""
        if (fold, penalty) not in self._summed:
            hat = self.hat(fold, penalty)
            self._summed[fold, penalty] = hat.sum(0), (hat**2).sum(0)
        return self._summed[fold, penalty]

    def scaled_residuals(self, responses: FloatArray, penalty: FloatArray) -> FloatArray:
        """Return residuals of the part over a power of one less their leverages.

        Plain residuals are smaller than the noise. Over the root of 1 - h their squares have its
        expectation (HC2; MacKinnon and White 1985, Journal of Econometrics 29), over 1 - h they are
        what the fit to the others leaves (HC3), whose squares are too large with more features than
        stimuli. Halfway between both is that with which intervals hold in the simulations of
        docs/methods-error-rates.md. Residual and leverage are sums of what penalties take away,
        which stays exact where that is next to nothing.

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
        taken = self.arrays.put(penalty) / self._denominator(penalty)
        residuals = axes.T @ (rotated * taken)
        left = (axes**2).T @ taken
        size = len(responses)
        if len(axes) < size - 1:
            # directions that the features do not have
            residuals += responses - responses.mean(axis=0) - axes.T @ rotated
            left += (1 - 1 / size - (axes**2).sum(axis=0))[:, np.newaxis]
        xp = namespace(left)
        scaled: FloatArray = xp.where(
            left > 0, residuals / xp.where(left > 0, left, 1.0) ** POWER, 0.0
        )
        return scaled
