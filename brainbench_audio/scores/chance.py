"""Whether a score is higher than chance: stimuli matched at random between model and brain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.progress import progress_bar
from brainbench_audio.scores.score import CHANCE, HOW, MATCHED

PERMUTATIONS = 999


def orders(stimuli: int, number: int, seed: int) -> npt.NDArray[np.intp]:
    """Return random orders of stimuli, int array (permutation, stimulus)."""
    generator = np.random.default_rng([seed, stimuli])
    return generator.permuted(np.tile(np.arange(stimuli), (number, 1)), axis=1)


def chance_p(value: float, permuted: npt.ArrayLike) -> float:
    """Return one-sided p: the share of permutations, the data being one, that score as high.

    Notes
    -----
    Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9.

    Examples
    --------
    >>> chance_p(0.5, [0.1, 0.2, 0.6])
    0.5
    """
    scores = np.asarray(permuted, dtype=np.float64)
    # sums in another order differ by rounding
    return float((1 + (scores >= value - 1e-12 * abs(value)).sum()) / (1 + scores.size))


def chance(value: float, permuted: npt.ArrayLike, seed: int, how: str = MATCHED) -> dict[str, Any]:
    """Return the entry of a score's provenance, from the scores of permutations.

    Parameters
    ----------
    value : float
        The score.
    permuted : array (permutation,)
    seed : int
    how : str
        What a permutation is, in words that follow "with".
    """
    scores = np.asarray(permuted, dtype=np.float64)
    found = {"p": chance_p(value, scores), "permutations": scores.size, "seed": seed}
    told = {} if how == MATCHED else {HOW: how}
    return {CHANCE: found | {"mean": float(scores.mean())} | told}


def against_chance(
    value: float,
    score: Callable[[npt.NDArray[np.intp]], float],
    stimuli: int,
    number: int,
    seed: int,
) -> dict[str, Any]:
    """Score random orders of the responses' stimuli, and return the entry of the provenance.

    Parameters
    ----------
    value : float
        The score.
    score : callable
        From an order, int array (stimulus,), to the score with responses in that order.
    stimuli, number, seed : int
        Number of stimuli and of permutations; 0 permutations give no entry.
    """
    if not number:
        return {}
    scores = []
    with progress_bar(number, "against chance", "permutation", smoothing=0) as bar:
        for order in orders(stimuli, number, seed):
            scores.append(score(order))
            bar.update()
    return chance(value, scores, seed)
