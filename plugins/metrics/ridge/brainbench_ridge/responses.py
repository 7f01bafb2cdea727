"""Responses as each training part sees them, and their correlation with predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.arrays import HOST, Arrays, dots, namespace

from .partition import FloatArray, Partition

# Predictions whose deviation is this small beside that of the responses are equal but for rounding.
_CONSTANT = 1e-13


@dataclass(frozen=True)
class Responses:
    """Responses of a block of targets to all stimuli, as arrays of one device.

    Attributes
    ----------
    partition : Partition
    arrays : Arrays
    centred : float64 array (stimulus, target)
        In the order of the partition, less ``mean``.
    mean, squares : float64 arrays (target,)
        Mean; sum of squares around it, 0 where responses differ by rounding only.
    rounding : float64 array (target,)
        Deviation that the rounding of the given numbers can cause.
    """

    partition: Partition
    arrays: Arrays
    centred: FloatArray
    mean: FloatArray
    squares: FloatArray
    rounding: FloatArray

    @classmethod
    def measure(
        cls, targets: npt.NDArray[Any], partition: Partition, arrays: Arrays = HOST
    ) -> Responses:
        """Build from responses (stimulus, target) in their own order."""
        # A copy in any case, as what follows works in place.
        centred = arrays.put(targets[partition.order])
        xp = namespace(centred)
        size = xp.maximum(xp.amax(centred, 0), -xp.amin(centred, 0))
        rounding = 4.0 * float(np.finfo(targets.dtype).eps) * size
        mean, squares = _demean(centred, rounding)
        return cls(partition, arrays, centred, mean, squares, rounding)

    def in_own_units(self) -> Responses:
        """Return the same in units of the root of each sum of squares; 0 of constant targets."""
        length = namespace(self.squares).sqrt(self.squares)
        length[length == 0] = np.inf
        squares = self.squares / length**2
        return replace(
            self,
            centred=self.centred / length,
            mean=self.mean / length,
            squares=squares,
            rounding=self.rounding / length,
        )

    def moments(self, outer: int) -> tuple[FloatArray, FloatArray]:
        """Return mean and sum of squares of ``centred`` without a fold, as `mean`, `squares`."""
        return _demean(self.partition.cut(self.centred, outer), self.rounding)


def _demean(values: FloatArray, rounding: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Demean in place; return the mean, and the sum of squares or 0 if that is but rounding."""
    mean: FloatArray = values.mean(axis=0)
    values -= mean
    squares: FloatArray = dots(values, values)
    squares[squares <= values.shape[0] * rounding**2] = 0.0
    return mean, squares


def is_defined(
    predicted: npt.NDArray[np.floating[Any]], measured: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.bool_]:
    """Return whether neither sum of squares is that of a constant."""
    defined: npt.NDArray[np.bool_] = (predicted > _CONSTANT**2 * measured) & (measured > 0)
    return defined


def correlation(products: FloatArray, predicted: FloatArray, measured: FloatArray) -> FloatArray:
    """Return the Pearson correlation from sums over demeaned values.

    Parameters
    ----------
    products, predicted, measured : float64 arrays
        Sums of products, of squared predictions and of squared responses; zero squares of responses
        mark a constant target.

    Returns
    -------
    float64 array
        0 where one side is constant.
    """
    xp = namespace(products)
    valid = is_defined(predicted, measured)
    norm = xp.where(valid, predicted * measured, 1.0)
    found: FloatArray = xp.where(valid, products / xp.sqrt(norm), 0.0)
    return found


def correlation_slopes(
    predictions: FloatArray, centred: FloatArray, squares: FloatArray
) -> FloatArray:
    """Return the derivative of Pearson's r by each prediction; 0 where a side is constant.

    Parameters
    ----------
    predictions, centred : float64 arrays (stimulus, target)
        And demeaned responses, in the same order.
    squares : float64 array (target,)
        Sums of squares of these.
    """
    predicted = predictions - predictions.mean(axis=0)
    own = np.square(predicted).sum(axis=0)
    valid = is_defined(own, squares)
    own, squares = np.where(valid, (own, squares), 1.0)
    products = (predicted * centred).sum(axis=0)
    slopes = (centred - products / own * predicted) / np.sqrt(own * squares)
    return np.where(valid, slopes, 0.0)


def squared_correlation(
    products: FloatArray, predicted: FloatArray, measured: FloatArray
) -> FloatArray:
    """Return the square of `correlation`, 0 where that is negative.

    Divided once and not squared after the division, as rounding decides between equal penalties.
    """
    xp = namespace(products)
    valid = (products > 0) & is_defined(predicted, measured)
    norm = xp.where(valid, predicted * measured, 1.0)
    found: FloatArray = xp.where(valid, products**2 / norm, 0.0)
    return found


def pooled_r2(predictions: FloatArray, responses: Responses) -> FloatArray:
    """Return the squared correlation of predictions (stimulus, target) and responses."""
    demeaned = predictions - predictions.mean(axis=0)
    predicted = dots(demeaned, demeaned)
    products = dots(demeaned, responses.centred)
    return squared_correlation(products, predicted, responses.squares)
