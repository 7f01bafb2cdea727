"""Standard errors, intervals and the bootstrap, vectorised."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
Array = npt.NDArray[np.float64]


def standard_error(values: npt.ArrayLike) -> float | None:
    """Return ``sd / sqrt(n)`` with ``n - 1`` in the variance; None for fewer than two values."""
    array = np.asarray(values, dtype=np.float64).ravel()
    # that of scipy.stats, whose import takes longer than scoring a small pair
    return float(array.std(ddof=1) / np.sqrt(array.size)) if array.size > 1 else None


def percentile_interval(draws: npt.ArrayLike, level: float = LEVEL) -> tuple[float, float]:
    """Return the percentile interval of bootstrap draws, NaN left out."""
    low, high = np.nanquantile(
        np.asarray(draws, dtype=np.float64), [(1 - level) / 2, (1 + level) / 2]
    )
    return float(low), float(high)


def bootstrap_counts(stimuli: int, draws: int, seed: int) -> Array:
    """Return how often each draw with replacement takes each stimulus.

    Parameters
    ----------
    stimuli, draws : int
        Number of each.
    seed : int
        Stored with the result.

    Returns
    -------
    float64 array (draw, stimulus)
        Each row sums to ``stimuli``.

    Examples
    --------
    >>> bootstrap_counts(4, 2, seed=0).sum(axis=1)
    array([4., 4.])
    """
    generator = np.random.default_rng(seed)
    even = np.full(stimuli, 1 / stimuli)
    return generator.multinomial(stimuli, even, size=draws).astype(np.float64)


def weighted_pearson(
    first: npt.NDArray[np.floating[Any]], second: npt.NDArray[np.floating[Any]], counts: Array
) -> Array:
    """Return Pearson's r of each target in each draw, all draws by a few matrix products.

    SciPy's `pearsonr` knows no weights, and `scipy.stats.bootstrap` would copy the arrays for each
    draw.

    Parameters
    ----------
    first, second : array (stimulus, target)
    counts : float64 array (draw, stimulus)
        How often each stimulus counts, see `bootstrap_counts`.

    Returns
    -------
    float64 array (draw, target)
        NaN where a side is constant.
    """
    total = counts.sum(axis=1, keepdims=True)
    x, y = _centred(first), _centred(second)
    mean_x, mean_y = counts @ x / total, counts @ y / total
    variance_x = counts @ x**2 / total - mean_x**2
    variance_y = counts @ y**2 / total - mean_y**2
    covariance = counts @ (x * y) / total - mean_x * mean_y
    # x and y are centred and scaled to unit variance, so this is relative to their own scale
    varies = (variance_x > 1e-12) & (variance_y > 1e-12)
    r = covariance / np.sqrt(np.where(varies, variance_x * variance_y, 1.0))
    # rounding may lead past 1
    return np.where(varies, np.clip(r, -1.0, 1.0), np.nan)


def _centred(values: npt.NDArray[np.floating[Any]]) -> Array:
    """Return the columns with mean 0 and standard deviation 1; constant ones become 0."""
    array = np.asarray(values, dtype=np.float64)
    scale = np.abs(array).max(axis=0)
    array = array - array.mean(axis=0)
    deviation = array.std(axis=0)
    constant = deviation <= 1e-13 * scale
    return np.where(constant, 0.0, array / np.where(constant, 1.0, deviation))
