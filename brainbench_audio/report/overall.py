"""How good models are at listening, all tasks together: means of z-scores over models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .results import OVERALL, Result, preferred

# the listening tasks of the paper, in the order of its table 1
TASKS = (
    "HEAR.nsynth_pitch-probe",
    "HEAR.gtzan-probe",
    "HEAR.speech_commands-probe",
    "HEAR.crema_d-probe",
    "HEAR.fsd50k-probe",
    "HEAR.esc50-probe",
)


@dataclass(frozen=True, kw_only=True)
class Overall:
    """Means over listening tasks of z-scores over models.

    Attributes
    ----------
    values : mapping of str to float
        For each model.
    tasks : tuple of str
        Benchmarks that the means are over; empty for published means.
    left_out : mapping of str to tuple of str
        Models that lack tasks, and which.
    published : bool
        The means themselves are published, over the paper's six tasks and its models.
    """

    values: Mapping[str, float]
    tasks: tuple[str, ...]
    left_out: Mapping[str, tuple[str, ...]]
    published: bool

    @property
    def models(self) -> tuple[str, ...]:
        """Models that have a mean."""
        return tuple(self.values)


def overall(results: Iterable[Result], tasks: Sequence[str] | None = None) -> Overall:
    """Return the mean over listening tasks of the scores z-scored over models.

    ``z = mean over tasks of (score - mean) / standard deviation``, these two over the models that
    have all tasks, with n - 1 in the variance, as in the released code. z-scores over other models,
    those of the paper, cannot stand beside them: if the results hold published means of more models
    than can be computed, these are returned instead.

    Parameters
    ----------
    results : iterable of Result
        Of a pair that was measured and published, the measured one counts.
    tasks : sequence of str, optional
        Benchmarks. By default those of the six of `TASKS` that any model was scored on.

    Returns
    -------
    Overall
        Without models where there is nothing to average.

    Notes
    -----
    "Better audio representations are more brain-like", section 4.6.
    """
    chosen = preferred(results)
    known = {result.benchmark for result in chosen}
    wanted = tuple(task for task in TASKS if task in known) if tasks is None else tuple(tasks)
    given = {result.model: result.value for result in chosen if result.benchmark == OVERALL}
    values: dict[str, dict[str, float]] = {}
    for result in chosen:
        if result.benchmark in wanted:
            values.setdefault(result.model, {})[result.benchmark] = result.value
    lacking = {
        model: tuple(task for task in wanted if task not in scored)
        for model, scored in sorted(values.items())
    }
    complete = [model for model, tasks_lacking in lacking.items() if not tasks_lacking]
    if len(given) > len(complete):
        return Overall(values=given, tasks=(), left_out={}, published=True)
    scores = np.array([[values[model][task] for task in wanted] for model in complete])
    means = _z_scored(scores).mean(axis=1) if scores.size else np.empty(0)
    return Overall(
        values=dict(zip(complete, means.tolist(), strict=True)),
        tasks=wanted,
        left_out={model: tasks for model, tasks in lacking.items() if tasks},
        published=False,
    )


def with_overall(results: Iterable[Result]) -> tuple[dict[str, dict[str, float]], Overall]:
    """Return scores by benchmark and model, ``overall`` among the benchmarks, and its means.

    Of a pair that was measured and published, the measured one counts.
    """
    chosen = preferred(results)
    means = overall(chosen)
    scores: dict[str, dict[str, float]] = {}
    for result in chosen:
        scores.setdefault(result.benchmark, {})[result.model] = result.value
    scores[OVERALL] = dict(means.values)
    return scores, means


def _z_scored(scores: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    """Return columns with mean 0 and deviation 1; a task that tells no models apart gives 0."""
    centred = scores - scores.mean(axis=0)
    # one model has no deviation, and none is needed: it is its own mean
    deviation = scores.std(axis=0, ddof=min(1, len(scores) - 1))
    varies = deviation > 1e-13 * np.abs(scores).max(axis=0)
    return np.where(varies, centred / np.where(varies, deviation, 1.0), 0.0)
