"""What rho owes to each pair of stimuli, against a plain weighted rho and its derivatives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from brainbench_rsa.comparison import spearman, tie_groups
from brainbench_rsa.influence import influence, owed_by
from brainbench_rsa.rdm import pair_indices, permuted_pairs, rdm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from brainbench_audio.scores.influence import sketch

FloatArray = npt.NDArray[np.float64]


def weighted_ranks(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the average rank of each value, as if each were there as often as it weighs."""
    below = np.array([weights[values < one].sum() for one in values])
    equal = np.array([weights[values == one].sum() for one in values])
    return below + equal / 2


def weighted_spearman(first: FloatArray, second: FloatArray, weights: FloatArray) -> float:
    x, y = (weighted_ranks(side, weights) for side in (first, second))
    x, y = (side - np.average(side, weights=weights) for side in (x, y))
    return float(
        (weights * x * y).sum() / np.sqrt((weights * x * x).sum() * (weights * y * y).sum())
    )


def numerical(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the derivative by the weight of each entry, from its change in both directions."""
    found = []
    for entry in range(first.size):
        step = 1e-5 * (np.arange(first.size) == entry)
        high, low = (weighted_spearman(first, second, 1 + sign * step) for sign in (1, -1))
        found.append((high - low) / 2e-5)
    return np.array(found)


def alike(stimuli: int, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Return RDMs of two layers with a part in common."""
    generator = np.random.default_rng(seed)
    shared = generator.standard_normal((stimuli, 6))
    return tuple(rdm(np.hstack([shared, generator.standard_normal((stimuli, 6))])) for _ in "ab")


def test_the_plain_weighted_rho_counts_entries_as_often_as_they_weigh() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.integers(6, size=(2, 30)).astype(float)
    times = generator.integers(1, 4, size=30)
    expected = spearmanr(np.repeat(first, times), np.repeat(second, times)).statistic
    assert weighted_spearman(first, second, times.astype(float)) == pytest.approx(expected)


@given(seed=st.integers(0, 10_000), distinct=st.sampled_from([3, 8, 10_000]))
@settings(max_examples=20, deadline=None)
def test_equals_numerical_derivatives_with_and_without_ties(seed: int, distinct: int) -> None:
    generator = np.random.default_rng(seed)
    first, second = generator.integers(distinct, size=(2, 45)).astype(float)
    second[:20] = first[:20]
    (one,), (other,) = tie_groups(first), tie_groups(second)
    rho, owed = owed_by(one, other)
    assert rho == pytest.approx(spearman(first, second).item())
    np.testing.assert_allclose(owed, numerical(first, second), atol=1e-8)
    # weights of all entries together change nothing
    assert owed.sum() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("stimuli", [30, 80])
def test_sums_over_pairs_are_as_if_a_stimulus_had_not_been_there(stimuli: int) -> None:
    one, other = alike(stimuli)
    first, second = pair_indices(stimuli)
    without = []
    for gone in range(stimuli):
        kept = (first != gone) & (second != gone)
        without.append(spearmanr(one[kept], other[kept]).statistic)
    found = influence(one, other).stimuli[:, 0]
    exact = np.array(without) - np.mean(without)
    assert np.corrcoef(found, exact)[0, 1] > 0.999
    assert found.std() == pytest.approx(exact.std(), rel=4 / stimuli)
    assert found.mean() == pytest.approx(0, abs=1e-12)


def test_many_rdms_are_compared_row_by_row() -> None:
    rows = np.stack([rdm for seed in range(2) for rdm in alike(12, seed)])
    single = influence(rows[:1], rows[1:], "listeners")
    assert single.units == "listeners"
    paired = influence(rows[:3], rows[1:])
    assert paired.units == ""
    for number in range(3):
        for found, one in ((single, rows[0]), (paired, rows[number])):
            alone = influence(one, rows[number + 1])
            assert alone.parts.shape == (1,)
            np.testing.assert_array_equal(found.stimuli[:, number], alone.stimuli[:, 0])
            np.testing.assert_array_equal(found.pairs[:, number], alone.pairs[:, 0])
            assert found.parts[number] == alone.parts[0]
            (left,), (right,) = tie_groups(one), tie_groups(rows[number + 1])
            expected = sketch(owed_by(left, right)[1][np.newaxis])
            np.testing.assert_array_equal(found.pairs[:, number], expected[:, 0])


@given(seed=st.integers(0, 10_000), stimuli=st.integers(2, 12))
def test_permuted_pairs_are_the_rdm_of_stimuli_in_that_order(seed: int, stimuli: int) -> None:
    generator = np.random.default_rng(seed)
    order = generator.permutation(stimuli)
    matrix = generator.random((stimuli, stimuli))
    matrix += matrix.T
    upper = pair_indices(stimuli)
    moved = matrix[np.ix_(order, order)]
    np.testing.assert_array_equal(matrix[upper][permuted_pairs(order)], moved[upper])
