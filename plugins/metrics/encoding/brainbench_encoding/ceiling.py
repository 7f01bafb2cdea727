"""What a perfect model could reach, from how well presentations of a run agree."""

from __future__ import annotations

import numpy as np

from brainbench_audio.scores.ceilings import (
    GROUPS,
    session_reliability,
    stepped_up,
    too_uncertain,
)

from .correlation import unit
from .runs import FloatArray

# What a ceiling has to be, to be divided by.
LEAST = 0.1
LEAST_ROWS = 2 * GROUPS


def reachable(presentations: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the highest correlation with the mean of presentations that noise allows.

    The root of its reliability, see `session_reliability`; of a negative one that of its size, with
    its sign. Half of the voxels without a signal have negative estimates, so these leave a mean
    over voxels where it is; taken as 0, they would raise it.

    Parameters
    ----------
    presentations : float64 array (row, voxel, presentation)

    Returns
    -------
    two float64 arrays (voxel,)
        The reliability of the mean, and its root. NaN where there are no two presentations.
    """
    reliability = _reliability(presentations)
    return reliability, np.sign(reliability) * np.sqrt(np.abs(reliability))


def _reliability(presentations: FloatArray) -> FloatArray:
    """Return `session_reliability`, of what is whole without a loop over pairs of presentations.

    With presentations u of mean 0 and norm 1, the correlations of all pairs add up to half of
    |Σu|² - k.
    """
    missing = np.isnan(presentations)
    absent = missing.all(axis=0)
    if (missing.any(axis=0) != absent).any():
        return session_reliability(presentations)
    flat = np.where(missing, 0.0, presentations).reshape(len(presentations), -1)
    units = unit(flat).reshape(presentations.shape)
    count = units.any(axis=0).sum(axis=1)
    pairs = np.maximum(count * (count - 1), 1)
    mean = (np.square(units.sum(axis=2)).sum(axis=0) - count) / pairs
    return np.where(count > 1, stepped_up(mean, count), np.nan)


def tenths(presentations: FloatArray) -> FloatArray:
    """Return `reachable` without each tenth of the time, (tenth, voxel)."""
    tenth = np.arange(len(presentations)) * GROUPS // len(presentations)
    return np.stack([reachable(presentations[tenth != one])[1] for one in range(GROUPS)])


def withheld(ceiling: float | None, left_out: FloatArray) -> dict[str, str]:
    """Return `too_uncertain`, of a ceiling without each tenth of the time, (tenth,)."""
    return too_uncertain(ceiling, left_out, "The ceiling of the responses", "time", LEAST)
