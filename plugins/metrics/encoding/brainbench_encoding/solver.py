"""Ridge regression of all voxels at once, from one decomposition of what is learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.linalg

from .runs import FloatArray, IndexArray
from .voxels import Split

# In units of the mean squared norm of a row of features, see `TrainingPart`.
PENALTIES = tuple(float(penalty) for penalty in np.logspace(-2, 5, 10).round(10))
# Voxels whose predictions are made at once, so that they stay in the cache while they are compared.
_CHUNK = 1024


@dataclass(frozen=True)
class TrainingPart:
    r"""Features that are learned from, in coordinates in which their Gram matrix is diagonal.

    With few features, :math:`X^\top X = V S V^\top` and the coordinates are :math:`X V` (primal);
    with few rows, :math:`X X^\top = Q S Q^\top` and they are :math:`Q S^{1/2}` (kernel).

    Attributes
    ----------
    squares : float64 array (coordinate,)
        S.
    train : float64 array (row, coordinate)
    test : float64 array (row that is predicted, coordinate)
    groups : int array (row,)
        Which rows are held out together to choose a penalty.
    """

    squares: FloatArray
    train: FloatArray
    test: FloatArray
    groups: IndexArray

    @classmethod
    def of(cls, features: FloatArray, split: Split) -> Self:
        """Decompose the features, (row in the common order, feature), of a split."""
        train, test = features[split.train], features[split.test]
        if train.shape[1] <= train.shape[0]:
            squares, axes = _eigh(train.T @ train)
            return cls(squares, train @ axes, test @ axes, split.groups)
        squares, axes = _eigh(train @ train.T)
        # directions that are zero but for rounding
        some = squares > len(squares) * np.finfo(np.float64).eps * squares.max(initial=0.0)
        squares, axes = squares[some], axes[:, some]
        roots = np.sqrt(squares)
        return cls(squares, axes * roots, (test @ train.T) @ (axes / roots), split.groups)

    @property
    def penalties(self) -> FloatArray:
        """The penalties that are tried: `PENALTIES` times the mean squared norm of a row."""
        size = float(self.squares.sum()) / len(self.train)
        return np.array(PENALTIES) * (size or 1.0)

    def fit(self, responses: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Choose a penalty for each voxel, and predict with it.

        Parameters
        ----------
        responses : float64 array (row, voxel)

        Returns
        -------
        three float64 arrays, (voxel,), (voxel,) and (row that is predicted, voxel)
            The gain, see `gains`, of the best penalty (of equals the lowest); the penalty; and the
            predictions.
        """
        products = self.train.T @ responses
        gains = self.gains(responses, products)
        penalty = self.penalties[gains.argmax(axis=0)]
        predicted: FloatArray = self.test @ (products / np.add.outer(self.squares, penalty))
        return gains.max(axis=0), penalty, predicted

    def gains(self, responses: FloatArray, products: FloatArray) -> FloatArray:
        r"""Return how much of the sum of squares held-out groups of rows are predicted.

        .. math:: \sum y^2 - \sum (y - \hat y)^2

        over all rows, each predicted from the other groups. With :math:`A` the rows of a group, S
        the Gram matrix of all and :math:`b` the products of the others' features and responses,

        .. math:: \hat y = A (S + \alpha - A^\top A)^{-1} b
                  = (I - A (S + \alpha)^{-1} A^\top)^{-1} A (S + \alpha)^{-1} b

        so that one decomposition serves all groups.

        Parameters
        ----------
        responses : float64 array (row, voxel)
        products : float64 array (coordinate, voxel)
            ``train.T @ responses``.

        Returns
        -------
        float64 array (penalty, voxel)
        """
        found = np.zeros((len(PENALTIES), responses.shape[1]))
        for group in np.unique(self.groups):
            rows = self.groups == group
            held, measured = self.train[rows], responses[rows]
            others = products - held.T @ measured
            for place, penalty in enumerate(self.penalties):
                weights = _held_out_weights(held, self.squares + penalty)
                for start in range(0, measured.shape[1], _CHUNK):
                    some = slice(start, start + _CHUNK)
                    predicted = weights @ others[:, some]
                    found[place, some] += np.einsum(
                        "rv,rv->v", predicted, 2 * measured[:, some] - predicted
                    )
        return found


def _held_out_weights(held: FloatArray, damped: FloatArray) -> FloatArray:
    """Return what turns products of the other rows into predictions of these, (row, coordinate)."""
    shrunk = held / damped
    own = np.eye(len(held)) - shrunk @ held.T
    factor = scipy.linalg.cho_factor(own, overwrite_a=True, check_finite=False)
    found: FloatArray = scipy.linalg.cho_solve(factor, shrunk, check_finite=False)
    return found


def _eigh(gram: FloatArray) -> tuple[FloatArray, FloatArray]:
    squares, axes = scipy.linalg.eigh(gram, overwrite_a=True, driver="evd")
    return np.maximum(squares, 0.0), axes
