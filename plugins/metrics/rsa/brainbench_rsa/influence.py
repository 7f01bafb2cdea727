"""What Spearman's rho of two RDMs owes to each pair of stimuli."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from brainbench_audio.scores.influence import Influence

from .comparison import average_ranks, tie_groups
from .rdm import FloatArray, IntArray


def influence(first: ArrayLike, second: ArrayLike, units: str = "") -> Influence:
    """Return the influence of stimuli on Spearman's rho of RDMs, compared row by row.

    Parameters
    ----------
    first, second
        (rdm, pair), finite; a single first one is compared with all second ones.
    units
        What the second ones are a sample of.

    Returns
    -------
    Influence
        Distances are taken as given. That features are z-scored over stimuli is not in it, which
        hardly changes errors (docs/methods-statistics.md).
    """
    left, right = tie_groups(first), tie_groups(second)
    matching = np.broadcast_to(left, right.shape)
    found = [owed_by(one, other) for one, other in zip(matching, right, strict=True)]
    return Influence.of_pairs([rho for rho, _ in found], [owed for _, owed in found], units)


def owed_by(first: IntArray, second: IntArray) -> tuple[float, FloatArray]:
    """Return rho of two rows of `tie_groups`, or of parts of these, and what it owes to entries.

    Its derivative by the weight of each entry, ranks moving with the weights.
    """
    x, y = _centred_ranks(first), _centred_ranks(second)
    products, squares = x @ y, (x @ x, y @ y)
    norm = np.sqrt(squares[0] * squares[1])
    rho = products / norm
    shared = x * y + (_above(first, y) + _above(second, x)) / 2
    own = (x * x + _above(first, x)) / squares[0] + (y * y + _above(second, y)) / squares[1]
    return float(rho), shared / norm - rho / 2 * own


def _centred_ranks(groups: IntArray) -> FloatArray:
    ranks = average_ranks(np.bincount(groups))[groups]
    return np.asarray(ranks - (groups.size + 1) / 2)


def _above(groups: IntArray, values: FloatArray) -> FloatArray:
    """Return, for each entry, the sum of centred values of higher less that of lower entries.

    An entry that counts for more lifts the ranks of all above it by a half, relative to the mean
    rank, and lowers those below.
    """
    sums = np.bincount(groups, weights=values)
    return np.asarray((sums - 2 * np.cumsum(sums))[groups], dtype=np.float64)
