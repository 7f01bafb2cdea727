"""Cross-validated Mahalanobis distances between stimuli, from repeated measurements."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from sklearn.covariance import ledoit_wolf

from brainbench_audio.errors import DataError

from .rdm import FloatArray, pair_indices
from .targets import SubjectRdms

# of folds: with two, no stimulus is left to learn the noise from
_FEWEST = 3


def subject_distances(target: xr.DataArray, folds: ArrayLike) -> SubjectRdms:
    """Return the `distances` of each subject, as `Subjects.of` makes arrays.

    Targets that lack a response in some session are dropped; then subjects with fewer than 2
    targets, without any noise, or with equal distances.

    Raises
    ------
    DataError
        Responses have no two sessions, folds are fewer than three, or no subject is left.
    """
    labels = np.asarray(folds)
    if target.sizes.get("session", 1) < 2:
        raise DataError("rsa-crossnobis needs two sessions at least: score `-rsa` without them.")
    if np.unique(labels).size < _FEWEST:
        raise DataError(
            f"rsa-crossnobis learns the noise of two folds from the others, and there are "
            f"{np.unique(labels).size} folds: give {_FEWEST} or more."
        )

    def made(responses: NDArray[np.floating]) -> FloatArray | None:
        if responses.shape[1] < 2:
            return None
        try:
            found = distances(responses, labels)
        except LinAlgError:  # responses without noise
            return None
        return found if np.ptp(found) > 0 else None

    return SubjectRdms.of(
        target,
        made,
        "No cross-validated distances can be made of these responses: {extent}, and none of "
        "{subjects} subjects has 2 of them, measured in all sessions, that vary between sessions.",
        sessions=True,
    )


def distances(responses: ArrayLike, folds: ArrayLike) -> FloatArray:
    r"""Return the cross-validated distance of each pair of stimuli.

    .. math:: d_{ij} = \frac{1}{S P} \sum_m (x_i^m - x_j^m)^T \Sigma^{-1}
              (\bar x_i^{-m} - \bar x_j^{-m})

    with m one of S sessions, :math:`\bar x^{-m}` the mean of the others, P targets. The noise
    covariance is learned from stimuli of other folds than those of i and j, see
    `noise_covariance`. As noise of sessions is independent, the expectation of d is 0 where two
    stimuli have the same response; with a covariance from the same stimuli it is not.

    Parameters
    ----------
    responses
        (stimulus, target, session), finite.
    folds
        (stimulus,), at least three different ones.

    Returns
    -------
    numpy.ndarray
        (pair,), upper triangle by rows; may be below 0.

    Raises
    ------
    scipy.linalg.LinAlgError
        Responses do not vary between sessions.

    Notes
    -----
    Walther et al. 2016, NeuroImage 137; Diedrichsen et al. 2016, arXiv:1607.01371.
    """
    values = np.asarray(responses, dtype=np.float64)
    labels = np.asarray(folds)
    stimuli, targets, sessions = values.shape
    first, second = pair_indices(stimuli)
    found = np.empty(first.size)
    for one, other in combinations_with_replacement(np.unique(labels).tolist(), 2):
        here = np.flatnonzero((labels == one) | (labels == other))
        elsewhere = (labels != one) & (labels != other)
        factor = cholesky(noise_covariance(values[elsewhere]), lower=True)
        rows = np.moveaxis(values[here], 1, 0).reshape(targets, -1)
        whitened = solve_triangular(factor, rows, lower=True, check_finite=False)
        products = cross_products(whitened.reshape(targets, here.size, sessions))
        own = np.diag(products)
        squared = own[:, np.newaxis] + own - 2 * products
        in_block = _is_pair(labels[first], labels[second], one, other)
        places = np.searchsorted(here, (first[in_block], second[in_block]))
        found[in_block] = squared[places[0], places[1]] / targets
    return found


def noise_covariance(responses: FloatArray) -> FloatArray:
    """Return the covariance of one session's noise, shrunk towards equal variances.

    What is left of responses without their mean over sessions, and without the mean that a session
    has over stimuli, which no distance depends on.

    Parameters
    ----------
    responses
        (stimulus, target, session).

    Returns
    -------
    numpy.ndarray
        (target, target).

    Notes
    -----
    Ledoit and Wolf 2004, Journal of Multivariate Analysis 88. S / (S - 1) makes up for the mean
    that was taken off.
    """
    targets, sessions = responses.shape[1:]
    residuals = responses - responses.mean(axis=2, keepdims=True)
    residuals = residuals - residuals.mean(axis=0)
    rows = np.moveaxis(residuals, 1, 2).reshape(-1, targets)
    size = float(np.abs(rows).max(initial=0.0))
    if size <= 1e-13 * float(np.abs(responses).max(initial=0.0)):
        raise LinAlgError("no noise")
    covariance, _ = ledoit_wolf(rows / size, assume_centered=True)
    shrunk: FloatArray = covariance * (size**2 * sessions / (sessions - 1))
    return shrunk


def cross_products(whitened: FloatArray) -> FloatArray:
    """Return products of stimuli between different sessions, mean over pairs of sessions.

    Parameters
    ----------
    whitened
        (target, stimulus, session).

    Returns
    -------
    numpy.ndarray
        (stimulus, stimulus), symmetric.
    """
    sessions = whitened.shape[2]
    total = whitened.sum(axis=2)
    products = total.T @ total
    for session in range(sessions):
        products -= whitened[:, :, session].T @ whitened[:, :, session]
    return np.asarray(products / (sessions * (sessions - 1)))


def _is_pair(
    first: NDArray[np.generic], second: NDArray[np.generic], one: object, other: object
) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = ((first == one) & (second == other)) | (
        (first == other) & (second == one)
    )
    return found
