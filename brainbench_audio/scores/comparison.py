"""Models against each other: paired bootstrap, permutation tests, false discoveries, ranks."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import scipy.stats

from brainbench_audio.errors import DataError
from brainbench_audio.scores.statistics import LEVEL, Array, bootstrap_counts

# up to so many units all changes of sign are tried, so that p is exact
_EXACT = 13
# exchanges, or pairs of models, treated at a time
_AT_ONCE = 1000


def drawn_parts(parts: npt.ArrayLike, draws: int, seed: int = 0) -> Array:
    """Return means over units (subjects, folds) drawn with replacement, the same for all models.

    Parameters
    ----------
    parts : float array (unit, model)
    draws : int
    seed : int

    Returns
    -------
    float64 array (draw, model)

    Raises
    ------
    DataError
        Fewer than two units.
    """
    values = np.asarray(parts, dtype=np.float64)
    if len(values) < 2:
        raise DataError(f"A bootstrap over units needs two at least, here are {len(values)}.")
    return np.asarray(bootstrap_counts(len(values), draws, seed) @ values / len(values))


def sign_flip_test(differences: npt.ArrayLike, draws: int = 10_000, seed: int = 0) -> Array:
    """Return two-sided p that the mean difference is 0, by changing signs at random.

    If two models are equally good, each unit (subject) could as well have had the opposite
    difference. p is the share of changes of signs whose mean is at least as far from 0 as the one
    measured: of all 2^n for up to 13 units, else ``(1 + count) / (1 + draws)``.

    Parameters
    ----------
    differences : float array (unit,) or (unit, pair)
    draws, seed : int

    Returns
    -------
    float64 array (pair,), or () for one pair

    Raises
    ------
    DataError
        Fewer than two units.

    Notes
    -----
    Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9: why 1 is
    added.

    Examples
    --------
    >>> sign_flip_test([0.1, 0.2, 0.3]).item()
    0.25
    """
    values = np.asarray(differences, dtype=np.float64)
    units = len(values)
    if units < 2:
        raise DataError(f"A test over units needs two at least, here are {units}.")
    # not `scipy.stats.permutation_test`: where the mean is 0 but for rounding it finds p = 0.89 for
    # 1.0, its draws would change the p of each comparison over 14 or more units, and it takes 9
    # times as long for the 630 pairs of 36 models and 8 subjects
    if units <= _EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=units)))
    else:
        generator = np.random.default_rng(seed)
        signs = generator.integers(2, size=(draws, units)) * 2.0 - 1.0
    columns = values.reshape(units, -1)
    # sums of the same numbers in another order differ by rounding
    least = np.abs(columns.sum(axis=0)) - 1e-12 * np.abs(columns).sum(axis=0)
    count = np.concatenate(
        [
            (np.abs(signs @ columns[:, block]) >= least[block]).sum(axis=0)
            for start in range(0, columns.shape[1], _AT_ONCE)
            for block in [slice(start, start + _AT_ONCE)]
        ]
    ).reshape(values.shape[1:])
    return np.asarray(count / len(signs) if units <= _EXACT else (1 + count) / (1 + draws))


def bootstrap_p(differences: npt.ArrayLike) -> float:
    """Return two-sided p that a difference is 0, from its bootstrap draws.

    Twice the smaller share of draws on one side of 0, 1 added to both counts; not above 1.

    Parameters
    ----------
    differences : float array (draw,)
        NaN does not count.
    """
    draws = np.asarray(differences, dtype=np.float64)
    draws = draws[np.isfinite(draws)]
    smaller = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2 * (1 + smaller) / (1 + draws.size))


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


def swap_test(
    measured: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    draws: int = 10_000,
    seed: int = 0,
) -> float:
    """Return two-sided p that two models predict equally well, by exchanging their predictions.

    If they do, each stimulus could as well have been predicted by the other model. p is
    ``(1 + count) / (1 + draws)``, with the number of random exchanges after which the mean R² over
    targets differs at least as much as measured.

    Parameters
    ----------
    measured, first, second : float array (stimulus, target)
        Responses, and the predictions of both models.
    draws, seed : int

    Raises
    ------
    DataError
        The shapes differ.
    """
    y, a, b = (np.asarray(side, dtype=np.float64) for side in (measured, first, second))
    if not y.shape == a.shape == b.shape or y.ndim != 2:
        raise DataError(f"Responses {y.shape} do not fit predictions {a.shape} and {b.shape}.")
    y = y - y.mean(axis=0)
    middle = (a.mean(axis=0) + b.mean(axis=0)) / 2
    a, b = a - middle, b - middle
    generator = np.random.default_rng(seed)
    nobody = np.zeros((1, len(y)))
    least = abs(_swapped_difference(nobody, y, a, b)[0]) * (1 - 1e-12)
    count = 0
    for start in range(0, draws, _AT_ONCE):
        size = (min(_AT_ONCE, draws - start), len(y))
        swapped = generator.integers(2, size=size).astype(np.float64)
        count += int((np.abs(_swapped_difference(swapped, y, a, b)) >= least).sum())
    return (1 + count) / (1 + draws)


def _swapped_difference(swapped: Array, y: Array, a: Array, b: Array) -> Array:
    """Return the difference of mean R² where some stimuli's predictions are exchanged.

    All sums over stimuli are linear in what is exchanged (draw, stimulus), so each is one product.
    """
    n = len(y)
    total, squares, products = b - a, b**2 - a**2, (b - a) * y
    sums, square_sums, product_sums = swapped @ total, swapped @ squares, swapped @ products
    found = []
    for side, sign in ((a, 1.0), (b, -1.0)):
        mean = (side.sum(axis=0) + sign * sums) / n
        variance = ((side**2).sum(axis=0) + sign * square_sums) / n - mean**2
        covariance = ((side * y).sum(axis=0) + sign * product_sums) / n
        norm = variance * (y**2).mean(axis=0)
        varies = (norm > 0) & (covariance > 0)
        r2 = np.where(varies, covariance**2 / np.where(norm > 0, norm, 1.0), 0.0)
        found.append(np.minimum(r2, 1.0).mean(axis=1))
    return np.asarray(found[0] - found[1])
