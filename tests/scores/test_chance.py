"""The test against chance, beside plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from brainbench_audio.scores.chance import (
    against_chance,
    chance,
    chance_p,
    orders,
)


def test_orders_are_permutations_that_a_seed_gives() -> None:
    found = orders(12, 50, seed=3)
    assert found.shape == (50, 12)
    for order in found:
        assert sorted(order.tolist()) == list(range(12))
    assert len({tuple(order) for order in found.tolist()}) == 50
    np.testing.assert_array_equal(found, orders(12, 50, seed=3))
    np.testing.assert_array_equal(found[:20], orders(12, 20, seed=3))
    assert (found != orders(12, 50, seed=4)).any()
    # each stimulus comes to each place equally often
    places = orders(4, 8000, seed=0)
    for place in range(4):
        shares = np.bincount(places[:, place]) / 8000
        np.testing.assert_allclose(shares, 0.25, atol=0.02)


def test_p_counts_what_scores_as_high_and_the_data_itself() -> None:
    assert chance_p(0.5, [0.1, 0.5, 0.7, 0.2]) == 3 / 5
    assert chance_p(0.9, np.zeros(19)) == 1 / 20
    assert chance_p(-1.0, np.zeros(9)) == 1
    # what differs by rounding only is as high
    assert chance_p(0.1 + 0.2, [0.3] * 9) == 1


def test_p_is_uniform_where_nothing_is_shared() -> None:
    generator = np.random.default_rng(0)
    p = np.array([chance_p(one[0], one[1:]) for one in generator.standard_normal((4000, 20))])
    for level in (0.05, 0.25, 0.5):
        assert (p <= level + 1e-9).mean() == pytest.approx(level, abs=0.03)


def test_scores_of_random_orders_become_an_entry() -> None:
    x, y = np.random.default_rng(1).standard_normal((2, 30))
    x += y
    value = float(np.corrcoef(x, y)[0, 1])
    found = against_chance(value, lambda order: float(np.corrcoef(x, y[order])[0, 1]), 30, 99, 5)
    scores = [np.corrcoef(x, y[order])[0, 1] for order in orders(30, 99, 5)]
    p = (1 + sum(one >= value for one in scores)) / 100
    expected = {"p": p, "permutations": 99, "seed": 5, "mean": np.mean(scores)}
    assert found == {"chance": pytest.approx(expected)}
    assert p < 0.05
    assert chance(value, scores, 5) == found
    assert against_chance(value, lambda _: 1 / 0, 30, 0, 5) == {}
