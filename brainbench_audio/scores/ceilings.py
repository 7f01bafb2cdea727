"""What a perfect model could reach, given how noisy the responses are."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError
from brainbench_audio.scores.score import WITHHELD

Array = npt.NDArray[np.float64]

# Two points always lie on a line.
LEAST_SHARED = 3
# What a ceiling has to be, and how many of its standard errors, to be divided by.
LEAST_CEILING, LEAST_ERRORS = 0.05, 5.0
# that a jackknife leaves out one after the other
GROUPS = 10


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


def stepped_up(correlation: npt.ArrayLike, times: npt.ArrayLike) -> Array:
    """Return `spearman_brown`, below 0 its tangent ``k r``.

    Spearman-Brown has no meaning for negative correlations: at ``-1 / (k - 1)`` it is infinite, and
    beyond it exceeds 1. Sessions of a target without a signal correlate negatively half of the
    time, so estimates there have to stay finite and in order.

    Examples
    --------
    >>> stepped_up([0.5, 0.0, -0.5], 3).tolist()
    [0.75, 0.0, -1.5]
    """
    r, k = np.asarray(correlation, dtype=np.float64), np.asarray(times, dtype=np.float64)
    return np.where(r < 0, k * r, spearman_brown(np.maximum(r, 0.0), k))


def session_correlations(responses: npt.NDArray[np.floating[Any]]) -> tuple[Array, Array, Array]:
    """Correlate every two sessions of each target over the stimuli that both have.

    Parameters
    ----------
    responses : array (stimulus, target, session)
        Repeated measurements; NaN where one is missing.

    Returns
    -------
    float64 array (pair, target)
        Pearson's r; NaN where a session is constant, or fewer than three stimuli are shared.
    float64 array (pair, target)
        Number of stimuli shared less one, 0 where r is NaN: the weight of r in a mean.
    float64 array (target,)
        `sessions_per_stimulus`, constant sessions left out.
    """
    values = np.asarray(responses, dtype=np.float64)
    present = np.isfinite(values)
    values = np.where(present, values, 0.0)
    _, norm = _centred(values, present)
    usable = present & (norm > 1e-12 * np.abs(values).max(axis=0))
    pairs = list(combinations(range(values.shape[2]), 2))
    found, weights = np.full((2, len(pairs), values.shape[1]), np.nan)
    for place, (first, second) in enumerate(pairs):
        both = usable[:, :, first] & usable[:, :, second]
        x, size_x = _centred(values[:, :, first], both)
        y, size_y = _centred(values[:, :, second], both)
        shared = both.sum(axis=0)
        enough = (shared >= LEAST_SHARED) & (size_x > 0) & (size_y > 0)
        np.divide((x * y).sum(axis=0), size_x * size_y, out=found[place], where=enough)
        weights[place] = np.where(enough, shared - 1.0, 0.0)
    return found, weights, sessions_per_stimulus(usable)


def sessions_per_stimulus(present: npt.NDArray[np.bool_]) -> Array:
    """Return how many sessions there are, as the harmonic mean over stimuli.

    The noise of a mean over k sessions has 1/k of its variance: that is what averages over stimuli.

    Parameters
    ----------
    present : bool array (stimulus, target, session)

    Returns
    -------
    float64 array (target,)
        NaN where a stimulus has no session.

    Examples
    --------
    >>> sessions_per_stimulus(np.array([[[True, True]], [[True, False]]])).round(2).tolist()
    [1.33]
    """
    count = present.sum(axis=2)
    times = 1 / (1 / np.maximum(count, 1)).mean(axis=0)
    return np.where((count > 0).all(axis=0), times, np.nan)


def session_reliability(responses: npt.NDArray[np.floating[Any]]) -> Array:
    """Return the reliability of each target's mean over its sessions.

    The Pearson correlation over stimuli of every two sessions is averaged over the pairs and
    stepped up to the number of sessions, see `stepped_up`. This estimates the squared correlation
    of the mean response with the noise-free one. Missing responses (NaN) are left out one by one,
    see `session_correlations`.

    Parameters
    ----------
    responses : array (stimulus, target, session)
        Repeated measurements.

    Returns
    -------
    float64 array (target,)
        NaN where no two sessions can be correlated, or a stimulus has no session. Negative
        estimates are kept: a ceiling takes them as 0.
    """
    correlations, weights, times = session_correlations(responses)
    total = weights.sum(axis=0)
    summed = np.where(weights > 0, weights * correlations, 0.0).sum(axis=0)
    mean = np.divide(summed, total, out=np.full(total.shape, np.nan), where=total > 0)
    return stepped_up(mean, times)


def _centred(values: Array, where: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return values less their mean over the first dimension, 0 elsewhere, and their norm."""
    mean = np.divide(np.where(where, values, 0.0).sum(axis=0), np.maximum(where.sum(axis=0), 1))
    centred = np.where(where, values - mean, 0.0)
    return centred, np.sqrt((centred**2).sum(axis=0))


