"""Correction of R² for the noise of the responses, from repeated measurements."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.ceilings import (
    session_correlations,
    sessions_per_stimulus,
    spearman_brown,
)

from .nested import NestedRidge
from .partition import FloatArray, IndexArray

# Lowest reliabilities to divide by, those of the earlier work: correlations that 5 % of unrelated
# responses to 83 and to 82 sounds (its training and test sounds) exceed.
MEASURED_FLOOR, PREDICTED_FLOOR = 0.182, 0.183
# Targets whose session-wise predictions are compared at a time.
_BLOCK = 2048

Responses = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SessionTargets:
    """Targets of the mean over sessions, followed by those of each session that is complete.

    Attributes
    ----------
    responses : float array (stimulus, target + session target)
    leaders : int array (target + session target,)
        Place of the mean that a session belongs to; a mean leads itself.
    sessions : float array (stimulus, target, session)
        As measured.
    complete : bool array (target, session)
        Where no response is missing.
    """

    responses: Responses
    leaders: IndexArray
    sessions: Responses
    complete: npt.NDArray[np.bool_]

    @classmethod
    def append(cls, mean: Responses, sessions: Responses) -> SessionTargets:
        """Put the sessions (stimulus, target, session) after their mean (stimulus, target)."""
        complete = np.asarray(np.isfinite(sessions).all(axis=0))
        responses = np.concatenate([mean, sessions[:, complete]], axis=1)
        leaders = np.concatenate([np.arange(mean.shape[1]), np.nonzero(complete)[0]])
        return cls(responses, leaders, sessions, complete)

    def correct(self, found: NestedRidge) -> Correction:
        """Return the corrected R² of the means.

        Parameters
        ----------
        found : NestedRidge
            For ``responses``, found with ``leaders``.
        """
        targets, sessions = self.complete.shape
        # Where in `found` the session of a target is; unused where it is not complete.
        place = np.zeros((targets, sessions), dtype=np.intp)
        place[self.complete] = targets + np.arange(self.leaders.size - targets)
        measured, predicted = np.empty((2, targets))
        for start in range(0, targets, _BLOCK):
            block = slice(start, start + _BLOCK)
            whole = self.complete[block].sum(axis=1)
            some = self.sessions[:, block]
            measured[block] = np.where(whole > 1, median_reliability(some), np.nan)
            predictions = found.predictions[:, place[block]]
            predicted[block] = median_reliability(
                np.where(self.complete[block], predictions, np.nan),
                # the prediction is that of the mean, which has incomplete sessions in it
                share=sessions_per_stimulus(np.isfinite(some)) / np.maximum(whole, 1),
            )
        return Correction.of(found.r2[:targets], measured, predicted)


@dataclass(frozen=True)
class Correction:
    """R² corrected for noise, and what it was divided by.

    Attributes
    ----------
    r2 : float64 array (target,)
        ``R² / (measured * predicted)``, these not below their floors; not clipped. NaN where
        ``measured`` is.
    measured : float64 array (target,)
        Reliability of the mean response; NaN where fewer than two sessions are complete.
    predicted : float64 array (target,)
        Reliability of the prediction; NaN where fewer than two sessions give one that varies.
    """

    r2: FloatArray
    measured: FloatArray
    predicted: FloatArray

    @classmethod
    def of(cls, r2: FloatArray, measured: FloatArray, predicted: FloatArray) -> Correction:
        """Divide R² by the two reliabilities.

        Examples
        --------
        >>> import numpy as np
        >>> Correction.of(np.array([0.3]), np.array([0.8]), np.array([0.9])).r2.round(3)
        array([0.417])
        """
        corrected = r2 / divisor(measured, predicted)
        return cls(corrected, measured, predicted)

    @property
    def at_floor(self) -> npt.NDArray[np.bool_]:
        """Where one of the two reliabilities was raised to its floor."""
        predicted: npt.NDArray[np.bool_] = ~(self.predicted >= PREDICTED_FLOOR)
        known = ~np.isnan(self.measured)
        return known & ((self.measured < MEASURED_FLOOR) | predicted)


def divisor(measured: FloatArray, predicted: FloatArray) -> FloatArray:
    """Return the product of two reliabilities, neither below its floor.

    An unknown reliability of the prediction counts as the floor: no two sessions gave a prediction
    that varies, as with R² = 0. Without that of the measured response nothing is known: NaN.
    """
    return np.asarray(
        np.maximum(measured, MEASURED_FLOOR) * np.fmax(predicted, PREDICTED_FLOOR),
    )


def median_reliability(values: Responses, share: FloatArray | float = 1.0) -> FloatArray:
    """Return the reliability of the mean over sessions, from the median over pairs of sessions.

    ``k r / (1 + (k - 1) r)`` with k the number of sessions and r the median over their pairs of the
    Pearson correlation over the stimuli that both have; a negative median counts as 0, as
    Spearman-Brown has no meaning there.

    Parameters
    ----------
    values : float array (stimulus, target, session)
        Responses that are NaN, and sessions with the same value for all stimuli, are left out.
    share : float or float64 array (target,)
        Sessions that there are for each one in ``values``.

    Returns
    -------
    float64 array (target,)
        NaN where fewer than two sessions are left.
    """
    correlations, _, times = session_correlations(values)
    if not len(correlations):
        return np.full(values.shape[1], np.nan)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        median = np.nanmedian(correlations, axis=0)
    # of NaN and 0 the NaN
    return spearman_brown(np.maximum(median, 0.0), times * share)
