"""What choosing anew adds to a variance, against variances that are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from brainbench_audio.scores.statistics import Array
from brainbench_audio.scores.weightings import GROUP, GROUPS, ONCE, added_variance, weightings


def test_weightings_are_the_same_for_all_and_come_with_their_opposites() -> None:
    changes = weightings(30)
    assert changes.shape == (ONCE + GROUPS * GROUP, 30)
    assert weightings(30) is changes
    with pytest.raises(ValueError, match="read-only"):
        changes[0] = 0
    np.testing.assert_array_equal(changes[: ONCE // 2], -changes[ONCE // 2 : ONCE])
    # groups move around starts that differ, and are each other's opposites
    groups = changes[ONCE:].reshape(GROUPS, GROUP, 30)
    starts = groups.mean(axis=1)
    np.testing.assert_allclose(starts[: GROUPS // 2], -starts[GROUPS // 2 :], atol=1e-12)
    assert starts.var() == pytest.approx(1, abs=0.15)
    assert (groups - starts[:, np.newaxis]).var() == pytest.approx(1, abs=0.1)
    assert changes[:ONCE].var() == pytest.approx(1, abs=0.05)


def test_nothing_is_added_where_nothing_else_is_chosen() -> None:
    fixed = weightings(20) @ np.random.default_rng(0).standard_normal((20, 3))
    for nothing in added_variance(fixed, np.zeros_like(fixed)):
        assert nothing.tolist() == [0, 0, 0]
    # what is linear counts as often as it is
    once, twice = (added_variance(one, fixed)[0] for one in (np.zeros_like(fixed), fixed))
    np.testing.assert_allclose(once, twice / 3)


def squares(noise: Array) -> Array:
    return np.asarray(np.square(noise).sum(axis=(-2, -1)))


def highest(noise: Array) -> Array:
    return np.asarray(noise.sum(axis=-1).max(axis=-1))


def chosen_on_others(noise: Array) -> Array:
    """Return the sum over folds, of each the layer that is the best in the other folds."""
    better = noise[..., 0, :] - noise[..., 1, :]
    first = better.sum(axis=-1, keepdims=True) - better > 0
    return np.asarray(np.where(first, noise[..., 0, :], noise[..., 1, :]).sum(axis=-1))


@pytest.mark.parametrize(
    ("score", "gap", "within"),
    [(squares, 0.0, 0.45), (highest, 0.0, 0.1), (highest, 2.0, 0.1), (chosen_on_others, 0.0, 0.2)],
)
def test_variances_are_those_of_other_samples(
    score: Callable[[Array], Array], gap: float, within: float
) -> None:
    """Two layers and three folds, scores of each normal, those of the first higher by a gap."""
    samples = np.random.default_rng(3).standard_normal((20000, 2, 3))
    samples[:, 0] += gap / 3
    changes = weightings(6).reshape(-1, 2, 3)
    moved = np.stack([score(one + changes) - score(one) for one in samples[:300]], axis=1)
    truth, still = score(samples).var(), np.zeros_like(moved)
    added, changed = added_variance(still, moved)
    assert added.mean() == pytest.approx(truth, rel=within)
    once = moved[:ONCE].var(axis=0).mean()
    assert (added + 1.3 * changed).mean() == pytest.approx(once, rel=0.01)
    if score is not highest:
        # the variance over weightings alone is that of more noise
        assert moved[:ONCE].var(axis=0).mean() > 1.3 * truth


@pytest.mark.parametrize("stimuli", [30, 700])
def test_weightings_are_at_right_angles_and_as_long_as_normal_ones(stimuli: int) -> None:
    once = weightings(stimuli)[: ONCE // 2]
    products = once[:30] @ once[:30].T
    np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-9)
    assert np.square(once).mean() == pytest.approx(1)


def test_what_is_linear_varies_over_weightings_as_over_all() -> None:
    linear = np.random.default_rng(0).standard_normal((50, 30))
    moved = weightings(30)[: ONCE // 2] @ linear.T
    ratio = np.square(moved).mean(axis=0) / np.square(linear).sum(axis=1)
    # half of what normal weightings are off by
    assert ratio.std() < np.sqrt(2 / (ONCE // 2)) / 2


def test_a_choice_between_equals_adds_little() -> None:
    """Of two equal layers one is chosen by other noise than its score has, which adds nothing."""

    def score(noise: Array) -> Array:
        inner, outer = noise[..., :2], noise[..., 2:]
        return np.asarray(np.where(inner[..., 0] > inner[..., 1], outer[..., 0], outer[..., 1]))

    changes, samples = weightings(4), np.random.default_rng(0).standard_normal((3000, 4))
    moved = np.stack([score(one + changes) - score(one) for one in samples], axis=1)
    held = samples[:, 0] > samples[:, 1]
    fixed = np.where(held, changes[:, 2:3], changes[:, 3:])
    added = added_variance(fixed, moved - fixed)[0].mean()
    # 2 V1 - V2 says .1, and V1 alone .3
    assert -0.02 < added < 0.085
    assert moved[:ONCE].var(axis=0).mean() - 1 == pytest.approx(0.32, abs=0.04)
