"""Standard error and interval of a score: over subjects, over stimuli, or over both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError
from brainbench_audio.scores.statistics import (
    Array,
    bootstrap_counts,
    mean_interval,
    percentile_interval,
    standard_error,
)

DRAWS = 1000


@dataclass(frozen=True)
class Uncertainty:
    """How far a score may be off.

    Attributes
    ----------
    error : float or None
        Standard error.
    interval : (float, float) or None
        95 % interval.
    draws : float64 array (draw,)
        The score in each draw of the bootstrap; empty where there was none. NaN where it is not
        defined; such draws count for neither ``error`` nor ``interval``.
    attributes : mapping
        What to keep beside them: seed and draws, and the interval over subjects alone.
    """

    error: float | None
    interval: tuple[float, float] | None
    draws: Array
    attributes: dict[str, Any]


def checked_draws(bootstrap: int | None) -> int | None:
    """Return the option ``bootstrap`` if it is None, 0 or at least 2.

    Raises
    ------
    DataError
        It is another number.
    """
    if bootstrap is not None and (bootstrap < 0 or bootstrap == 1):
        raise DataError(
            f"A bootstrap needs at least 2 draws (0 for no bootstrap), got {bootstrap}."
        )
    return bootstrap


def uncertainty(
    parts: npt.ArrayLike,
    draw_parts: Callable[[Array], Array],
    *,
    stimuli: int,
    subjects: bool,
    bootstrap: int | None = None,
    seed: int = 0,
) -> Uncertainty:
    """Return standard error and interval of the mean over parts.

    Parameters
    ----------
    parts : float array (part,)
        The score of each subject, or of each component.
    draw_parts : callable
        From how often each draw takes each stimulus, (draw, stimulus), to the parts, (draw, part).
    stimuli : int
        Their number.
    subjects : bool
        Whether parts are subjects, drawn from a population.
    bootstrap : int, optional
        Number of draws. None: 1,000 over stimuli where there are fewer than two subjects, else
        none, and Student's t over subjects. A number of draws, with two or more subjects, draws
        subjects and stimuli: the same stimuli for all subjects, as all heard the same. 0: none.
    seed : int

    Returns
    -------
    Uncertainty
    """
    values = np.asarray(parts, dtype=np.float64)
    over_subjects = subjects and values.size > 1
    number = (0 if over_subjects else DRAWS) if bootstrap is None else bootstrap
    attributes: dict[str, Any] = {"seed": seed, "bootstrap": number}
    student = (standard_error(values), mean_interval(values)) if over_subjects else (None, None)
    if not number:
        return Uncertainty(*student, np.empty(0), attributes)
    drawn = draw_parts(bootstrap_counts(stimuli, number, seed))
    draws = drawn_means(drawn, seed) if over_subjects else drawn.mean(axis=1)
    if student[1] is not None:
        attributes |= {"subject_error": student[0], "subject_interval": student[1]}
    defined = draws[np.isfinite(draws)]
    if defined.size < 2:
        return Uncertainty(None, None, draws, attributes)
    error = float(defined.std(ddof=1))
    return Uncertainty(error, percentile_interval(defined), draws, attributes)


def drawn_means(drawn: Array, seed: int) -> Array:
    """Return the mean over subjects drawn with replacement, anew for each row.

    Parameters
    ----------
    drawn : float64 array (draw, subject)
        The score of each subject in each draw of stimuli.
    seed : int
        That of the stimuli; subjects are drawn independently of them.

    Returns
    -------
    float64 array (draw,)
        NaN where a subject that was drawn is NaN.

    Examples
    --------
    >>> drawn_means(np.ones((3, 4)), seed=0)
    array([1., 1., 1.])
    """
    draws, subjects = drawn.shape
    chosen = bootstrap_subjects(draws, subjects, seed)
    return np.asarray(np.take_along_axis(drawn, chosen, axis=1).mean(axis=1))


def bootstrap_subjects(draws: int, subjects: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the places of the subjects that each draw takes, int array (draw, subject)."""
    # not the stream that the stimuli are drawn from with the same seed
    generator = np.random.default_rng([seed, subjects])
    return generator.integers(subjects, size=(draws, subjects))
