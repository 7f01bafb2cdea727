"""Centred Gram matrices of stimuli, and what their alignment owes to each pair of stimuli."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.arrays import HOST, Arrays, namespace, on_host
from brainbench_audio.scores.influence import Influence, sketch

Array = npt.NDArray[np.float64]

_COLUMNS = 4096
# what rounding leaves of a matrix that centring ought to make zero, beside the matrix itself
_ROUNDING = 1e-10


def unit_gram(
    responses: npt.NDArray[np.floating[Any]], *, biased: bool = False, arrays: Arrays = HOST
) -> Array | None:
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
    arrays : Arrays
        Where products of stimuli are made.

    Returns
    -------
    float64 array (stimulus, stimulus) or None
        None where centring leaves nothing: all stimuli alike, or one alone unlike the others.
    """
    values = np.asarray(responses)
    stimuli = len(values)
    largest = float(np.abs(values).max(initial=0))
    summed = arrays.zeros(stimuli, stimuli)
    xp = namespace(summed)
    for start in range(0, values.shape[1], _COLUMNS):
        # a scale of 1 keeps squares within range
        block = arrays.put(values[:, start : start + _COLUMNS]) / (largest or 1.0)
        constant = xp.amax(block, 0) == xp.amin(block, 0)
        block -= block.mean(axis=0)
        block[:, constant] = 0.0
        summed += block @ block.T
    gram = on_host(summed)
    size = np.linalg.norm(gram)
    if not biased:
        np.fill_diagonal(gram, 0.0)
    # u_i + u_j that fits best: d u_i + sum_j u_j = sums_i, a multiple of one plus a matrix of ones
    diagonal = stimuli - 2 + 2 * biased
    shares = gram.sum(axis=1)
    shares = (shares - shares.sum() / (stimuli + diagonal)) / diagonal
    gram -= shares[:, None] + shares
    if not biased:
        np.fill_diagonal(gram, 0.0)
    norm = np.linalg.norm(gram)
    return None if norm <= _ROUNDING * size else gram / norm


def influence(gram: Array, subjects: Array, units: str = "", *, biased: bool = False) -> Influence:
    """Return the influence of stimuli on the CKA of a layer with each subject.

    Of a stimulus it is what is left without it; of a pair, the second derivative by the weights of
    both. What centring takes off is orthogonal to what it leaves, so that the weight of a pair has
    no first-order effect through it. The norms that CKA is divided by move with the weights of both
    stimuli of a pair, too.

    Parameters
    ----------
    gram : float64 array (stimulus, stimulus)
        From `unit_gram`.
    subjects : float64 array (subject, stimulus, stimulus)
        Likewise.
    units : str
        What subjects are a sample of.
    biased : bool
        As of the matrices.
    """
    products = gram * subjects
    cka = products.sum(axis=(1, 2))
    norms = np.broadcast_to(gram**2, products.shape), subjects**2
    owed = products - cka[:, None, None] / 2 * (norms[0] + norms[1])
    first, second = np.triu_indices(len(gram), 1)
    # derivatives of the product and of both squared norms by the weight of each stimulus
    rows = [(one.sum(axis=2), np.einsum("sii->si", one)) for one in (products, *norms)]
    p, k, m = (2 * sums - own for sums, own in rows)

    def twice(one: Array, other: Array) -> Array:
        return one[:, first] * other[:, second] + one[:, second] * other[:, first]

    ratio = cka[:, None] / 8 * (3 * twice(k, k) + 3 * twice(m, m) + 2 * twice(k, m))
    pairs = 2 * owed[:, first, second] + ratio - twice(p, k + m) / 2
    left = [_left_out(sums, own, biased=biased) for sums, own in rows]
    found = Influence.of_left_out(cka, _over_norms(*left).T, units)
    return replace(found, pairs=sketch(pairs), skewed=True)


def _left_out(rows: Array, own: Array, *, biased: bool) -> Array:
    """Return sums of products of two centred matrices without each stimulus, (subject, stimulus).

    Rows of either matrix sum to 0, so what is left is centred anew by what the row of the stimulus
    says.

    Parameters
    ----------
    rows, own : float64 arrays (subject, stimulus)
        Sums over rows of the products, and their diagonal.
    biased : bool
        As of the matrices.
    """
    stimuli = rows.shape[1]
    left = rows.sum(axis=1, keepdims=True) - 2 * rows + own
    if biased:
        return np.asarray(left - (2 * (rows - own) - own / (stimuli - 1)) / (stimuli - 1))
    return np.asarray(left - 2 * rows / (stimuli - 3))


def _over_norms(products: Array, first: Array, second: Array) -> Array:
    """Return products over both norms, 0 where one is 0 but for rounding of unit matrices."""
    some = np.minimum(first, second) > _ROUNDING
    norms = np.sqrt(np.where(some, first * second, 1.0))
    return np.where(some, products / norms, 0.0)
