"""Ridge regression of all voxels at once, from one decomposition of what is learned from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.linalg

from .runs import FloatArray, IndexArray
from .voxels import Split

Numbers = npt.NDArray[np.floating[Any]]
# In units of the mean squared norm of a row of features, see `TrainingPart`.
PENALTIES = tuple(float(penalty) for penalty in np.logspace(-2, 5, 10).round(10))
# Voxels whose predictions are made at once, so that they stay in the cache while they are compared.
_CHUNK = 1024
# What is learned from is cut into so many to see how much depends on it.
PIECES = 20
# How far gains in single precision may be off, per unit of the sum of squares of a voxel and of the
# norm of what is inverted: 50 roundings, 30 times what is seen.
_MARGIN = 3e-6


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
        gains = self.gains(responses, products, self.contested(responses, products))
        penalty = self.penalties[gains.argmax(axis=0)]
        predicted = np.empty((len(self.test), penalty.size))
        for some in _chunks(penalty.size):
            damped = np.add.outer(self.squares, penalty[some])
            np.matmul(self.test, products[:, some] / damped, out=predicted[:, some])
        return gains.max(axis=0), penalty, predicted

    def contested(self, responses: FloatArray, products: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which penalties may be the best ones: single precision, twice as fast, tells.

        Parameters
        ----------
        responses, products
            As for `gains`.

        Returns
        -------
        bool array (penalty, voxel)
            False where another penalty is better by more than rounding: of most voxels, one is
            True. All are where voxels are few.
        """
        found = np.zeros((len(PENALTIES), responses.shape[1]))
        held = len(self.train) // np.unique(self.groups).size
        if responses.shape[1] < held:  # to make the systems of groups twice would take longer
            return np.full(found.shape, True)
        norms = np.zeros((len(PENALTIES), 1))
        coarse, single = responses.astype(np.float32), products.astype(np.float32)
        for place, held_out in self._held_out():
            norms[place] = np.maximum(norms[place], held_out.norm)
            rough, measured = held_out.single(), coarse[held_out.rows]
            for some in _chunks(measured.shape[1]):
                found[place, some] += rough.gains(measured[:, some], single[:, some])
        margin = _MARGIN * norms * np.einsum("rv,rv->v", responses, responses)
        return np.asarray(found + margin >= (found - margin).max(axis=0))

    def gains(
        self, responses: FloatArray, products: FloatArray, tried: npt.NDArray[np.bool_]
    ) -> FloatArray:
        r"""Return how much of the sum of squares held-out groups of rows are predicted.

        .. math:: \sum y^2 - \sum (y - \hat y)^2

        over all rows, each predicted from the other groups. With :math:`A` the rows of a group, S
        the Gram matrix of all and :math:`b` the products of all features and responses,

        .. math:: y - \hat y = (I - A (S + \alpha)^{-1} A^\top)^{-1} (y - A (S + \alpha)^{-1} b)

        so that one decomposition serves all groups. Where a group has more rows than there are
        coordinates, the same is made with the smaller system of
        :math:`\hat y = A (S + \alpha - A^\top A)^{-1} (b - A^\top y)`.

        Parameters
        ----------
        responses : float64 array (row, voxel)
        products : float64 array (coordinate, voxel)
            ``train.T @ responses``.
        tried : bool array (penalty, voxel)

        Returns
        -------
        float64 array (penalty, voxel)
            -inf where it is not tried.
        """
        found = np.where(tried, 0.0, -np.inf)
        for place, held_out in self._held_out(np.flatnonzero(tried.any(axis=1))):
            columns = np.flatnonzero(tried[place])
            for chunk in _chunks(columns.size):
                some = columns[chunk]
                measured = responses[np.ix_(held_out.rows, some)]
                found[place, some] += held_out.gains(measured, products[:, some])
        return found

    def relearned(
        self, responses: FloatArray, penalty: FloatArray, predicted: FloatArray
    ) -> Iterator[FloatArray]:
        r"""Yield predictions that are learned without each of `PIECES` pieces of time.

        With the notation of `gains`, A the rows of a piece and T those that are predicted, they
        differ from the predictions by :math:`T (S + \alpha)^{-1} A^\top (y - \hat y)`.

        Parameters
        ----------
        responses : float64 array (row, voxel)
        penalty : float64 array (voxel,)
            Which is kept.
        predicted : float64 array (row that is predicted, voxel)
            As `fit` gives them.
        """
        products = self.train.T @ responses
        values, which = np.unique(penalty, return_inverse=True)
        for rows in np.array_split(np.arange(len(self.train)), PIECES):
            found = predicted.copy()
            for place, held_out in enumerate(self.held_out(rows, values.tolist())):
                columns = np.flatnonzero(which == place)
                measured = responses[np.ix_(rows, columns)]
                errors = held_out.errors(measured, products[:, columns])
                found[:, columns] -= self.test @ held_out.owed @ errors
            yield found

    def held_out(self, rows: IndexArray, penalties: Iterable[float]) -> Iterator[HeldOut]:
        """Yield some rows as they are predicted from the others, with each penalty."""
        damped = (self.squares + penalty for penalty in penalties)
        return HeldOut.each(rows, self.train[rows], damped)

    def _held_out(
        self, tried: Iterable[int] = range(len(PENALTIES))
    ) -> Iterator[tuple[int, HeldOut]]:
        """Yield places of penalties, each with each group of rows."""
        for group in np.unique(self.groups):
            rows = np.flatnonzero(self.groups == group)
            penalties = [self.penalties[place] for place in tried]
            yield from zip(tried, self.held_out(rows, penalties), strict=True)


