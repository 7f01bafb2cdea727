"""What the solver says each target owes to each stimulus."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from brainbench_ridge import rivals, training_part
from brainbench_ridge.best import Choice
from brainbench_ridge.partition import Partition
from brainbench_ridge.search import PENALTIES
from brainbench_ridge.solver import nested_ridge
from brainbench_ridge.training_part import TrainingPart
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbench_audio.scores.influence import sketch
from brainbench_audio.scores.weightings import weightings

sys.path.insert(0, str(Path(__file__).parent))
from plain_influence import correlation, hats, plain_left_out, plain_moved, plain_pairs, refitted
from plain_loop import cross_predict, r_squared

FloatArray = npt.NDArray[np.float64]
Layers = dict[str, FloatArray]


def problem(*features: int, stimuli: int = 30, targets: int = 4) -> tuple[Layers, FloatArray]:
    """Layers and responses that share some latent sounds, the first targets with little noise."""
    generator = np.random.default_rng(features)
    latent = generator.standard_normal((stimuli, 3))
    layers = {
        f"layer {size}": latent @ generator.standard_normal((3, size))
        + generator.standard_normal((stimuli, size))
        for size in features
    }
    responses = latent @ generator.standard_normal((3, targets)) + 3.0
    noise = np.linspace(0.3, 2.0, targets) * generator.standard_normal((stimuli, targets))
    return layers, responses + noise


def mixed_folds(folds: int, stimuli: int = 30) -> npt.NDArray[np.intp]:
    return np.random.default_rng(1).permutation(np.arange(stimuli) % folds)


@pytest.mark.parametrize("zscore", [False, True])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("features", [(4,), (5, 12), (60,), (6, 60)])
@pytest.mark.parametrize("folds", [3, 5, 30])
def test_equals_hat_matrices_written_out(
    folds: int, features: tuple[int, ...], unit: bool, zscore: bool
) -> None:
    layers, targets = problem(*features)
    # as in each of its uses, a layer is scaled in one of the ways or in none
    options = {"zscore": zscore, "unit": unit and not zscore}
    found = nested_ridge(layers, targets, mixed_folds(folds), **options)
    expected = plain_left_out(layers, targets, mixed_folds(folds), found, **options)
    assert expected.std(axis=0).min() > 1e-4
    np.testing.assert_allclose(found.left_out, expected, rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"zscore": True}, {"unit": True}])
def test_with_residuals_of_a_jackknife_equals_refitting_without_each_stimulus(
    options: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    layers, targets = problem(3, 6, 60)
    folds = mixed_folds(5)
    found = nested_ridge(layers, targets, folds, **options)
    expected = refitted(layers, targets, folds, found, **options)
    monkeypatch.setattr(training_part, "POWER", 1.0)
    again = nested_ridge(layers, targets, folds, **options)
    assert np.unique(again.layer).size > 1
    np.testing.assert_allclose(again.left_out, expected, rtol=1e-9)


@pytest.mark.parametrize("features", [(5, 12), (6, 60)])
def test_pairs_equal_hat_matrices_written_out(features: tuple[int, ...]) -> None:
    layers, targets = problem(*features)
    targets[:, 3] = 1.0  # nothing tells it from others
    folds = mixed_folds(5)
    found = nested_ridge(layers, targets, folds)
    plain = np.stack([plain_pairs(layers, targets[:, n], folds, found, n) for n in range(3)])
    weights = np.array([[1.0, 0.0, 0.2], [0.0, 1.0, 0.3], [0.0, 0.0, 1e-9], [0.0, 0.0, 1.0]])
    expected = sketch(weights[:3].T @ plain)
    assert expected.std(axis=0).min() > 1e-5
    sums = found.pairs.sketch(targets, found.predictions, weights)
    np.testing.assert_allclose(sums, expected, atol=1e-6 * np.abs(expected).max())
    # of some of the targets, too
    two = found.first(2)
    again = two.pairs.sketch(targets[:, :2], two.predictions, weights[:2, :2])
    np.testing.assert_allclose(again, sums[:, :2], atol=1e-15)


@pytest.mark.parametrize("scale", [1e-2, 1.0, 30.0])
def test_penalties_to_choose_from_are_those_tried_beside_the_best(scale: float) -> None:
    layers, targets = problem(5, 12, targets=3)
    layers = {name: scale * features for name, features in layers.items()}
    folds = mixed_folds(5)
    found = nested_ridge(layers, targets, folds).rivals
    assert found is not None
    grid = np.array(PENALTIES)
    seen = set()
    for place, features in enumerate(layers.values()):
        for number, target in enumerate(targets.T):
            for fold in range(5):
                kept = folds != fold

                def score(
                    penalty: float,
                    rows: npt.NDArray[np.bool_] = kept,
                    x: FloatArray = features,
                    y: FloatArray = target,
                ) -> float:
                    return r_squared(
                        cross_predict(x[rows], y[rows], folds[rows], penalty, False), y[rows]
                    )

                inner, penalty = (
                    one[place :: len(layers), fold, number] for one in (found.inner, found.penalty)
                )
                best = score(penalty[0])
                assert inner[0] == pytest.approx(max(map(score, grid)), abs=1e-9)
                for one, value in zip(penalty[1:], inner[1:], strict=True):
                    if value == -np.inf:
                        continue
                    # layers are compared on the grid, so that the best counts as it does there
                    assert value - inner[0] == pytest.approx(score(one) - best, abs=1e-9)
                    seen.add("beyond" if one < grid[0] or one > grid[-1] else "grid")
                below, above = penalty[1:]
                if inner[1] > -np.inf:
                    assert below < penalty[0]
                    assert (below in grid) or below == penalty[0] / 2
                if inner[2] > -np.inf:
                    assert above > penalty[0]
                    assert (above in grid) or above == penalty[0] * 2
    assert "beyond" in seen if scale != 1 else "grid" in seen


def test_layers_chosen_anew_equal_loops_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    layers, targets = problem(5, 12, 60, targets=11)
    targets[:, 3] = 1.0  # nothing tells it from others
    folds = mixed_folds(5)
    found = nested_ridge(layers, targets, folds)
    assert found.rivals is not None
    # what is given is as exact as it is stored, and in any unit of responses
    units = (1.0, 1e-150, 1e150)
    given = [found.rivals.moved(one * targets, found.layer, np.arange(11)) for one in units]
    monkeypatch.setattr(rivals, "PRECISION", np.float64)
    moved = found.rivals.moved(targets, found.layer, np.arange(11))
    for single in given:
        # of two that are equal but for rounding, either may be chosen in a weighting
        off = np.abs(single.rest() - moved.rest())
        assert np.count_nonzero(off > 5e-6) <= off.size / 1000
        np.testing.assert_allclose(single.r, moved.r, atol=1e-6)
        np.testing.assert_allclose(single.held, moved.held, atol=5e-6)
    # but for the mean of all predictions, which is next to that of responses
    np.testing.assert_allclose(moved.r, found.correlations, atol=0.01)
    r, squares = moved.rest(), moved.rest_of_squares()
    assert not r[:, 3].any()
    assert not squares[:, 3].any()
    for number in (0, 5, 10):
        some = slice(0, None, 40)
        plain = plain_moved(layers, targets[:, number], folds, found, number, weightings(30), some)
        # something else is chosen in nearly all weightings, if only a penalty
        assert np.count_nonzero(np.abs(plain[:, 0]) > 1e-9) > len(plain) / 2
        both = np.stack([r[::40, number], squares[::40, number]], axis=1)
        np.testing.assert_allclose(both, plain, rtol=1e-6, atol=1e-10)
    # of some targets, and of the first ones
    first = found.first(10).rivals
    assert first is not None
    again = first.moved(targets[:, :10], found.first(10).layer, np.array([9, 0]))
    for name in ("r", "held", "jump", "change"):
        some = getattr(moved, name)[..., [9, 0]]
        np.testing.assert_allclose(getattr(again, name), some, atol=1e-12)
    # not kept where nobody asks for them, nor training parts of layers that are not chosen
    layers["flat"] = np.ones((30, 1))
    chosen = Choice(np.zeros(5, dtype=np.intp), np.ones((4, 5)), np.ones((4, 5)))
    every: list[dict[str, Any]] = [{"profile": False}, {"rivals": False}, {"chosen": chosen}]
    for options in every:
        other = nested_ridge(layers, targets, folds, **options)
        assert other.rivals is None
        assert set(other.pairs.parts) == set(np.unique(other.layer).tolist())


@pytest.mark.parametrize("features", [4, 60])
@pytest.mark.parametrize("penalty", [1e-30, 1e-12, 1e6, 1e12])
def test_penalties_far_beyond_the_edges(features: int, penalty: float) -> None:
    layers, targets = problem(features)
    folds = mixed_folds(5)
    found = nested_ridge(layers, targets, folds, penalties=(penalty * 0.99, penalty))
    assert np.isclose(found.penalty, penalty, rtol=0.02).any()
    expected = plain_left_out(layers, targets, folds, found)
    np.testing.assert_allclose(found.left_out, expected, rtol=1e-7, atol=1e-9)


def test_is_near_refitting_without_each_stimulus() -> None:
    layers, targets = problem(3, 6, stimuli=60)
    folds = mixed_folds(5, 60)
    found = nested_ridge(layers, targets, folds)
    assert np.unique(found.layer).size == 2
    expected = refitted(layers, targets, folds, found)
    for plain, left_out, r in zip(expected.T, found.left_out.T, found.correlations, strict=True):
        assert correlation(plain, left_out) > 0.98
        assert abs(left_out.mean() - r) < 0.02
        assert left_out.std() == pytest.approx(plain.std(), rel=0.15)


def test_fixed_predictions_would_owe_less() -> None:
    """Weights learned anew are part of it: with many features, a large one."""
    layers, targets = problem(60)
    found = nested_ridge(layers, targets, mixed_folds(5))
    for number in range(targets.shape[1]):
        sides = found.predictions[:, number], targets[:, number]
        fixed = [
            correlation(*(np.delete(side, gone) for side in sides)) for gone in range(len(targets))
        ]
        assert found.left_out[:, number].std() > 1.1 * np.std(fixed)


@settings(max_examples=15, deadline=None)
@given(
    block=st.integers(1, 9),
    group=st.integers(1, 5),
    zscore=st.booleans(),
    order=st.permutations(range(9)),
)
def test_blocks_groups_and_order_do_not_matter(
    block: int, group: int, zscore: bool, order: list[int]
) -> None:
    layers, targets = problem(7, 40, targets=9)
    folds = mixed_folds(5)
    whole = nested_ridge(layers, targets, folds, zscore=zscore)
    some = nested_ridge(
        layers, targets[:, order], folds, zscore=zscore, block=block, group=group, profile=False
    )
    np.testing.assert_allclose(some.left_out, whole.left_out[:, order], atol=1e-10)
    np.testing.assert_allclose(some.correlations, whole.correlations[order], atol=1e-10)
    first = whole.first(4)
    np.testing.assert_array_equal(first.left_out, whole.left_out[:, :4])
    np.testing.assert_array_equal(first.correlations, whole.correlations[:4])


def test_features_that_repeat_are_one_larger_feature() -> None:
    layers, targets = problem(5)
    folds = mixed_folds(5)
    repeated = {name: np.tile(features, 9) for name, features in layers.items()}
    larger = {name: 3 * features for name, features in layers.items()}
    penalties = (1e-6, 1e-3, 1.0)
    found, expected = (
        nested_ridge(one, targets, folds, penalties=penalties) for one in (repeated, larger)
    )
    np.testing.assert_allclose(found.left_out, expected.left_out, atol=1e-6)


def test_the_square_of_the_correlation_is_the_score() -> None:
    layers, targets = problem(4, 20)
    found = nested_ridge(layers, targets, mixed_folds(5))
    expected = [correlation(*pair) for pair in zip(found.predictions.T, targets.T, strict=True)]
    np.testing.assert_allclose(found.correlations, expected, atol=1e-12)
    np.testing.assert_allclose(np.maximum(found.correlations, 0) ** 2, found.r2, atol=1e-12)


def test_what_cannot_be_predicted_owes_nothing() -> None:
    layers, targets = problem(4)
    targets[:, 0] = 0.1
    folds = mixed_folds(5)
    found = nested_ridge(layers, targets, folds)
    assert not found.left_out[:, 0].any()
    assert found.correlations[0] == 0
    assert found.left_out[:, 1:].all()
    # without its only response that differs a target is constant
    targets[:, 0] = np.arange(30) == 7
    alone = nested_ridge(layers, targets, folds).left_out[:, 0]
    assert np.abs(alone).max() <= 1


def test_a_badly_fitted_target_has_no_outlier() -> None:
    generator = np.random.default_rng(3)
    # noise and few features: predictions are next to constant, where second-order terms explode
    features, noise = (generator.standard_normal((30, size)) for size in (2, 300))
    found = nested_ridge({"few": features}, noise, np.arange(30) % 3)
    assert np.abs(found.left_out - found.correlations).max() < 1


def part_of(features: int) -> tuple[TrainingPart, FloatArray, Partition]:
    layers, _ = problem(features, stimuli=18)
    (values,) = layers.values()
    partition = Partition.from_labels(np.arange(18) % 3)
    points = values[partition.order]
    return TrainingPart.decompose(points, features, partition, (1,)), points, partition


@pytest.mark.parametrize("features", [3, 40])
def test_a_training_part_and_its_transpose(features: int) -> None:
    part, points, partition = part_of(features)
    training, test = partition.training(1), partition.test(1)
    mean = points[training].mean(axis=0)
    generator = np.random.default_rng(2)
    responses, values = generator.standard_normal((12, 2)), generator.standard_normal((6, 2))
    penalty = np.array([0.3, 7.0])
    predicted = part.predict(1, responses, penalty)
    weighed = part.transposed(1, values, penalty)
    residuals = part.scaled_residuals(responses, penalty)
    for number in range(2):
        to_test, to_residuals = hats(points[training] - mean, points[test] - mean, penalty[number])
        np.testing.assert_allclose(predicted[:, number], to_test @ responses[:, number])
        np.testing.assert_allclose(weighed[:, number], to_test.T @ values[:, number])
        expected = to_residuals @ responses[:, number] / np.diag(to_residuals) ** 0.75
        np.testing.assert_allclose(residuals[:, number], expected)


def test_scaled_residuals_are_between_the_noise_and_a_jackknife() -> None:
    part, points, partition = part_of(3)
    noise = np.random.default_rng(3).standard_normal((12, 20_000))
    sizes = np.square(part.scaled_residuals(noise, np.full(20_000, 1e-9))).mean(axis=1)
    centred = points[partition.training(1)] - points[partition.training(1)].mean(axis=0)
    _, to_residuals = hats(centred, centred, 1e-9)
    # of a projection, squares of residuals have the expectation of one less the leverage
    np.testing.assert_allclose(sizes, 1 / np.sqrt(np.diag(to_residuals)), rtol=0.05)


@pytest.mark.parametrize("block", [3, 100])
def test_targets_that_stand_apart_do_not_notice_the_others(block: int) -> None:
    layers, targets = problem(7, 40, targets=9)
    folds = mixed_folds(5)
    every = nested_ridge(layers, targets, folds, apart=4, block=block)
    own = nested_ridge(layers, targets[:, :4], folds, block=block)
    others = nested_ridge(layers, targets[:, 4:], folds, profile=False, block=block)
    for name in ("r2", "predictions", "correlations", "left_out"):
        np.testing.assert_array_equal(getattr(every.first(4), name), getattr(own, name))
    assert every.layer_r2 is not None
    np.testing.assert_allclose(every.layer_r2[:, :4], own.layer_r2, rtol=1e-12)
    np.testing.assert_array_equal(every.stuck[:, :4], own.stuck)
    # of the others only what predicts them is found
    np.testing.assert_allclose(every.r2[4:], others.r2, rtol=1e-12)
    np.testing.assert_array_equal(every.penalty[:, 4:], others.penalty)
    for rest in (every.stuck, every.left_out, every.layer_r2, every.correlations):
        assert not rest[..., 4:].any()
