"""Pearson correlation of two benchmarks over models, with p and interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

from brainbench_audio.errors import DataError
from brainbench_audio.scores.statistics import (
    LEVEL,
    Array,
    bootstrap_counts,
    percentile_interval,
    weighted_pearson,
)

FEWEST = 3


@dataclass(frozen=True)
class Correlation:
    """A correlation with its uncertainty.

    Attributes
    ----------
    r : float
        Pearson's.
    p : float
        Two-sided, of no correlation.
    interval : (float, float)
        95 % interval of ``r``.
    n : int
        Number of pairs.
    """

    r: float
    p: float
    interval: tuple[float, float]
    n: int


def pearson(first: npt.ArrayLike, second: npt.ArrayLike, level: float = LEVEL) -> Correlation:
    """Return Pearson's correlation, its p and its interval.

    Those of `scipy.stats.pearsonr`: p as by Student's t with n - 2 degrees of freedom of
    ``r sqrt((n - 2) / (1 - r²))``; the interval is ``tanh(artanh r ± z / sqrt(n - 3))``
    (Fisher 1915, 1921), and (-1, 1) for n = 3.

    Parameters
    ----------
    first, second : float array (n,)
        Scores of the same models.
    level : float

    Returns
    -------
    Correlation

    Raises
    ------
    DataError
        Fewer than three pairs, different lengths, NaN, or one side is constant.

    Examples
    --------
    >>> found = pearson([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0])
    >>> round(found.r, 3), round(found.p, 3), found.n
    (0.8, 0.2, 4)
    """
    x, y = _checked(first, second)
    result = scipy.stats.pearsonr(x, y)
    # of three, where r may be 1 but for rounding, SciPy subtracts infinities
    low, high = result.confidence_interval(level) if x.size > FEWEST else (-1.0, 1.0)
    return Correlation(
        float(result.statistic), float(result.pvalue), (float(low), float(high)), x.size
    )


def partial_pearson(
    first: npt.ArrayLike, second: npt.ArrayLike, given: npt.ArrayLike, level: float = LEVEL
) -> Correlation:
    """Return the correlation of what is left of two sides once a third is taken off each.

    Taken off is the line of least squares. One degree of freedom less than `pearson`: p as by
    Student's t with n - 3 of ``r sqrt((n - 3) / (1 - r²))``, the interval
    ``tanh(artanh r ± z / sqrt(n - 4))`` (Fisher 1924, Metron 3).

    Parameters
    ----------
    first, second, given : float array (n,)
    level : float

    Returns
    -------
    Correlation

    Raises
    ------
    DataError
        Fewer than four, different lengths, NaN, a constant side, or one that the third decides.
    """
    x, y = _checked(first, second)
    _, z = _checked(first, given)
    if x.size <= FEWEST:
        raise DataError(f"A partial correlation needs {FEWEST + 1} models, here are {x.size}.")
    left = [_without(side, z) for side in (x, y)]
    r = float(np.clip(scipy.stats.pearsonr(*left).statistic, -1, 1))
    freedom = x.size - 3
    with np.errstate(divide="ignore"):
        t = np.sqrt(freedom) * np.abs(r) / np.sqrt(1 - r**2)
        middle = np.arctanh(r)
    margin = scipy.stats.norm.ppf(0.5 + level / 2) / np.sqrt(x.size - 4) if x.size > 4 else np.inf
    low, high = np.tanh([middle - margin, middle + margin]) if margin < np.inf else (-1.0, 1.0)
    return Correlation(
        r, float(2 * scipy.stats.t.sf(t, freedom)), (float(low), float(high)), x.size
    )


def _without(side: Array, given: Array) -> Array:
    """Return a side without the line through the given one."""
    centred = given - given.mean()
    left = side - side.mean()
    left = left - centred * (centred @ left) / (centred @ centred)
    if not np.ptp(left) > 1e-9 * np.ptp(side):
        raise DataError("One side follows from the given one, so nothing is left to correlate.")
    return np.asarray(left)


def bootstrap_pearson(
    first: npt.ArrayLike, second: npt.ArrayLike, draws: int, seed: int = 0
) -> Array:
    """Return the correlation over pairs drawn with replacement.

    Parameters
    ----------
    first, second : float array (n,)
    draws : int
    seed : int

    Returns
    -------
    float64 array (draw,)
        NaN where all that was drawn is the same on one side.

    Raises
    ------
    DataError
        As `pearson`.
    """
    x, y = (side[:, np.newaxis] for side in _checked(first, second))
    return weighted_pearson(x, y, bootstrap_counts(len(x), draws, seed))[:, 0]


def bootstrap_interval(
    first: npt.ArrayLike, second: npt.ArrayLike, draws: int, seed: int = 0, level: float = LEVEL
) -> tuple[float, float]:
    """Return the percentile interval of `bootstrap_pearson`."""
    return percentile_interval(bootstrap_pearson(first, second, draws, seed), level)


def _checked(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError(f"Two sides of a correlation must be as long, got {x.shape} and {y.shape}.")
    if x.size < FEWEST:
        raise DataError(f"A correlation needs {FEWEST} models at least, here are {x.size}.")
    for side in (x, y):
        if not np.isfinite(side).all():
            raise DataError(f"{int((~np.isfinite(side)).sum())} values are NaN or infinite.")
        # SciPy warns below 1e-13: what differs by rounding only has no r to speak of
        if not np.ptp(side) > 1e-12 * np.abs(side).max():
            raise DataError("All models have the same score, so there is no correlation.")
    return x, y
