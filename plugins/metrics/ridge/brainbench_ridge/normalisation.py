"""Whether a score divided by its ceiling means what it seems to; else why it is not given.

A model whose features hold the signal and nothing else should get 1. It gets less where weights
are learned from few and noisy responses, and anything where the ceiling is not well known. Limits
are from simulations, see docs/methods-statistics.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.ceilings import GROUPS, session_reliability, too_uncertain
from brainbench_audio.scores.score import REACHABLE, WITHHELD

from .correction import Correction
from .nested import NestedRidge
from .partition import FloatArray
from .targets import Targets

# Share of the predictions' variance that is not learned noise: below, shrinkage costs more than a
# tenth on top of that.
LEAST_LEARNED = 0.8
# Of a corrected score: targets whose reliability was raised, and reliability of predictions.
MOST_RAISED, LEAST_PREDICTED = 0.1, 0.7


def ceiling_of(targets: Targets, reliability: FloatArray) -> float:
    """Return reliabilities brought together as the score is, negative ones as 0.

    Below 0 an estimate says that there is no signal, not that a model could reach less than 0.
    """
    return float(targets.aggregate(np.maximum(reliability, 0.0)))


def normalisation(
    fit: NestedRidge,
    targets: Targets,
    sessions: npt.NDArray[np.floating[Any]],
    correction: Correction | None,
) -> dict[str, Any]:
    """Return what of the provenance decides the normalised score.

    Either why it is not given, a sentence, or which share of the ceiling can be reached with
    weights learned from noise. A corrected score, whose ceiling is 1, needs neither.

    Parameters
    ----------
    fit : NestedRidge
    targets : Targets
        With a reliability.
    sessions : float array (stimulus, target, session)
        The responses of these targets.
    correction : Correction or None
    """
    if uncertain := _uncertain(targets, sessions, correction):
        return dict(uncertain)
    if correction is not None:
        return _of_corrected(targets, correction)
    learned = float(targets.aggregate(learned_share(fit, targets)))
    if learned >= LEAST_LEARNED:
        return {REACHABLE: learned}
    reason = (
        f"About {1 - learned:.0%} of the variance of the predictions is noise learned from the "
        f"responses, so a model with a perfect linear fit would be far from the ceiling, too: "
        f"`-ridge-corrected` corrects for that."
    )
    return {WITHHELD: reason}


def learned_share(fit: NestedRidge, targets: Targets) -> FloatArray:
    """Return, (target,), which share of the variance of predictions is not noise of the responses.

    Predictions are sums of training responses, so noise of variance s² in these gives them a
    variance of s² times the sum of their squared weights.
    """
    assert targets.reliability is not None
    noise = (1 - np.clip(targets.reliability, 0.0, 1.0)) * targets.responses.var(
        axis=0, dtype=np.float64
    )
    expected = noise * fit.squared_weights.sum(axis=0) / len(fit.predictions)
    variance = fit.predictions.var(axis=0)
    share = 1 - np.divide(expected, variance, out=np.ones(variance.shape), where=variance > 0)
    return np.asarray(np.maximum(share, 0.0))


def _of_corrected(targets: Targets, correction: Correction) -> dict[str, Any]:
    known = np.isfinite(correction.measured)
    raised = float(correction.at_floor[known].mean())
    predicted = float(np.median(np.fmax(correction.predicted[known], 0.0)))
    if raised <= MOST_RAISED and predicted >= LEAST_PREDICTED:
        return {}
    reason = (
        f"For {raised:.0%} of the {targets.dimension}s a reliability was raised to the lowest that "
        f"is divided by, and the median reliability of predictions is {predicted:.2f}: with more "
        f"than {MOST_RAISED:.0%}, or less than {LEAST_PREDICTED}, corrected scores are biased."
    )
    return {WITHHELD: reason}


def _uncertain(
    targets: Targets, sessions: npt.NDArray[np.floating[Any]], correction: Correction | None
) -> dict[str, str]:
    """Return why a ceiling cannot be divided by, as part of the provenance; nothing if it can.

    A corrected score is over the parts that have one, so its ceiling is, too.
    """
    assert targets.reliability is not None
    parts = targets.parts(np.maximum(targets.reliability, 0.0))
    scored = np.ones(parts.shape, dtype=bool)
    if correction is not None:
        scored = np.isfinite(targets.parts(correction.r2))
    ceiling = float(parts[scored].mean())
    if np.isnan(ceiling):
        what = "listener" if targets.subjects is not None else targets.dimension
        reason = (
            f"No two sessions can be compared of {np.isnan(parts).sum()} of {parts.size} {what}s, "
            f"so their reliability is not known, and there is no ceiling to divide by."
        )
        return {WITHHELD: reason}
    group = np.arange(len(sessions)) % GROUPS
    left_out = [session_reliability(sessions[group != one]) for one in range(GROUPS)]
    ceilings = targets.parts(np.maximum(left_out, 0.0))[:, scored].mean(axis=1)
    return too_uncertain(ceiling, ceilings, "The reliability of the responses", "stimuli")
