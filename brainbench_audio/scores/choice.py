"""What the best of several layers owes to each stimulus, where another might have been the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.influence import Influence

# of samples of stimuli and listeners, in which layers take turns to be the best
DRAWS = 1000
# in errors of the best: a layer worse by more is not the best in any sample
REACH = 4.0


def best_of(values: npt.ArrayLike, influence: Callable[[int], Influence]) -> tuple[int, Influence]:
    r"""Return which layer has the highest score, and the influence of stimuli on that score.

    The highest of several noisy scores varies less than each of them: where one falls, another is
    the highest. To first order it moves as

    .. math:: \sum_k P_k\, I_k

    with :math:`I_k` the influence on layer k, and :math:`P_k` the share of samples in which layer k
    is the best: the derivative of the expected maximum.

    Parameters
    ----------
    values : float array (layer,)
        Means over parts.
    influence : callable
        Takes the place of a layer, returns the influence on its score.

    Returns
    -------
    int, Influence
        The latter with the best layer's parts.

    Notes
    -----
    Clark 1961, "The greatest of a finite set of random variables", Operations Research 9.
    """
    scores = np.asarray(values, dtype=np.float64)
    best = int(scores.argmax())
    found = {best: influence(best)}
    if found[best].trouble():
        return best, found[best]
    reach = REACH * found[best].estimate().error
    for place in np.flatnonzero(scores >= scores[best] - reach).tolist():
        if place != best:
            found[place] = influence(place)
    if len(found) == 1:
        return best, found[best]
    draws = np.stack([one.draws(DRAWS, 0) for one in found.values()])
    shares = np.bincount(draws.argmax(axis=0), minlength=len(found)) / DRAWS
    stimuli = np.tensordot(shares, np.stack([one.stimuli for one in found.values()]), axes=1)
    sketches = [one.pairs for one in found.values() if one.pairs is not None]
    pairs = np.tensordot(shares, np.stack(sketches), axes=1) if sketches else None
    return best, replace(found[best], stimuli=stimuli, pairs=pairs)