def subject_ceiling(
    arrays: Array, correlate: Callable[[Array, Array], float], units: Array | None = None
) -> tuple[float | None, dict[str, tuple[str, Array]], dict[str, str]]:
    """Return the mean of `inter_subject`'s lower ceiling, and what belongs to it in a `Score`.

    Returns
    -------
    float or None
        Within 0 and 1; None for one subject, and where it is not defined for all.
    mapping of str
        Both ceilings, variables of `Score.raw`.
    mapping of str
        See `too_uncertain`. Of few subjects, who differ, no error of it is known well.
    """
    if len(arrays) < 2:
        return None, {}, {}
    lower, upper = inter_subject(arrays, correlate, units)
    bounds = {"ceiling_lower": ("subject", lower), "ceiling_upper": ("subject", upper)}
    ceiling = bounded(float(lower.mean()))
    reason = too_uncertain(ceiling, [], "The ceiling between subjects", "subjects")
    return ceiling, bounds, reason


def too_uncertain(
    ceiling: float | None,
    left_out: npt.ArrayLike,
    name: str,
    over: str,
    least: float = LEAST_CEILING,
) -> dict[str, str]:
    """Return why a score is not divided by its ceiling, as part of the provenance, if so.

    Parameters
    ----------
    ceiling : float or None
        None: there is none, so nothing is to be said.
    left_out : float array (group,)
        The ceiling without each group of stimuli or subjects; empty where there are no groups, NaN
        where a ceiling is not known.
    name, over : str
        What the ceiling is, and what was left out.
    least : float
        The ceiling is to be above.
    """
    if ceiling is None:
        return {}
    left = np.asarray(left_out, dtype=np.float64)
    error = float(np.std(left) * np.sqrt(left.size - 1)) if left.size else 0.0
    if np.isnan(error):
        reason = (
            f"{name}, {ceiling:.3f}, is from so few {over} that its standard error is not known "
            f"(jackknife over {over}), so it is too uncertain to divide by."
        )
        return {WITHHELD: reason}
    if ceiling > max(least, LEAST_ERRORS * error):
        return {}
    known = f" with a standard error of {error:.3f} (jackknife over {over})" if left.size else ""
    limits = f"{least} or {LEAST_ERRORS:g} of its errors" if left.size else f"{least}"
    return {
        WITHHELD: f"{name}, {ceiling:.3f}{known}, is below {limits}, so it is too uncertain to "
        f"divide by."
    }


def inter_subject(
    rdms: Array, correlate: Callable[[Array, Array], float], units: Array | None = None
) -> tuple[Array, Array]:
    """Return the lower and the upper noise ceiling of representational similarity.

    Lower: each subject against the mean of the others, the topline of the paper. Upper: each
    subject against the mean of all, itself included (Nili et al. 2014, PLOS Computational Biology).
    The mean over subjects of a dot product of unit vectors with one more is highest for the mean
    of these, so no model exceeds the upper one if that is taken of ``units``.

    Parameters
    ----------
    rdms : array (subject, pair)
        Upper triangles of the representational dissimilarity matrices.
    correlate : callable
        Takes two arrays (pair,), returns their correlation.
    units : array (subject, pair), optional
        Unit vectors whose dot product this correlation is: for Spearman's rho the centred ranks.
        Without them the upper ceiling is against the mean of ``rdms``.

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
    lower = _with_the_others(rdms, correlate)
    if units is None:
        mean = rdms.mean(axis=0)
        return lower, np.array([correlate(rdm, mean) for rdm in rdms])
    best = units.mean(axis=0)
    length = float(np.linalg.norm(best))
    return lower, units @ (best / length if length > 0 else best)


def _with_the_others(rdms: Array, correlate: Callable[[Array, Array], float]) -> Array:
    """Return the correlation of each subject with the mean of the others, (subject,)."""
    found = []
    for place, rdm in enumerate(rdms):
        # not the sum of all less the subject's own: rounding would break ties of the others
        others = reduce(np.add, [one for number, one in enumerate(rdms) if number != place])
        found.append(correlate(rdm, others / (len(rdms) - 1)))
    return np.array(found)


def bounded(ceiling: float) -> float | None:
    """Return a ceiling within 0 and 1; None for NaN.

    What no model can exceed is no more than 1, and what one without any signal reaches is 0.

    Examples
    --------
    >>> bounded(-0.2), bounded(0.4), bounded(float("nan"))
    (0.0, 0.4, None)
    """
    return float(np.clip(ceiling, 0.0, 1.0)) if np.isfinite(ceiling) else None
