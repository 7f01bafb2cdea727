"""Spearman correlation of many RDMs with many others, each ranked once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainbench_audio.errors import DataError

from .rdm import FloatArray, IntArray


def tie_groups(rdms: ArrayLike) -> IntArray:
    """Return for each entry how many distinct smaller values its RDM has.

    Sorting happens here and only here: from these groups the ranks within any subset or
    resampling of the entries follow by counting.

    Parameters
    ----------
    rdms
        (rdm, pair), finite.

    Returns
    -------
    numpy.ndarray
        (rdm, pair) integers from 0; equal entries of an RDM share a group.

    Examples
    --------
    >>> tie_groups([[0.5, 0.1, 0.5, 0.9]]).tolist()
    [[1, 0, 1, 2]]
    """
    values = np.atleast_2d(np.asarray(rdms, dtype=np.float64))
    if not np.isfinite(values).all():
        raise DataError("RDMs to compare hold NaN or infinity; rank finite distances only.")
    groups = np.empty(values.shape, dtype=np.intp)
    steps = np.zeros(values.shape[1], dtype=np.intp)
    for row, group in zip(values, groups, strict=True):
        order = np.argsort(row)
        ordered = row[order]
        np.cumsum(ordered[1:] != ordered[:-1], out=steps[1:])
        group[order] = steps
    return groups


def standard_ranks(groups: IntArray, entries: NDArray[np.generic] | None = None) -> FloatArray:
    """Return average ranks within the chosen entries, centred and of unit length.

    The dot product of two rows is then their Spearman correlation over these entries.

    Parameters
    ----------
    groups
        (rdm, pair), as `tie_groups` gives.
    entries
        Indices or mask of the entries to rank; all by default.

    Returns
    -------
    numpy.ndarray
        (rdm, entry); NaN for an RDM that is constant over these entries.
    """
    chosen = groups if entries is None else groups[:, entries]
    ranks = np.empty(chosen.shape)
    count = chosen.shape[1]
    for row, rank in zip(chosen, ranks, strict=True):
        np.take(average_ranks(np.bincount(row)), row, out=rank)
    ranks -= (count + 1) / 2
    norms = np.sqrt(np.einsum("ij,ij->i", ranks, ranks))
    ranks /= np.where(norms > 0, norms, np.nan)[:, None]
    return ranks


def average_ranks(counts: NDArray[np.generic]) -> FloatArray:
    """Rank of each group when its members share the mean of the places they fill."""
    upper = np.cumsum(counts, dtype=np.float64)
    return upper - (np.asarray(counts, dtype=np.float64) - 1) / 2


def spearman(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Return Spearman's rho of each of the first RDMs with each of the second.

    Parameters
    ----------
    first, second
        (first, pair) and (second, pair), finite; ties get average ranks.

    Returns
    -------
    numpy.ndarray
        (first, second), in [-1, 1]; NaN where an RDM is constant.

    Raises
    ------
    DataError
        If the numbers of pairs differ or a value is not finite.

    Examples
    --------
    >>> spearman([[1.0, 2.0, 3.0]], [[10.0, 20.0, 30.0], [3.0, 2.0, 1.0]]).round(12).tolist()
    [[1.0, -1.0]]
    """
    left, right = tie_groups(first), tie_groups(second)
    return correlate(standard_ranks(left), standard_ranks(right))


def correlate(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the dot products of standard ranks, (first, second), kept within [-1, 1]."""
    if first.shape[1] != second.shape[1]:
        raise DataError(
            f"RDMs of {first.shape[1]} and {second.shape[1]} pairs cannot be compared: "
            "take the same stimuli in the same order for both."
        )
    return np.clip(first @ second.T, -1.0, 1.0)
