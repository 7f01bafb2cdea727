"""`-ridge-from`: layer and penalty chosen on one data set, scored on another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from brainbench_ridge import choice
from brainbench_ridge.cards import RIDGE as CARD
from brainbench_ridge.loader import load
from brainbench_ridge.metric import Ridge
from brainbench_ridge.transfer import LEAST_SOUNDS, RidgeFrom

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.interfaces import SecondData
from brainbench_audio.scores.chance import orders
from brainbench_audio.scores.score import Score

from .plain_loop import PENALTIES, cross_predict, predict, r_squared

FloatArray = npt.NDArray[np.float64]
Layers = dict[str, FloatArray]
STIMULI, FOLDS = 30, np.random.default_rng(7).permutation(np.arange(30) % 3)
RIDGE = RidgeFrom(Ridge(variant="scaled", permutations=0))
SHARED = {
    "all, same folds": (np.arange(30), FOLDS),
    "all, other folds": (np.arange(30), np.arange(30) % 4),
    "some, in another order": (np.r_[np.full(8, -1), np.arange(22)[::-1]], np.arange(30) % 4),
    "none": (np.full(30, -1), np.arange(30) % 2),
}


def sounds(seed: int) -> tuple[Layers, FloatArray]:
    """What two layers hear of some sounds, and what these are made of."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(0)
    latent = rng.standard_normal((STIMULI, 6))
    low = latent[:, :3] @ fixed.standard_normal((3, 12)) + rng.standard_normal((STIMULI, 12))
    high = latent[:, 1:4] @ fixed.standard_normal((3, 8)) + rng.normal(0, 0.2, (STIMULI, 8))
    return {"low": 1e-3 * low, "high": 50 * high}, latent


def responses(latent: FloatArray, targets: int, noise: float, seed: int) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    values = latent @ rng.standard_normal((6, targets))
    values += noise * rng.standard_normal(values.shape)
    parts = {"component": [f"c{number}" for number in range(targets)]}
    return build(values, [f"sound-{number}" for number in range(STIMULI)], "component", parts)


def pair(shared: str) -> tuple[Layers, xr.DataArray, SecondData]:
    """Layers and responses of a data set, and another one that has some of its sounds."""
    (layers, latent), (others, unlike) = sounds(1), sounds(2)
    same, folds = SHARED[shared]
    known = same >= 0
    for name in others:
        others[name][known] = layers[name][same[known]]
    unlike[known] = latent[same[known]]
    matrix = same[:, np.newaxis] == np.arange(STIMULI)
    second = SecondData(others, responses(unlike, 3, 1.0, 3), folds, matrix)
    return layers, responses(latent, 2, 1.0, 4), second


def plain_choice(
    second: SecondData, fold: int, penalties: tuple[float, ...]
) -> tuple[int, float, float]:
    """Choose layer and penalty for an outer fold, by the mean over targets."""
    free = ~second.same[:, fold == FOLDS].any(axis=1)
    folds, measured = np.asarray(second.folds)[free], second.target.values[free]

    def mean(layer: int, penalty: float) -> float:
        features = [*second.layers.values()][layer][free]
        every = [
            r_squared(cross_predict(features, one, folds, penalty, False, True), one)
            for one in measured.T
        ]
        return float(np.mean(every))

    grid = [(mean(layer, penalty), penalty, layer) for penalty in penalties for layer in (0, 1)]
    best, penalty, layer = max(grid, key=lambda one: (one[0], -one[1], -one[2]))
    factor = {penalties[0]: 0.5, penalties[-1]: 2.0}.get(penalty)
    while factor and (found := mean(layer, penalty * factor)) > best:
        best, penalty = found, penalty * factor
    return layer, penalty, best


@pytest.mark.parametrize(
    ("shared", "grid"),
    [
        *((name, PENALTIES) for name in SHARED if "other folds" not in name),
        ("none", (0.01, 0.02)),
        ("none", (5.0, 50.0)),
    ],
)
def test_equal_to_a_plain_loop(
    shared: str, grid: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "PENALTIES", grid)
    layers, target, second = pair(shared)
    found = RIDGE(layers, target, FOLDS, second=second)
    told, features = found.provenance["choice"], [*layers.values()]
    predicted = np.empty(target.shape)
    for fold in range(3):
        layer, penalty, best = plain_choice(second, fold, grid)
        assert told["layers"][fold] == [*layers][layer]
        assert told["penalties"][fold] == pytest.approx(penalty, rel=1e-12)
        assert told["scores"][fold] == pytest.approx(best, abs=1e-6)
        test = fold == FOLDS
        assert told["stimuli"][fold] == STIMULI - second.same[:, test].sum()
        for column, measured in enumerate(target.values.T):
            predicted[test, column] = predict(
                features[layer][~test], measured[~test], features[layer][test], penalty, False, True
            )
    expected = [r_squared(*both) for both in zip(predicted.T, target.values.T, strict=True)]
    np.testing.assert_allclose(found.raw["r2"], expected, atol=1e-6)
    np.testing.assert_allclose(found.raw["prediction"], predicted, atol=1e-5)
    assert found.value == pytest.approx(np.mean(expected), abs=1e-6)
    assert found.raw.attrs["variant"] == "from"
    assert (found.n["second_stimulus"], found.n["second_component"]) == (STIMULI, 3)
    # each layer as if it were the only one
    high = replace(second, layers={"high": second.layers["high"]})
    only = RIDGE({"high": layers["high"]}, target, FOLDS, second=high)
    np.testing.assert_allclose(only.raw["r2"], found.raw["layer_score"][1], atol=1e-9)
    # beyond either edge of a short grid
    if len(grid) == 2:
        assert not set(told["penalties"]) & set(grid)


