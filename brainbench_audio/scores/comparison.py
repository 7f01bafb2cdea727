"""Models against each other: false discoveries, ranks, groups."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.stats

from brainbench_audio.errors import DataError
from brainbench_audio.scores.statistics import LEVEL, Array


def false_discovery(p: npt.ArrayLike) -> Array:
    """Return p adjusted so that the expected share of false discoveries is controlled.

    With p sorted upwards, ``q_i = min over j >= i of p_j n / j``, not above 1.

    Parameters
    ----------
    p : float array (test,)

    Returns
    -------
    float64 array (test,)

    Raises
    ------
    DataError
        A p is NaN or not within 0 and 1.

    Notes
    -----
    Benjamini and Hochberg 1995, Journal of the Royal Statistical Society B 57; for tests that are
    independent or positively dependent.

    Examples
    --------
    >>> false_discovery([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    values = np.asarray(p, dtype=np.float64).ravel()
    if not ((values >= 0) & (values <= 1)).all():
        raise DataError("Each p must lie within 0 and 1.")
    return np.asarray(scipy.stats.false_discovery_control(values))


def rank_ranges(draws: npt.ArrayLike, level: float = LEVEL) -> npt.NDArray[np.int64]:
    """Return the range of ranks that each model takes in the middle 95 % of bootstrap draws.

    Rank 1 is the highest score; models with equal scores in a draw share the mean of their ranks.

    Parameters
    ----------
    draws : float array (draw, model)
        Scores in draws that all models share. Draws with a NaN do not count.
    level : float

    Returns
    -------
    int array (model, 2)
        Best and worst rank, rounded outwards.

    Raises
    ------
    DataError
        There is no draw in which all models have a score.

    Notes
    -----
    Percentile bootstrap of ranks (Goldstein and Spiegelhalter 1996, Journal of the Royal
    Statistical Society A 159).

    Examples
    --------
    >>> rank_ranges([[0.9, 0.5, 0.4], [0.9, 0.3, 0.4]]).tolist()
    [[1, 1], [2, 3], [2, 3]]
    """
    values = np.asarray(draws, dtype=np.float64)
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values):
        raise DataError("There is no bootstrap draw in which all models have a score.")
    ranks = scipy.stats.rankdata(-values, axis=1)
    low, high = np.quantile(ranks, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.stack([np.floor(low), np.ceil(high)], axis=1).astype(np.int64)


def tie_groups(values: npt.ArrayLike, different: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return groups of models, counted from 1, whose leader they do not differ from.

    Models are walked through from the best downwards. The first leads group 1; each next one joins
    the group unless it differs from the leader, and then leads the next group.

    Parameters
    ----------
    values : float array (model,)
    different : bool array (model, model)
        Whether two models differ, after control of false discoveries.

    Returns
    -------
    int array (model,)

    Examples
    --------
    >>> apart = np.zeros((3, 3), bool)
    >>> apart[0, 2] = apart[2, 0] = True
    >>> tie_groups([0.9, 0.8, 0.7], apart).tolist()
    [1, 1, 2]
    """
    apart = np.asarray(different, dtype=bool)
    order = np.argsort(-np.asarray(values, dtype=np.float64), kind="stable")
    found = np.zeros(len(order), dtype=np.int64)
    leader, group = None, 0
    for model in order.tolist():
        if leader is None or apart[leader, model]:
            leader, group = model, group + 1
        found[model] = group
    return found
