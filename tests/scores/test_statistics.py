"""Statistics beside scipy and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brainbench_audio.scores.statistics import (
    bootstrap_counts,
    percentile_interval,
    standard_error,
    weighted_pearson,
)

NUMBERS = st.floats(-1e3, 1e3, width=32)
WHOLE = st.integers(-50, 50).map(float)
MATRICES = arrays(np.float64, st.tuples(st.integers(3, 12), st.integers(1, 4)), elements=WHOLE)


def squared_pearson(
    measured: np.ndarray, predicted: np.ndarray, counts: np.ndarray | None = None
) -> np.ndarray:
    """Return R², 0 where r is negative or not defined; (target,), or (draw, target) with counts."""
    weights = np.ones((1, len(measured))) if counts is None else counts
    squared = np.nan_to_num(np.maximum(weighted_pearson(measured, predicted, weights), 0.0)) ** 2
    return squared[0] if counts is None else squared


def reference(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return R² with scipy, a column at a time."""
    squared = []
    for x, y in zip(measured.T, predicted.T, strict=True):
        constant = len(set(x)) == 1 or len(set(y)) == 1
        r = 0.0 if constant else scipy.stats.pearsonr(x, y).statistic
        squared.append(r**2 if r > 0 else 0.0)
    return np.array(squared)


def correlated(stimuli: int, targets: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    measured = generator.standard_normal((stimuli, targets))
    signs = np.where(np.arange(targets) % 3 == 2, -1, 1)
    return measured, signs * measured + generator.standard_normal((stimuli, targets))


def test_squared_pearson_is_scipy() -> None:
    measured, predicted = correlated(50, 9)
    found = squared_pearson(measured, predicted)
    np.testing.assert_allclose(found, reference(measured, predicted), rtol=1e-10)
    assert (found[2::3] == 0).all()
    assert (found[::3] > 0).all()


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_squared_pearson_does_not_depend_on_unit_and_offset(scale: float, offset: float) -> None:
    measured, predicted = correlated(40, 6)
    shifted = scale * (measured + offset)
    np.testing.assert_allclose(
        squared_pearson(shifted, predicted), squared_pearson(measured, predicted), rtol=1e-7
    )


def test_constant_sides_score_nothing() -> None:
    measured, predicted = correlated(20, 3)
    measured[:, 0] = 0.1
    predicted[:, 1] = 1e6
    found = squared_pearson(measured, predicted)
    assert found[:2].tolist() == [0.0, 0.0]
    counts = bootstrap_counts(20, 5, seed=0)
    assert (squared_pearson(measured, predicted, counts)[:, :2] == 0).all()


@settings(max_examples=30)
@given(measured=MATRICES, seed=st.integers(0, 99))
def test_counts_are_repeated_samples(measured: np.ndarray, seed: int) -> None:
    predicted = measured + np.random.default_rng(seed).standard_normal(measured.shape)
    counts = bootstrap_counts(len(measured), 6, seed)
    found = squared_pearson(measured, predicted, counts)
    assert found.shape == (6, measured.shape[1])
    for row, count in zip(found, counts, strict=True):
        taken = np.repeat(np.arange(len(measured)), count.astype(int))
        np.testing.assert_allclose(row, reference(measured[taken], predicted[taken]), atol=1e-9)


def test_counting_each_once_changes_nothing() -> None:
    measured, predicted = correlated(30, 5)
    once = squared_pearson(measured, predicted, np.ones((1, 30)))
    np.testing.assert_allclose(once[0], squared_pearson(measured, predicted), rtol=1e-12)


def test_a_draw_of_one_stimulus_scores_nothing() -> None:
    measured, predicted = correlated(5, 2)
    assert (squared_pearson(measured, predicted, np.array([[5.0, 0, 0, 0, 0]])) == 0).all()


def test_the_best_score_is_one() -> None:
    measured, _ = correlated(30, 200)
    found = squared_pearson(measured, 3 * measured + 1, bootstrap_counts(30, 20, seed=1))
    assert found.max() <= 1
    np.testing.assert_allclose(found, 1)


@given(values=arrays(np.float64, st.integers(2, 20), elements=NUMBERS))
def test_standard_error_is_a_plain_sum(values: np.ndarray) -> None:
    n, mean = len(values), sum(values) / len(values)
    expected = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)
    assert standard_error(values) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    # a table has one error as well
    assert standard_error(np.stack([values, values])) == standard_error(np.r_[values, values])


def test_known_values() -> None:
    values = [0.637, 0.27, 0.041, 0.017, 0.813, 0.913, 0.607, 0.729, 0.544, 0.935, 0.816, 0.003]
    assert standard_error(values) == pytest.approx(0.10214706112247968, rel=1e-12)


def test_equal_values_have_no_error_and_make_no_warning() -> None:
    assert standard_error([1.0, 1.0, 1.0]) == 0


def test_weighted_pearson_keeps_the_sign() -> None:
    measured, predicted = correlated(25, 6)
    counts = bootstrap_counts(25, 4, seed=2)
    found = weighted_pearson(measured, predicted, counts)
    for row, count in zip(found, counts, strict=True):
        taken = np.repeat(np.arange(25), count.astype(int))
        for target, r in enumerate(row):
            sides = measured[taken, target], predicted[taken, target]
            assert r == pytest.approx(scipy.stats.pearsonr(*sides).statistic, rel=1e-9)
    assert (found[:, 2::3] < 0).all()
    measured[:, 0] = 3.0
    assert np.isnan(weighted_pearson(measured, predicted, counts)[:, 0]).all()


@pytest.mark.parametrize("values", [[], [1.0]])
def test_too_few_values(values: list[float]) -> None:
    assert standard_error(values) is None


def test_percentile_interval() -> None:
    draws = np.r_[np.arange(101.0), np.nan]
    np.testing.assert_allclose(percentile_interval(draws), (2.5, 97.5))
    np.testing.assert_allclose(percentile_interval(draws, 0.5), (25, 75))


def test_bootstrap_counts() -> None:
    counts = bootstrap_counts(10, 2000, seed=3)
    assert counts.shape == (2000, 10)
    assert (counts.sum(axis=1) == 10).all()
    assert (counts == counts.round()).all()
    np.testing.assert_array_equal(counts, bootstrap_counts(10, 2000, seed=3))
    assert not np.array_equal(counts, bootstrap_counts(10, 2000, seed=4))
    # a stimulus is left out of a draw with probability (1 - 1/n)^n
    assert (counts == 0).mean() == pytest.approx(0.9**10, abs=0.02)


def test_the_bootstrap_interval_covers_what_it_should() -> None:
    generator = np.random.default_rng(0)
    truth = 0.5
    hits = 0
    for seed in range(60):
        measured = generator.standard_normal((80, 1))
        predicted = measured + generator.standard_normal((80, 1))
        draws = squared_pearson(measured, predicted, bootstrap_counts(80, 200, seed))[:, 0]
        low, high = percentile_interval(draws)
        hits += low <= truth <= high
    assert hits >= 50
