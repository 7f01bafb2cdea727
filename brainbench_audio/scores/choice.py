"""What the best of several layers owes to each stimulus, where another might have been the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.influence import Influence
from brainbench_audio.scores.weightings import weightings

# in errors of the best: a layer worse by more is not the best in any sample
REACH = 4.0


def best_of(values: npt.ArrayLike, influence: Callable[[int], Influence]) -> tuple[int, Influence]:
    """Return which layer has the highest score, and the influence of stimuli on that score.

    The highest of several noisy scores varies less than each of them: where one falls, another is
    the highest. So the influence has what the highest moves by in random `weightings` of stimuli,
    to first order in each layer.

    Parameters
    ----------
    values : float array (layer,)
        Means over parts.
    influence : callable
        Takes the place of a layer, returns the influence on its score.

    Returns
    -------
    int, Influence
        That of the best layer, with ``choice`` where another one may be the best.
    """
    scores = np.asarray(values, dtype=np.float64)
    best = int(scores.argmax())
    found = {best: influence(best)}
    mine = found[best]
    if mine.trouble() or len(mine.stimuli) < mine.least:
        return best, mine
    reach = REACH * mine.estimate().error
    for place in np.flatnonzero(scores >= scores[best] - reach).tolist():
        if place != best:
            found[place] = influence(place)
    if len(found) == 1:
        return best, mine
    changes = -weightings(len(mine.stimuli))
    moved = np.stack([one.parts + changes @ one.stimuli for one in found.values()])
    anew = moved.mean(axis=2).argmax(axis=0)
    highest = np.take_along_axis(moved, anew[np.newaxis, :, np.newaxis], axis=0)[0]
    return best, replace(mine, choice=highest - moved[0])