@pytest.mark.parametrize("shared", [name for name in SHARED if name != "none"])
def test_responses_to_the_sounds_of_a_fold_have_no_part_in_its_choice(shared: str) -> None:
    layers, target, second = pair(shared)
    if "some" in shared:  # one sound is that of another fold, too: it is there under two names
        twice = second.same[:, FOLDS == 1].any(axis=1).argmax()
        second.same[twice, np.argmax(FOLDS == 2)] = True
    changed = second.target.copy(deep=True)
    held_out = second.same[:, FOLDS == 2].any(axis=1)
    changed[held_out] = 1e3 * np.random.default_rng(9).standard_normal((held_out.sum(), 3))
    before = RIDGE(layers, target, FOLDS, second=second).raw
    after = RIDGE(layers, target, FOLDS, second=replace(second, target=changed)).raw
    np.testing.assert_allclose(after["second_score"][:, 2], before["second_score"][:, 2], rtol=1e-9)
    assert (after["second_penalty"][:, 2] == before["second_penalty"][:, 2]).all()
    assert (abs(after["second_score"] - before["second_score"])[:, :2] > 0.1).any()


def test_the_same_in_any_block_and_unit() -> None:
    layers, target, second = pair("some, in another order")
    wide = xr.concat([second.target + number for number in range(120)], "component")
    many = replace(second, target=wide)
    found = RIDGE(layers, target, FOLDS, second=many)
    units: Any = {name: 1e-20 * layer for name, layer in layers.items()}
    other: Any = {name: 1e-20 * layer for name, layer in many.layers.items()}
    small = replace(many, layers=other)
    limited = RidgeFrom(Ridge(variant="scaled", permutations=0, max_memory=22_000_000))
    pieces = limited(units, target, FOLDS, second=small)
    np.testing.assert_allclose(pieces.raw["second_score"], found.raw["second_score"], atol=1e-9)
    np.testing.assert_allclose(pieces.raw["r2"], found.raw["r2"], atol=1e-9)
    np.testing.assert_allclose(pieces.raw["influence"], found.raw["influence"], atol=1e-7)


def test_errors_and_chance_are_those_of_ridge_with_the_choice_held_fixed() -> None:
    layers, target, second = pair("none")
    metric = load(CARD, "from", permutations=19, bootstrap=40, seed=3)
    assert metric == RidgeFrom(Ridge(variant="scaled", permutations=19, bootstrap=40, seed=3))
    found: Score = metric(layers, target, FOLDS, second=second)  # type: ignore[call-arg]
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]
    assert found.raw.sizes["draw"] == 40
    # all that pairs owe stays in errors, and half in comparisons, in place of the choice
    assert found.raw["pair_sketch"].attrs == {"share": 0.0}
    # responses in other orders say nothing of the choice
    by_chance = [
        RIDGE(layers, target.copy(data=target.values[order]), FOLDS, second=second).value
        for order in orders(STIMULI, 19, 3)
    ]
    assert found.p == pytest.approx((1 + sum(one >= found.value for one in by_chance)) / 20)
    chosen = found.raw["chosen_layer"].values
    assert {[*layers][place] for place in chosen.ravel()} == {*found.provenance["choice"]["layers"]}
    assert np.unique(found.raw["penalty"]).size == 1


def test_what_does_not_fit_is_refused() -> None:
    layers, target, second = pair("none")
    with pytest.raises(DataError, match="as `second`"):
        RIDGE(layers, target, FOLDS)
    lacking = replace(second, layers={"low": second.layers["low"]})
    with pytest.raises(ContractError, match="has layers low, expected low, high"):
        RIDGE(layers, target, FOLDS, second=lacking)
    few = LEAST_SOUNDS - 1
    short = SecondData(
        {name: layer[:few] for name, layer in second.layers.items()},
        second.target[:few],
        second.folds[:few],  # type: ignore[index]
        second.same[:few],
    )
    with pytest.raises(DataError, match=f"leaves {few} sounds"):
        RIDGE(layers, target, FOLDS, second=short)
    folds = np.where(FOLDS == 2, 0, 1)
    once = SecondData(layers, target, folds, np.eye(STIMULI, dtype=bool))
    with pytest.raises(DataError, match="validation needs at least"):
        RIDGE(layers, target, FOLDS, second=once)
