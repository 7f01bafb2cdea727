"""Comparisons of models beside scipy, plain loops and simulations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from brainbench_audio.errors import DataError
from brainbench_audio.scores.comparison import (
    false_discovery,
    rank_ranges,
    tie_groups,
)


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
