"""What a perfect model could reach, given how noisy the responses are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError

Array = npt.NDArray[np.float64]


def spearman_brown(reliability: npt.ArrayLike, times: npt.ArrayLike) -> Array:
    """Return the reliability of a mean over ``times`` as many sessions.

    ``k r / (1 + (k - 1) r)`` (Spearman 1910, Brown 1910).

    Examples
    --------
    >>> round(float(spearman_brown(0.5, 3)), 3)
    0.75
    """
    r = np.asarray(reliability, dtype=np.float64)
    k = np.asarray(times, dtype=np.float64)
    return np.asarray(k * r / (1 + (k - 1) * r))


def session_reliability(responses: npt.NDArray[np.floating[Any]]) -> Array:
    """Return the reliability of each target's mean over its sessions.

    The Pearson correlation over stimuli of every two sessions is averaged over the pairs and
    stepped up to the number of sessions with `spearman_brown`. In expectation this is the squared
    correlation of the mean response with the noise-free one, so it is the ceiling of R². Negative
    estimates are kept; sessions with a NaN are left out.

    Parameters
    ----------
    responses : array (stimulus, target, session)
        Repeated measurements.

    Returns
    -------
    float64 array (target,)
        NaN where fewer than two sessions are complete and vary.
    """
    values = np.asarray(responses, dtype=np.float64)
    centred = values - values.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0))
    usable = np.isfinite(norm) & (norm > 1e-12 * np.abs(values).max(axis=0))
    unit = np.where(usable, centred / np.where(usable, norm, 1.0), 0.0)
    total = np.zeros(values.shape[1])
    pairs = np.zeros(values.shape[1])
    for first, second in combinations(range(values.shape[2]), 2):
        total += (unit[:, :, first] * unit[:, :, second]).sum(axis=0)
        pairs += usable[:, first] & usable[:, second]
    enough = pairs > 0
    mean = np.where(enough, total / np.where(enough, pairs, 1.0), np.nan)
    return spearman_brown(mean, usable.sum(axis=1))


def subject_ceiling(
    arrays: Array, correlate: Callable[[Array, Array], float]
) -> tuple[float | None, dict[str, tuple[str, Array]]]:
    """Return the mean of `inter_subject`'s lower ceiling, and both as variables of a `Score.raw`.

    The ceiling is None for one subject, and where it is not defined for all.
    """
    if len(arrays) < 2:
        return None, {}
    lower, upper = inter_subject(arrays, correlate)
    ceiling = float(lower.mean()) if np.isfinite(lower).all() else None
    return ceiling, {"ceiling_lower": ("subject", lower), "ceiling_upper": ("subject", upper)}


def inter_subject(rdms: Array, correlate: Callable[[Array, Array], float]) -> tuple[Array, Array]:
    """Return the lower and the upper noise ceiling of representational similarity.

    Lower: each subject against the mean of the others, the topline of the paper. Upper: each
    subject against the mean of all, itself included (Nili et al. 2014, PLOS Computational Biology).

    Parameters
    ----------
    rdms : array (subject, pair)
        Upper triangles of the representational dissimilarity matrices.
    correlate : callable
        Takes two arrays (pair,), returns their correlation.

    Returns
    -------
    two float64 arrays (subject,)

    Raises
    ------
    DataError
        Fewer than two subjects.
    """
    if len(rdms) < 2:
        raise DataError("A noise ceiling between subjects needs at least two subjects.")
    total = rdms.sum(axis=0)
    lower = [correlate(rdm, (total - rdm) / (len(rdms) - 1)) for rdm in rdms]
    upper = [correlate(rdm, total / len(rdms)) for rdm in rdms]
    return np.array(lower), np.array(upper)
