"""What choosing anew adds to the variance of a score: random weights of stimuli, twice over."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.statistics import Array

# so many weightings of the stimuli; then groups of weightings that have moved together before
ONCE, GROUPS, GROUP = 1000, 100, 10
WEIGHTINGS = ONCE + GROUPS * GROUP
# how much more than a second the first noise adds, and how well that is known: as a sum of squares
# with so many degrees of freedom
FIRST, FREEDOM = 1.3, 20


@lru_cache(maxsize=4)  # each layer, target and model is asked with the same ones
def weightings(stimuli: int) -> Array:
    """Return normal changes of the weights of stimuli, (weighting, stimulus), the same for all.

    First `ONCE` from the sample as it is, then groups of `GROUP` that start from another sample.
    Each comes with its opposite, so that what is linear and what is even in them never mix, and
    they are at right angles to each other, as many as there are stimuli: so what is linear varies
    over them by what it varies by over all, next to.

    Notes
    -----
    Orthogonal random vectors: Yu et al. 2016, "Orthogonal random features", NeurIPS.
    """
    changes = arranged(directions(stimuli))
    changes.flags.writeable = False
    return changes


@lru_cache(maxsize=4)
def directions(stimuli: int) -> Array:
    """Return the half of what `weightings` are made of, (direction, stimulus), see `arranged`."""
    generator = np.random.default_rng(1)  # a constant: what two models owe to them is subtracted
    halves = (ONCE // 2, GROUPS // 2, GROUPS * GROUP // 2)
    changes = np.concatenate([_upright(generator, number, stimuli) for number in halves])
    changes.flags.writeable = False
    return changes


def arranged(moved: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return what is linear in all weightings, (weighting, ...), given it in the `directions`.

    Those of the sample and their opposites; then of each group where it starts, and half of its
    moves there and back.

    Examples
    --------
    >>> import numpy as np
    >>> owed = np.arange(60.0).reshape(30, 2)
    >>> np.allclose(arranged(directions(30) @ owed), weightings(30) @ owed)
    True
    """
    once, starts, moves = np.split(moved, [ONCE // 2, (ONCE + GROUPS) // 2])
    rest = moved.shape[1:]
    found = np.empty((WEIGHTINGS, *rest), dtype=moved.dtype)
    found[: ONCE // 2] = once
    np.negative(once, out=found[ONCE // 2 : ONCE])
    starts = np.concatenate([starts, -starts])[:, np.newaxis]
    moves = moves.reshape(GROUPS, GROUP // 2, *rest)
    again = found[ONCE:].reshape(GROUPS, 2, GROUP // 2, *rest)
    np.add(starts, moves, out=again[:, 0])
    np.subtract(starts, moves, out=again[:, 1])
    return found


def added_variance(fixed: Array, rest: Array) -> tuple[Array, Array]:
    r"""Return what a choice made anew adds to the variance of sums, (sum,); it may be negative.

    The variance over weightings, of which the sample is one itself, is the same functional of a
    sample with more noise, so it is off by what one more noise changes in it, and that is known:

    .. math:: V_1 - 1.3 (V_2 - V_1)

    with :math:`V_1` the variance over weightings of the sample, and :math:`V_2` the mean variance
    over weightings of samples that are weightings of it. With 1 in place of 1.3 it is exact for
    what is quadratic, but what a choice adds rises more slowly with each noise. The factor is the
    one with which rates hold in the worlds of docs/methods-error-rates.md.

    Parameters
    ----------
    fixed : float64 array (weighting, sum)
        What sums move by with everything as it was chosen.
    rest : float64 array (weighting, sum)
        What they move by beyond that, with everything chosen anew.

    Returns
    -------
    tuple of float64 array (sum,)
        What is added; and what one more noise changes, :math:`V_2 - V_1`, which is what is not sure
        of it: it counts as if it had `FREEDOM` degrees of freedom.

    Notes
    -----
    The bootstrap iterated once: Hall 1992, "The bootstrap and Edgeworth expansion", section 1.4.
    """
    anew, held = _variances(fixed + rest), _variances(fixed)
    once, again = (some - others for some, others in zip(anew, held, strict=True))
    return np.asarray(once - FIRST * (again - once)), np.asarray(again - once)


def _variances(values: Array) -> tuple[Array, Array]:
    """Return the variance over the first weightings, and the mean of those within groups."""
    groups = values[ONCE:].reshape(GROUPS, GROUP, -1)
    return _variance(values[np.newaxis, :ONCE]), _variance(groups)


def _variance(groups: Array) -> Array:
    """Return the mean variance, (sum,), within groups of weightings and their opposites."""
    there, back = np.split(groups, 2, axis=1)
    # the mean of what is odd is 0
    odd, even = np.square(there - back).mean(axis=1) / 4, (there + back).var(axis=1, ddof=1) / 4
    return np.asarray((odd + even).mean(axis=0))


def _upright(generator: np.random.Generator, number: int, stimuli: int) -> Array:
    """Return normal vectors, (number, stimuli), in blocks at right angles."""
    size = min(number, stimuli)
    blocks = -(-number // size)
    upright, _ = np.linalg.qr(generator.standard_normal((blocks, stimuli, size)))
    squares = generator.chisquare(stimuli, (number, 1))
    lengths = np.sqrt(squares * stimuli / squares.mean())  # whose mean square is not left to chance
    return np.asarray(lengths * upright.swapaxes(1, 2).reshape(-1, stimuli)[:number])
