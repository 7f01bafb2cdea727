"""Centred Gram matrices of stimuli, and their alignment over stimuli drawn with replacement."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_COLUMNS = 4096
# what rounding leaves of a matrix that centring ought to make zero, beside the matrix itself
_ROUNDING = 1e-10


def unit_gram(responses: npt.NDArray[np.floating[Any]], *, biased: bool = False) -> Array | None:
    r"""Return the centred Gram matrix of some stimuli, scaled to unit norm.

    With :math:`K = X X^\top`, the part of `K` that is a sum :math:`u_i + u_j` is taken off, fitted
    by least squares to all entries (``biased``) or to those off the diagonal, which is then zero.
    The sum over entries of the product of two such matrices is the biased HSIC or, by Song et al.
    (2012), the unbiased one, each but for a factor that CKA divides out. So the CKA of two layers
    is the sum of the products of their unit matrices.

    Parameters
    ----------
    responses : array (stimulus, feature)
        Finite, at least four stimuli. Computed in float64, a few thousand features at a time.
    biased : bool

    Returns
    -------
    float64 array (stimulus, stimulus) or None
        None where centring leaves nothing: all stimuli alike, or one alone unlike the others.
    """
    values = np.asarray(responses)
    stimuli = len(values)
    largest = float(np.abs(values).max(initial=0))
    gram = np.zeros((stimuli, stimuli))
    for start in range(0, values.shape[1], _COLUMNS):
        # a scale of 1 keeps squares within range
        block = values[:, start : start + _COLUMNS].astype(np.float64) / (largest or 1.0)
        constant = np.ptp(block, axis=0) == 0
        block -= block.mean(axis=0)
        block[:, constant] = 0.0
        gram += block @ block.T
    size = np.linalg.norm(gram)
    if not biased:
        np.fill_diagonal(gram, 0.0)
    _, shares = _shares(gram, np.ones((1, stimuli)), biased=biased)
    gram -= shares[0][:, None] + shares[0]
    if not biased:
        np.fill_diagonal(gram, 0.0)
    norm = np.linalg.norm(gram)
    return None if norm <= _ROUNDING * size else gram / norm


def bootstrap_cka(first: Array, second: Array, counts: Array, *, biased: bool = False) -> Array:
    """Return the CKA of two layers over stimuli drawn with replacement.

    Centring is done anew in each draw. A pair of different stimuli counts as often as both were
    drawn together. A pair of two copies of one stimulus is left out, as the metric ``rsa`` does: it
    would be one more entry of the diagonal, which the unbiased estimator exists to leave out, and
    of which the biased one has one for each stimulus drawn.

    Parameters
    ----------
    first, second : float64 array (stimulus, stimulus)
        From `unit_gram`, with the same ``biased``.
    counts : float64 array (draw, stimulus)
        How often each draw takes each stimulus.
    biased : bool

    Returns
    -------
    float64 array (draw,)
        NaN for a draw that leaves nothing to compare.
    """
    shared = _products(first, second, counts, biased=biased)
    norms = [_products(one, one, counts, biased=biased) for one in (first, second)]
    whole = [_weighted(one**2, counts) for one in (first, second)]
    enough = [norm > _ROUNDING * size for norm, size in zip(norms, whole, strict=True)]
    usable = np.logical_and(*enough)
    scale = np.sqrt(np.where(usable, norms[0] * norms[1], np.nan))
    return np.clip(shared / scale, -1.0, 1.0)


def _products(first: Array, second: Array, counts: Array, *, biased: bool) -> Array:
    """Return, (draw,), the sum of the products of the two once centred within each draw."""
    _, shares = _shares(first, counts, biased=biased)
    sums, _ = _shares(second, counts, biased=biased)
    # what is left after a least-squares fit is orthogonal to what was fitted: one side is enough
    fitted: Array = np.einsum("ij,ij,ij->i", counts, shares, sums)
    return _weighted(first * second, counts) - 2 * fitted


def _weighted(entries: Array, counts: Array) -> Array:
    """Return the sum of the entries, (draw,), each as often as it was drawn, copies left out."""
    copies = counts * (counts - 1)
    whole = np.einsum("ij,ij->i", counts @ entries, counts)
    return np.asarray(whole - copies @ np.diagonal(entries))


def _shares(gram: Array, counts: Array, *, biased: bool) -> tuple[Array, Array]:
    """Return weighted sums of rows, and the u of the sums u_i + u_j that fit best.

    Both are (draw, stimulus). An entry's weight is the product of the counts of its two stimuli,
    on the diagonal the count itself; without ``biased`` the diagonal is zero and has no weight.
    """
    total = counts.sum(axis=1, keepdims=True)
    sums = counts @ gram - (counts - 1) * np.diagonal(gram)
    # with d_i = total - 2 c_i, plus 2 if biased, d_i u_i + sum_j c_j u_j = sums_i: a diagonal plus
    # a matrix of rank one, so division solves it
    with np.errstate(divide="ignore", invalid="ignore"):
        own = 1 / (total - 2 * counts + 2 * biased)
        level = (counts * own * sums).sum(axis=1, keepdims=True)
        level /= 1 + (counts * own).sum(axis=1, keepdims=True)
        return sums, own * (sums - level)
