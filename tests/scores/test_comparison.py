"""Comparisons of models beside scipy, plain loops and simulations."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest
import scipy.stats

from brainbench_audio.errors import DataError
from brainbench_audio.scores.comparison import (
    bootstrap_p,
    drawn_parts,
    false_discovery,
    rank_ranges,
    sign_flip_test,
    swap_test,
    tie_groups,
)
from brainbench_audio.scores.statistics import (
    bootstrap_counts,
    percentile_interval,
    squared_pearson,
)

DIFFERENCES = np.r_[
    [1.303, 0.494, -0.343, -0.522, -0.058, 0.62, -0.61, 0.191, 0.241, 0.941],
    [0.615, 0.755, -0.254, 0.27, 1.184, 1.893, -0.859, 1.914, 1.746, 1.181],
]


def test_false_discovery_is_a_plain_loop() -> None:
    p = np.random.default_rng(4).integers(0, 21, 60) / 20
    for one, found in zip(p, false_discovery(p), strict=True):
        # what would be found at the threshold `above`, and how much of it by chance
        shares = [above * len(p) / np.sum(p <= above) for above in p if above >= one]
        assert found == pytest.approx(min(1.0, *shares), rel=1e-12, abs=1e-300)
    assert false_discovery([]).shape == (0,)
    assert false_discovery([0.3]).tolist() == [0.3]


def test_known_values() -> None:
    found = false_discovery([0.01, 0.04, 0.03, 0.2, 0.041, 0.9, 0.0005])
    middle = 0.0574
    expected = [0.035, middle, middle, 0.2333333333333333, middle, 0.9, 0.0035]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert sign_flip_test(DIFFERENCES[:12]).item() == 0.107421875
    # drawn: these depend on the stream of random numbers
    assert sign_flip_test(DIFFERENCES, 1000, 3).item() == pytest.approx(16 / 1001)


@pytest.mark.parametrize("wrong", [np.nan, -0.1, 1.1])
def test_p_outside_0_and_1_is_refused(wrong: float) -> None:
    with pytest.raises(DataError, match="within 0 and 1"):
        false_discovery([0.5, wrong])


def test_false_discoveries_are_as_rare_as_stated() -> None:
    generator = np.random.default_rng(2)
    shares = []
    for _ in range(300):
        z = generator.standard_normal(50)
        z[:15] += 3
        found = false_discovery(2 * scipy.stats.norm.sf(np.abs(z))) < 0.1
        shares.append(found[15:].sum() / max(found.sum(), 1))
    # 0.1 x 35 / 50 is what the procedure gives for independent tests
    assert 0.05 < np.mean(shares) < 0.09


def test_drawn_parts_are_a_plain_loop() -> None:
    parts = np.random.default_rng(0).random((5, 3))
    found = drawn_parts(parts, 30, seed=4)
    for draw, counts in zip(found, bootstrap_counts(5, 30, 4), strict=True):
        for model in range(3):
            total = 0.0
            for subject in range(5):
                for _ in range(int(counts[subject])):
                    total += parts[subject, model]
            assert draw[model] == pytest.approx(total / 5)


def test_ten_thousand_draws_of_the_paper_take_seconds() -> None:
    parts = np.random.default_rng(0).random((28, 36))
    started = time.process_time()
    drawn = drawn_parts(parts, 10_000)
    rank_ranges(drawn)
    assert drawn.shape == (10_000, 36)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("units", [2, 5, 9])
def test_few_signs_are_all_tried(units: int) -> None:
    values = np.random.default_rng(units).normal(0.3, 1, (units, 2))
    found = sign_flip_test(values)
    for column, p in zip(values.T, found, strict=True):
        means = [
            abs(np.dot(signs, column)) >= abs(column.sum()) - 1e-12
            for signs in product([1, -1], repeat=units)
        ]
        assert p == pytest.approx(np.mean(means))


def test_sign_flips_beside_scipy() -> None:
    values = np.random.default_rng(5).normal(0.3, 1, 10)
    expected = scipy.stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=2000
    )
    assert sign_flip_test(values).item() == pytest.approx(expected.pvalue)


def test_signs_that_differ_by_rounding_only_count_as_equal() -> None:
    # the mean is 0, but the sum of these floats is not
    assert sign_flip_test([0.1, 0.1, 0.1, 0.3, -0.3, -0.2, -0.1]).item() == 1


def test_many_signs_are_drawn() -> None:
    values = np.random.default_rng(5).normal(0.4, 1, 20)
    found = sign_flip_test(values, draws=20_000).item()
    assert found == pytest.approx(scipy.stats.ttest_1samp(values, 0).pvalue, abs=0.02)
    assert sign_flip_test(np.ones(20), draws=1000).item() == pytest.approx(1 / 1001)
    assert sign_flip_test(np.zeros(20), draws=1000).item() == 1


def test_p_is_uniform_where_models_are_equal() -> None:
    values = np.random.default_rng(1).standard_normal((8, 2000))
    p = sign_flip_test(values)
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.015)
    assert (p <= 0.5).mean() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("test", [drawn_parts, sign_flip_test])
def test_one_unit_is_too_few(test: object) -> None:
    with pytest.raises(DataError, match="needs two at least, here are 1"):
        test(np.ones((1, 2)), 10)  # type: ignore[operator]


def test_bootstrap_p() -> None:
    draws = np.array([0.1] * 95 + [-0.1] * 4 + [np.nan])
    assert bootstrap_p(draws) == pytest.approx(2 * 5 / 100)
    assert bootstrap_p(-draws) == bootstrap_p(draws)
    assert bootstrap_p(np.zeros(10)) == 1


def test_intervals_of_differences_cover_the_truth() -> None:
    generator = np.random.default_rng(3)
    truth, subjects, times = 0.02, 28, 500
    covered = 0
    for _ in range(times):
        common = generator.normal(0.4, 0.1, (subjects, 1))
        parts = common + generator.normal([0.0, truth], 0.03, (subjects, 2))
        drawn = drawn_parts(parts, 500, seed=1)
        low, high = percentile_interval(drawn[:, 1] - drawn[:, 0])
        covered += low <= truth <= high
    # of 28 subjects percentile intervals cover about 94 %
    assert 0.90 <= covered / times <= 0.98


def responses(seed: int, noise: tuple[float, float]) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    measured = generator.standard_normal((60, 3))
    return measured, *(measured + size * generator.standard_normal((60, 3)) for size in noise)


def test_swaps_are_a_plain_loop() -> None:
    measured, first, second = responses(0, (1.0, 1.4))
    first = first + 5
    draws = 200
    swaps = np.random.default_rng(9).integers(2, size=(draws, 60)).astype(float)
    offset = (first.mean(axis=0) + second.mean(axis=0)) / 2
    least = abs(squared_pearson(measured, first).mean() - squared_pearson(measured, second).mean())
    count = 0
    for swap in swaps[:, :, None] > 0:
        one = np.where(swap, second, first) - offset
        two = np.where(swap, first, second) - offset
        difference = squared_pearson(measured, one) - squared_pearson(measured, two)
        count += abs(difference.mean()) >= least
    assert swap_test(measured, first, second, draws, seed=9) == pytest.approx(
        (1 + count) / (1 + draws)
    )


def test_swaps_tell_a_better_model_and_equal_ones_apart() -> None:
    assert swap_test(*responses(1, (0.5, 2.0)), draws=500) < 0.01
    measured, first, _ = responses(1, (1.0, 1.0))
    assert swap_test(measured, first, first, draws=100) == 1
    p = np.array([swap_test(*responses(seed, (1.0, 1.0)), draws=99) for seed in range(200)])
    assert 0.01 < (p <= 0.1).mean() < 0.18
    with pytest.raises(DataError, match="do not fit"):
        swap_test(measured, first[:, :2], first)


def test_rank_ranges_are_a_plain_loop() -> None:
    drawn = np.random.default_rng(0).normal([0.5, 0.45, 0.1], 0.05, (500, 3))
    ranks = np.array([[1 + sum(other > one for other in row) for one in row] for row in drawn])
    found = rank_ranges(drawn)
    for model in range(3):
        low, high = np.quantile(ranks[:, model], [0.025, 0.975])
        assert found[model].tolist() == [np.floor(low), np.ceil(high)]
    assert found.tolist() == [[1, 2], [1, 2], [3, 3]]


def test_draws_without_a_score_do_not_count() -> None:
    drawn = np.array([[1.0, 2.0], [np.nan, 2.0], [1.0, 2.0]])
    assert rank_ranges(drawn).tolist() == [[2, 2], [1, 1]]
    with pytest.raises(DataError, match="no bootstrap draw"):
        rank_ranges(np.full((2, 2), np.nan))


def test_groups_follow_their_leaders() -> None:
    values = [0.1, 0.9, 0.8, 0.7, 0.2]
    apart = np.zeros((5, 5), dtype=bool)
    for one, other in [(1, 3), (1, 4), (1, 0), (3, 0)]:
        apart[one, other] = apart[other, one] = True
    # 0.9 and 0.8 together; 0.7 leads, 0.2 joins it; 0.1 differs from 0.7
    assert tie_groups(values, apart).tolist() == [3, 1, 1, 2, 2]
