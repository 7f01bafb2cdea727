"""Representational dissimilarity matrices (RDMs), kept as their upper triangle."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainbench_audio.arrays import HOST, Arrays, copied, dots, namespace, on_host
from brainbench_audio.errors import DataError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Distances equal on paper differ in their last bits on a machine; rounding keeps them tied.
DECIMALS = 13
# A spread this small beside the mean is what summing a constant leaves behind.
ROUNDING = 1e-12
# Deviation, beside the largest value, that rounding alone gives: results of another order of sums.
LAST_PLACES = 4.0 * float(np.finfo(np.float64).eps)


class UndefinedDistance(DataError):
    """Responses without correlations: one feature only, or a stimulus equal in all features."""


@lru_cache(maxsize=8)
def pair_indices(stimuli: int) -> tuple[IntArray, IntArray]:
    """Return the stimulus indices of each pair, in the order of the upper triangle, row by row.

    Parameters
    ----------
    stimuli
        Number of stimuli.

    Returns
    -------
    tuple of numpy.ndarray
        First and second stimulus of each pair, both (pair,), pair = stimuli (stimuli - 1) / 2.

    Examples
    --------
    >>> [index.tolist() for index in pair_indices(3)]
    [[0, 0, 1], [1, 2, 2]]
    """
    first, second = np.triu_indices(stimuli, k=1)
    first.flags.writeable = False
    second.flags.writeable = False
    return first, second


@lru_cache(maxsize=8)
def _pair_table(stimuli: int) -> IntArray:
    """Return the place of each pair in an RDM, (stimulus, stimulus)."""
    first, second = pair_indices(stimuli)
    table = np.zeros((stimuli, stimuli), dtype=np.intp)
    table[first, second] = table[second, first] = np.arange(first.size)
    return table


def permuted_pairs(order: IntArray) -> IntArray:
    """Return where the entries of an RDM are once its stimuli are in another order.

    Examples
    --------
    >>> permuted_pairs(np.array([2, 0, 1])).tolist()
    [1, 2, 0]
    """
    first, second = pair_indices(len(order))
    found: IntArray = _pair_table(len(order))[order[first], order[second]]
    return found


@lru_cache(maxsize=8)
def _flat_indices(stimuli: int) -> IntArray:
    first, second = pair_indices(stimuli)
    flat: IntArray = first * stimuli + second
    return flat


def standardise(responses: ArrayLike) -> FloatArray:
    """Return responses z-scored over stimuli: (x - mean) / standard deviation.

    In any unit the same: no constant is added to the deviation, as the released code does (1e-10,
    which responses in tesla do not exceed).

    Parameters
    ----------
    responses
        (stimulus, feature).

    Returns
    -------
    numpy.ndarray
        (stimulus, feature); a feature equal for all stimuli but for rounding is exactly zero.
    """
    values = np.array(responses, dtype=np.float64)
    _standardise(values)
    return values


def _standardise(values: FloatArray) -> None:
    """Z-score in place: fresh arrays of this size cost more than the arithmetic."""
    mean = values.mean(axis=0)
    values -= mean
    xp = namespace(values)
    deviation = xp.sqrt(dots(values, values) / len(values))
    suspects = deviation <= ROUNDING * abs(mean)
    if suspects.any():
        # The rounding error of the mean, divided by itself, would pass for a signal.
        some = values[:, suspects]
        equal = xp.amax(some, 0) == xp.amin(some, 0)
        suspects[copied(suspects)] = equal | (
            deviation[suspects] <= LAST_PLACES * abs(mean[suspects])
        )
        values[:, suspects] = 0.0
        deviation[suspects] = 1.0
    values *= 1 / deviation


def rdm(responses: ArrayLike, *, zscore: bool = True, arrays: Arrays = HOST) -> FloatArray:
    r"""Return the correlation distance of each pair of stimuli.

    .. math:: d_{ab} = 1 - \mathrm{Pearson}(z_a, z_b)

    over features, where `z` is `responses`, each feature z-scored over stimuli if `zscore`.

    Parameters
    ----------
    responses
        (stimulus, feature), at least 3 stimuli and 2 features, finite. A layer's activations or
        the voxels of a subject; computed in float64.
    zscore
        Z-score each feature over stimuli first, as `standardise` does.
    arrays
        Where products of stimuli are made.

    Returns
    -------
    numpy.ndarray
        (pair,) float64 in [0, 2]: the upper triangle row by row, rounded to 13 decimals so that
        distances equal up to rounding error share a rank.

    Raises
    ------
    DataError
        If there are fewer than 3 stimuli or a value is not finite.
    UndefinedDistance
        If there is one feature only, or a stimulus has the same value in all features.

    Notes
    -----
    "Better audio representations are more brain-like", section 4.4.

    Examples
    --------
    >>> rdm([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 3.0, 2.0]], zscore=False).tolist()
    [2.0, 0.5, 1.5]
    """
    rows = _checked(responses, arrays)
    stimuli, features = rows.shape
    if zscore:
        _standardise(rows)
    row_means = rows.mean(axis=1)
    rows -= row_means[:, None]
    products, means = on_host(rows @ rows.T), on_host(row_means)
    norms = np.sqrt(np.diagonal(products))
    flat = norms <= ROUNDING * np.sqrt(features) * np.abs(means)
    if flat.any():
        raise UndefinedDistance(
            f"{int(flat.sum())} of {stimuli} stimuli have the same value in all {features} "
            f"features (first: row {int(np.argmax(flat))}), so their correlation distance is "
            "undefined. Likely a dead layer or an empty recording; drop it."
        )
    products /= norms[:, None]
    products /= norms
    distances: FloatArray = 1.0 - products.ravel()[_flat_indices(stimuli)]
    np.round(distances, DECIMALS, out=distances)
    np.clip(distances, 0.0, 2.0, out=distances)
    return distances


def euclidean(responses: ArrayLike, *, zscore: bool = True, arrays: Arrays = HOST) -> FloatArray:
    r"""Return the squared Euclidean distance of each pair of stimuli, over their mean.

    .. math:: d_{ab} = \lVert z_a - z_b \rVert^2

    What a cross-validated distance would be without noise, where the covariance is the same for all
    features; so the counterpart of `crossnobis.distances` for layers.

    Parameters
    ----------
    responses, zscore, arrays
        As `rdm` takes them.

    Returns
    -------
    numpy.ndarray
        (pair,), upper triangle by rows, rounded to 13 decimals; 0 where all stimuli are the same.

    Raises
    ------
    DataError, UndefinedDistance
        As `rdm`, but for stimuli with the same value in all features.

    Examples
    --------
    >>> euclidean([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], zscore=False).tolist()
    [0.75, 0.75, 1.5]
    """
    rows = _checked(responses, arrays)
    if zscore:
        _standardise(rows)
    else:
        rows -= rows.mean(axis=0)
    products = on_host(rows @ rows.T)
    own = np.diagonal(products)
    distances: FloatArray = (own[:, None] + own - 2 * products).ravel()[_flat_indices(len(rows))]
    mean = float(distances.mean())
    return np.round(distances / mean, DECIMALS) if mean > 0 else np.zeros(distances.shape)


def _checked(responses: ArrayLike, arrays: Arrays) -> Any:
    """Return a copy in double precision, of a shape and values that have distances."""
    values = arrays.copy(responses)
    if values.ndim != 2:
        raise DataError(f"An RDM needs an array (stimulus, feature), got shape {values.shape}.")
    stimuli, features = values.shape
    if stimuli < 3:
        raise DataError(f"An RDM needs at least 3 stimuli, got {stimuli}.")
    if features < 2:
        raise UndefinedDistance(
            f"An RDM needs at least 2 features, got {features}: a correlation over fewer is "
            "undefined. Take more targets, or another metric."
        )
    finite = namespace(values).isfinite(values)
    if not finite.all():
        count = int((~finite.all(axis=0)).sum())
        raise DataError(
            f"An RDM needs finite responses; {count} of {features} features hold NaN or infinity. "
            "Drop these features first."
        )
    return values


def square(pairs: ArrayLike) -> FloatArray:
    """Return the symmetric matrix whose upper triangle is `pairs`.

    Parameters
    ----------
    pairs
        (pair,).

    Returns
    -------
    numpy.ndarray
        (stimulus, stimulus), zero on the diagonal.

    Examples
    --------
    >>> square([1.0, 2.0, 3.0]).tolist()
    [[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]]
    """
    values = np.asarray(pairs, dtype=np.float64)
    stimuli = stimuli_of(values.size)
    matrix = np.zeros((stimuli, stimuli))
    first, second = pair_indices(stimuli)
    matrix[first, second] = values
    matrix[second, first] = values
    return matrix


def stimuli_of(pairs: int) -> int:
    """Return how many stimuli have this many pairs.

    Raises
    ------
    DataError
        If no number of stimuli does.

    Examples
    --------
    >>> stimuli_of(13530)
    165
    """
    stimuli = (1 + round(float(np.sqrt(1 + 8 * pairs)))) // 2
    if stimuli * (stimuli - 1) // 2 != pairs:
        raise DataError(f"{pairs} values are not the upper triangle of a square matrix.")
    return stimuli
