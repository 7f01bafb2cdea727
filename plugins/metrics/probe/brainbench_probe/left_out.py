"""What a score owes to its test clips: the score without some of them, networks as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainbench_audio.scores.influence import Influence

from .scoring import Array, Predictions

# of test clips that are left out together; with more, errors hardly change
GROUPS = 200


def without_groups(predictions: Predictions, metric: str) -> Array:
    """Return the score without each group of clips, (group,); NaN where it is not defined."""
    clips = len(predictions.labels)
    group = np.arange(clips) % min(clips, GROUPS)
    kept = [(group != one) * 1.0 for one in range(group.max() + 1)]
    return np.array([predictions.score(metric, counts) for counts in kept])


def over_folds(values: Sequence[float], tested: Sequence[Predictions], metric: str) -> Influence:
    """Return the influence of test clips on the score of the fold that they are tested in.

    Of folds alone where the score of one is not defined without some clips.

    Parameters
    ----------
    values : sequence of float, (fold,)
    tested : sequence of Predictions, (fold,)
    metric : str
    """
    found = [without_groups(one, metric) for one in tested]
    every = np.concatenate(found)
    if not np.isfinite(every).all():
        return Influence(np.array(values), np.empty((0, len(values))), units="folds")
    stimuli = np.zeros((every.size, len(values)))
    end = 0
    for fold, without in enumerate(found):
        start, end = end, end + without.size
        # a jackknife of these groups alone, in one of the groups of all folds
        scale = (1 - 1 / without.size) / (1 - 1 / every.size)
        stimuli[start:end, fold] = (without - without.mean()) * np.sqrt(scale)
    return Influence(np.array(values), stimuli, units="folds")