@dataclass(frozen=True)
class HeldOut:
    """A group of rows that is predicted from the others, with one penalty; see `gains`.

    Features A are divided by the roots of S + α: A A' has the rows' side, A' A that of coordinates.
    The inverse is that of I less the smaller one.

    Attributes
    ----------
    rows : int array (row,)
    features : float array (row, coordinate)
    roots : float array (coordinate, 1)
    inverse : float array (side, side)
    """

    rows: IndexArray
    features: Numbers
    roots: Numbers
    inverse: Numbers

    @classmethod
    def each(
        cls, rows: IndexArray, held: FloatArray, damped: Iterable[FloatArray]
    ) -> Iterator[Self]:
        """Yield one for each penalty.

        Parameters
        ----------
        rows : int array (row,)
        held : float64 array (row, coordinate)
        damped : iterable of float64 array (coordinate,)
            S + α.
        """
        gram = held.T @ held if held.shape[1] < len(rows) else None
        for one in damped:
            roots = np.sqrt(one)
            features = held / roots
            own = features @ features.T if gram is None else gram / np.outer(roots, roots)
            unit = np.eye(len(own))
            factor = scipy.linalg.cho_factor(unit - own, check_finite=False)
            inverse = scipy.linalg.cho_solve(factor, unit, check_finite=False)
            yield cls(rows, features, roots[:, np.newaxis], inverse)

    @property
    def norm(self) -> float:
        """A bound of the 2-norm of the inverse, 1 at least."""
        return float(np.abs(self.inverse).sum(axis=0).max(initial=1.0))

    @property
    def owed(self) -> Numbers:
        """What weights owe to an error of these rows, (coordinate, row)."""
        return np.asarray(self.features.T / self.roots)

    def single(self) -> Self:
        """Return it in single precision."""
        return type(self)(
            self.rows,
            *(one.astype(np.float32) for one in (self.features, self.roots, self.inverse)),
        )

    def gains(self, measured: Numbers, products: Numbers) -> Numbers:
        """Return what these rows add to `TrainingPart.gains`, (voxel,), in the given precision."""
        errors = self.errors(measured, products)
        return np.asarray(np.einsum("rv,rv->v", measured - errors, measured + errors))

    def errors(self, measured: Numbers, products: Numbers) -> Numbers:
        """Return by how much predictions of these rows from the others miss, (row, voxel)."""
        others = products / self.roots
        if len(self.inverse) == len(self.rows):
            return np.asarray(self.inverse @ (measured - self.features @ others))
        others -= self.features.T @ measured
        return np.asarray(measured - self.features @ (self.inverse @ others))


def _chunks(voxels: int) -> Iterator[slice]:
    for start in range(0, voxels, _CHUNK):
        yield slice(start, start + _CHUNK)


def _eigh(gram: FloatArray) -> tuple[FloatArray, FloatArray]:
    squares, axes = scipy.linalg.eigh(gram, overwrite_a=True, driver="evd")
    return np.maximum(squares, 0.0), axes
