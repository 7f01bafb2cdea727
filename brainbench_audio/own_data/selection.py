"""Percent signal change, and which voxels respond to sound and do so reliably."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError

FloatArray = npt.NDArray[np.float64]
Real = npt.NDArray[np.floating[Any]]
LEVEL, LEAST = 0.001, 0.3


def percent_signal_change(estimates: Real, silence: Real) -> FloatArray:
    """Return estimates as a percentage of the response to silence above it.

    ``100 * (estimate - baseline) / baseline``, where the baseline of a voxel is its mean over those
    of ``silence`` that are there. A voxel whose baseline is not above 0, or that has none, has no
    signal there: it becomes NaN.

    Parameters
    ----------
    estimates : array (stimulus, voxel)
        Of one session, in the scanner's units.
    silence : array (repetition, voxel)
        Of the same session; NaN where a trial is missing.

    Raises
    ------
    DataError
        No trial of silence is there, or no voxel has a baseline above 0, as where estimates are
        relative to silence already.

    Examples
    --------
    >>> percent_signal_change(np.array([[101.0], [103.0]]), np.array([[99.0], [101.0]])).tolist()
    [[1.0], [3.0]]
    """
    silence = np.asarray(silence, np.float64)
    measured = np.isfinite(silence).any(axis=0)
    if not measured.any():
        raise DataError(
            "No row of silence has a number: give the responses to silence of each session, or "
            "name no silence where responses are relative to it already."
        )
    baseline = silence.mean(axis=0)
    lacking = measured & np.isnan(baseline)
    # only these: another order of adding would change the last bit, and the checksum, of the others
    baseline[lacking] = np.nanmean(silence[:, lacking], axis=0)
    if not (baseline > 0).any():
        raise DataError(
            "The mean response to silence is not above 0 in any voxel: the estimates seem to be "
            "relative to silence already; leave the rows of silence out, and name no silence."
        )
    baseline = np.where(baseline > 0, baseline, np.nan)
    return np.asarray(100 * (np.asarray(estimates, np.float64) - baseline) / baseline)


def sound_p(responses: Real, silence: Real | None = None) -> FloatArray:
    """Return p of each voxel that it does not respond more to sounds than to silence: (voxel,).

    With ``silence`` a t-test of two samples with unequal variances (Welch); without, responses are
    relative to silence, and it is one of one sample against 0. One-sided. NaN where a voxel lacks a
    response, or all trials of silence but one.

    Parameters
    ----------
    responses : array (stimulus, voxel)
        Mean over sessions.
    silence : array (repetition, voxel), optional
        Two repetitions or more, in the same units; NaN where one is missing.
    """
    from scipy import stats

    if silence is None:
        p = stats.ttest_1samp(responses, 0.0, axis=0, alternative="greater").pvalue
    else:
        # masked: with `nan_policy="omit"` SciPy takes voxel by voxel, 1 ms each
        trials = np.ma.masked_invalid(silence)
        test = stats.mstats.ttest_ind(
            responses, trials, axis=0, equal_var=False, alternative="greater"
        )
        p = np.ma.filled(test.pvalue, np.nan)
    return np.asarray(p, np.float64)


def reliability(first: Real, second: Real) -> FloatArray:
    """Return how much of a voxel's responses repeats: ``1 - |a - proj_b(a)| / |a|``, (voxel,).

    ``a`` are the responses of a voxel in ``first``, ``proj_b(a)`` is their projection on those in
    ``second``. NaN where either is 0 throughout.

    Parameters
    ----------
    first, second : array (stimulus, voxel)
        In NH2015 the mean over the first two sessions, and the third.

    Examples
    --------
    >>> reliability(np.array([[2.0], [4.0]]), np.array([[1.0], [2.0]])).round(6).tolist()
    [1.0]
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        projected = b * ((a * b).sum(axis=0) / (b * b).sum(axis=0))
        return np.asarray(1 - np.linalg.norm(a - projected, axis=0) / np.linalg.norm(a, axis=0))


def selected_voxels(
    responses: Real, silence: Real | None = None, level: float = LEVEL, least: float = LEAST
) -> npt.NDArray[np.bool_]:
    """Return which voxels to keep: (voxel,).

    Those that respond to sound, ``sound_p < level``, and repeat, ``reliability > least``, as in
    Norman-Haignere et al. (2015), Neuron 88, and section 4.1 of "Better audio representations are
    more brain-like". Voxels that lack a response in some session are left out. The mean of all
    sessions but the last is held against the last; the papers do not say whether their test is
    one-sided, ours is.

    Parameters
    ----------
    responses : array (stimulus, voxel, session)
        Percent signal change, two sessions or more.
    silence : array (repetition, voxel), optional
        See `sound_p`.

    Raises
    ------
    DataError
        There is one session only.
    """
    if responses.ndim != 3 or responses.shape[2] < 2:
        raise DataError(
            "Voxels are selected by how well they repeat, and there is one session: give two or "
            "more, or select none."
        )
    p = sound_p(responses.mean(axis=2), silence)
    repeats = reliability(responses[:, :, :-1].mean(axis=2), responses[:, :, -1])
    return np.asarray((p < level) & (repeats > least))
