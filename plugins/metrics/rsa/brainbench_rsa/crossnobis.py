"""Cross-validated Mahalanobis distances between stimuli, from repeated measurements."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cholesky, solve_triangular
from sklearn.covariance import ledoit_wolf

from brainbench_audio.assemblies.folds import fold_labels
from brainbench_audio.errors import DataError

from .rdm import FloatArray, IntArray, pair_indices
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
        Responses have no two sessions, folds are no label of each stimulus or fewer than three, or
        no subject is left.
    """
    labels = fold_labels(folds, target.sizes.get("stimulus"))
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
    stimuli, targets = values.shape[:2]
    labels = fold_labels(folds, stimuli)
    first, second = pair_indices(stimuli)
    found = np.empty(first.size)
    whiten = _Whitening(values)
    for one, other in combinations_with_replacement(np.unique(labels).tolist(), 2):
        here = np.flatnonzero((labels == one) | (labels == other))
        elsewhere = np.flatnonzero((labels != one) & (labels != other))
        products = whiten.products(here, elsewhere)
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


class _Whitening:
    """Products of whitened responses, from products of responses where these are fewer numbers.

    With R the residuals, N of them, and a covariance a I + b R'R, products are

        X Σ⁻¹ Y' = (X Y' - X R' (R R' + a / b I)⁻¹ R Y') / a

    so that all are sums of products of responses, which are made once (Woodbury's identity).
    """

    def __init__(self, responses: FloatArray) -> None:
        # a common part of all stimuli is in no distance, and would cost digits
        self._responses = responses - responses.mean(axis=(0, 2), keepdims=True)
        stimuli, self._targets, self._sessions = responses.shape
        self._gram: FloatArray | None = None
        if not _is_small(self._targets, stimuli * self._sessions):
            rows = np.moveaxis(self._responses, 1, 2).reshape(-1, self._targets)
            self._size = float(np.abs(rows).max(initial=0.0)) or 1.0
            rows = rows / self._size
            self._gram = rows @ rows.T

    def products(self, here: IntArray, elsewhere: IntArray) -> FloatArray:
        """Return `cross_products` of some stimuli, whitened by the noise of others."""
        if self._gram is None:
            factor = cholesky(noise_covariance(self._responses[elsewhere]), lower=True)
            rows = np.moveaxis(self._responses[here], 1, 0).reshape(self._targets, -1)
            whitened = solve_triangular(factor, rows, lower=True, check_finite=False)
            return cross_products(whitened.T @ whitened, self._sessions)
        mine, others = self._rows(here), self._rows(elsewhere)
        both = _left_over(self._gram[np.ix_(mine, others)].T, self._sessions)
        noise = _left_over(self._gram[np.ix_(others, others)], self._sessions)
        noise = _left_over(noise.T, self._sessions)
        share, variance = _shrinkage(noise, self._targets)
        if not share > 0 or not np.trace(noise) > 1e-26 * np.trace(self._gram):
            raise LinAlgError("no noise, or a covariance without an inverse")
        own = share * variance
        products = self._gram[np.ix_(mine, mine)]
        if share < 1:
            noise[np.diag_indices_from(noise)] += own * len(noise) / (1 - share)
            products = products - both.T @ cho_solve(cho_factor(noise), both)
        products = products * ((self._sessions - 1) / (own * self._sessions))
        return cross_products(products, self._sessions)

    def _rows(self, stimuli: IntArray) -> IntArray:
        """Return the rows of the Gram matrix that hold some stimuli, session by session."""
        rows: IntArray = stimuli[:, np.newaxis] * self._sessions + np.arange(self._sessions)
        return rows.ravel()


def _is_small(targets: int, rows: int) -> bool:
    """Return whether the covariance of targets is smaller than the products of their rows."""
    return targets <= rows


def _left_over(rows: FloatArray, sessions: int) -> FloatArray:
    """Take off the mean over sessions, and then that over stimuli; rows are stimulus x session."""
    values = rows.reshape(-1, sessions, rows.shape[1])
    values = values - values.mean(axis=1, keepdims=True)
    values = values - values.mean(axis=0)
    return np.asarray(values.reshape(rows.shape))


def _shrinkage(gram: FloatArray, targets: int) -> tuple[float, float]:
    """Return what `sklearn.covariance.ledoit_wolf` finds, and the mean variance of targets.

    Parameters
    ----------
    gram
        (row, row), products of the rows that have the covariance.
    targets
        Their length.
    """
    rows = len(gram)
    variance = float(np.trace(gram)) / (rows * targets)
    squares = float(np.square(gram).sum()) / rows**2
    beta = (float(np.square(np.diag(gram)).sum()) / rows - squares) / (targets * rows)
    delta = squares / targets - variance**2
    return (0.0 if min(beta, delta) <= 0 else min(beta, delta) / delta), variance


def cross_products(products: FloatArray, sessions: int) -> FloatArray:
    """Return products of stimuli between different sessions, mean over pairs of sessions.

    Parameters
    ----------
    products
        (row, row) of rows that are stimulus x session.
    sessions
        Their number.

    Returns
    -------
    numpy.ndarray
        (stimulus, stimulus), symmetric.
    """
    stimuli = len(products) // sessions
    by_session = products.reshape(stimuli, sessions, stimuli, sessions)
    across = by_session.sum(axis=(1, 3)) - np.einsum("imjm->ij", by_session)
    return np.asarray(across / (sessions * (sessions - 1)))


def _is_pair(
    first: NDArray[np.generic], second: NDArray[np.generic], one: object, other: object
) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = ((first == one) & (second == other)) | (
        (first == other) & (second == one)
    )
    return found
