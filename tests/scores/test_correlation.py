"""Correlations beside scipy and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.errors import DataError
from brainbench_audio.scores.correlation import (
    bootstrap_interval,
    bootstrap_pearson,
    partial_pearson,
    pearson,
)
from brainbench_audio.scores.statistics import bootstrap_counts


def related(n: int, seed: int = 0, rho: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal(n)
    return x, rho * x + np.sqrt(1 - rho**2) * generator.standard_normal(n)


@given(st.integers(3, 60), st.integers(0, 99), st.floats(-0.99, 0.99), st.floats(1e-6, 1e6))
def test_equal_to_the_formulas(n: int, seed: int, rho: float, scale: float) -> None:
    x, y = related(n, seed, rho)
    y = scale * (y + 3)
    found = pearson(x, y)
    r = np.cov(x, y)[0, 1] / np.sqrt(np.var(x, ddof=1) * np.var(y, ddof=1))
    assert found.r == pytest.approx(r, rel=1e-9, abs=1e-12)
    t = abs(r) * np.sqrt((n - 2) / (1 - r**2))
    assert found.p == pytest.approx(2 * scipy.stats.t.sf(t, n - 2), rel=1e-6, abs=1e-12)
    margin = 1.959963984540054 / np.sqrt(n - 3) if n > 3 else np.inf
    expected = np.tanh([np.arctanh(r) - margin, np.arctanh(r) + margin])
    assert found.interval == pytest.approx(tuple(expected), abs=1e-9)
    assert found.n == n


def test_of_three_models_any_correlation_is_possible() -> None:
    # r is 1 here, on some machines but for rounding
    for first in ([1.0, 2.0, 3.0], [0.1, 0.2, 0.4], [0.55, 0.61, 0.73]):
        found = pearson(first, [2 * one + 0.1 for one in first])
        assert found.r == pytest.approx(1)
        assert found.interval == (-1, 1)


X = [0.637, 0.27, 0.041, 0.017, 0.813, 0.913, 0.607, 0.729, 0.544, 0.935, 0.816, 0.003]
Y = [1.176, 0.169, 0.75, 0.184, 1.27, 0.998, 0.603, 0.787, 0.3, 0.592, 1.079, 0.649]


@pytest.mark.parametrize(
    ("n", "level", "r", "p", "interval"),
    [
        (12, 0.95, 0.552856254603636, 0.062277391401967, (-0.030825989532604, 0.855363712005057)),
        (12, 0.8, 0.552856254603636, 0.062277391401967, (0.192855907573485, 0.781677803524642)),
        (3, 0.95, 0.537827681474924, 0.638490202259268, (-1.0, 1.0)),
    ],
)
def test_known_values(
    n: int, level: float, r: float, p: float, interval: tuple[float, float]
) -> None:
    found = pearson(X[:n], Y[:n], level)
    assert (found.r, found.p, *found.interval) == pytest.approx((r, p, *interval), rel=1e-12)


@given(st.integers(5, 40), st.integers(0, 99))
def test_a_partial_correlation_is_that_of_the_regression(n: int, seed: int) -> None:
    x, z = related(n, seed)
    y = x - z + np.random.default_rng(1000 + seed).standard_normal(n) + 9
    found = partial_pearson(x, 1e3 * y, z)
    # t of x in the regression of y on both, and r from it
    design = np.column_stack([np.ones(n), x, z])
    inverse = np.linalg.inv(design.T @ design)
    weights = inverse @ design.T @ y
    variance = np.square(y - design @ weights).sum() / (n - 3)
    t = weights[1] / np.sqrt(variance * inverse[1, 1])
    assert found.r == pytest.approx(t / np.sqrt(t**2 + n - 3), abs=1e-9)
    assert found.p == pytest.approx(2 * scipy.stats.t.sf(abs(t), n - 3), rel=1e-6)
    low, high = found.interval
    assert low < found.r < high
    with pytest.raises(DataError, match="follows from the given one"):
        partial_pearson(x, 3 - 2 * z, z)


def test_draws_of_a_known_seed() -> None:
    expected = (0.2263199573960772, 0.8272559319287244)
    assert bootstrap_interval(X, Y, 500, seed=4) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_straight_line(sign: int) -> None:
    x = np.arange(10.0)
    found = pearson(x, sign * x / 3)
    assert found.r == pytest.approx(sign)
    assert found.p < 1e-30
    assert found.interval == pytest.approx((sign, sign))


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [
        ([1.0, 2.0], [1.0, 2.0], "needs 3 models at least, here are 2"),
        ([1.0, 2.0, 3.0], [1.0, 2.0], "as long"),
        ([1.0, np.nan, 3.0], [1.0, 2.0, 3.0], "1 values are NaN"),
        ([1.0, 2.0, 3.0], [0.3, 0.3, 0.3], "the same score"),
        ([0.1 + 0.2, 0.3, 0.3], [1.0, 2.0, 3.0], "the same score"),
        ([1.0, 1.0, 1.0 + 5e-13], [1.0, 2.0, 3.0], "the same score"),
    ],
)
def test_what_has_no_correlation(x: list[float], y: list[float], told: str) -> None:
    with pytest.raises(DataError, match=told):
        pearson(x, y)


def test_bootstrap_is_a_plain_loop() -> None:
    x, y = related(12)
    found = bootstrap_pearson(x, y, 40, seed=3)
    for draw, counts in zip(found, bootstrap_counts(12, 40, 3), strict=True):
        chosen = np.repeat(np.arange(12), counts.astype(int))
        assert draw == pytest.approx(scipy.stats.pearsonr(x[chosen], y[chosen]).statistic)


def test_a_draw_of_one_model_only_is_left_out() -> None:
    found = bootstrap_pearson([1.0, 2.0, 4.0], [1.0, 3.0, 2.0], 400)
    counts = bootstrap_counts(3, 400, 0)
    np.testing.assert_array_equal(np.isnan(found), counts.max(axis=1) == 3)
    assert np.isnan(found).any()
    assert np.isfinite(bootstrap_interval([1.0, 2.0, 4.0], [1.0, 3.0, 2.0], 400)).all()


def test_scores_that_hardly_differ_make_no_warning() -> None:
    x = np.ones(36)
    x[7] += 2e-12
    y = np.arange(36.0)
    assert pearson(x, y).r == pytest.approx(np.corrcoef(x - 1, y)[0, 1])
    assert np.isfinite(bootstrap_pearson(x, y, 50)).any()


def test_intervals_cover_the_truth() -> None:
    generator = np.random.default_rng(7)
    rho, n, times = 0.6, 36, 400
    fisher = drawn = 0
    for _ in range(times):
        x = generator.standard_normal(n)
        y = rho * x + np.sqrt(1 - rho**2) * generator.standard_normal(n)
        low, high = pearson(x, y).interval
        fisher += low <= rho <= high
        low, high = bootstrap_interval(x, y, 300, seed=1)
        drawn += low <= rho <= high
    # three standard deviations of 400 trials at 95 % are 3.3 %
    assert 0.917 <= fisher / times <= 0.983
    # percentile intervals of 36 models are known to be somewhat short
    assert 0.88 <= drawn / times <= 0.983


@pytest.mark.parametrize("n", [5, 36])
def test_partial_intervals_cover_the_truth_and_p_errs_as_often_as_it_says(n: int) -> None:
    generator = np.random.default_rng(7)
    rho, times = 0.6, 400
    covered, p = 0, []
    for _ in range(times):
        x, first, second, given = generator.standard_normal((4, n))
        y = rho * x + np.sqrt(1 - rho**2) * first
        low, high = partial_pearson(x + 2 * given, y - given, given).interval
        covered += low <= rho <= high
        p.append(partial_pearson(x + 2 * given, second - given, given).p)
    # but for 1 in 1,000 times
    low, high = scipy.stats.binom.ppf([5e-4, 1 - 5e-4], times, 0.95) / times
    assert low <= covered / times <= high
    for level in (0.05, 0.2, 0.5):
        low, high = scipy.stats.binom.ppf([5e-4, 1 - 5e-4], times, level) / times
        assert low <= np.mean(np.array(p) < level) <= high
