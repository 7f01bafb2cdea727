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

    ``t = r sqrt((n - 2) / (1 - r²))`` is compared with Student's t with n - 2 degrees of freedom;
    the interval is ``tanh(artanh r ± z / sqrt(n - 3))`` (Fisher 1915, 1921), and (-1, 1) for n = 3.

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
    # rounding may lead past 1
    r = float(np.clip(_unit(x) @ _unit(y), -1.0, 1.0))
    n = x.size
    freedom = n - 2
    rest = 1 - r**2
    p = 2 * float(scipy.stats.t.sf(abs(r) * np.sqrt(freedom / rest), freedom)) if rest > 0 else 0.0
    return Correlation(r, p, _fisher_interval(r, n, level), n)


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
    x, y = (_unit(side) for side in _checked(first, second))
    weights = bootstrap_counts(x.size, draws, seed) / x.size
    mean_x, mean_y = weights @ x, weights @ y
    variance_x = weights @ x**2 - mean_x**2
    variance_y = weights @ y**2 - mean_y**2
    covariance = weights @ (x * y) - mean_x * mean_y
    # both sides have unit length: this is relative to their own scale
    varies = (variance_x > 1e-14) & (variance_y > 1e-14)
    r = covariance / np.sqrt(np.where(varies, variance_x * variance_y, 1.0))
    return np.where(varies, np.clip(r, -1.0, 1.0), np.nan)


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
        if not np.ptp(side) > 1e-13 * np.abs(side).max():
            raise DataError("All models have the same score, so there is no correlation.")
    return x, y


def _unit(values: Array) -> Array:
    """Return the values with mean 0 and length 1."""
    centred = values - values.mean()
    centred = centred / np.abs(centred).max()
    return np.asarray(centred / np.sqrt(centred @ centred))


def _fisher_interval(r: float, n: int, level: float) -> tuple[float, float]:
    if n == FEWEST:
        return -1.0, 1.0
    if abs(r) == 1:
        return r, r
    margin = float(scipy.stats.norm.ppf(0.5 + level / 2)) / np.sqrt(n - 3)
    middle = np.arctanh(r)
    return float(np.tanh(middle - margin)), float(np.tanh(middle + margin))
