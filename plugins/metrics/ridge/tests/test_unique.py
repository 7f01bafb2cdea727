"""`-ridge-unique`: what a model explains beyond a given one."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from brainbench_ridge.bands import SHARES
from brainbench_ridge.loader import load
from brainbench_ridge.metric import Ridge
from brainbench_ridge.unique import UniqueRidge
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.cards import MetricCard
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.scores.score import Score

from .banded_rates import WORLDS, World, rates
from .plain_banded import beside, plain_unique
from .plain_influence import plain_left_out

FloatArray = npt.NDArray[np.float64]
Layers = dict[str, FloatArray]


def problem(seed: int = 0) -> tuple[Layers, Layers, FloatArray, npt.NDArray[np.int64]]:
    """Two models of two layers each, which share some sounds with each other and the targets."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((30, 6))
    model = {
        "low": latent[:, :3] @ rng.standard_normal((3, 12)) + rng.standard_normal((30, 12)),
        "high": 50 * (latent[:, 1:4] @ rng.standard_normal((3, 40)) + rng.normal(0, 2, (30, 40))),
    }
    given = {
        "one": 1e-3 * latent[:, 2:] @ rng.standard_normal((4, 5)),
        "two": rng.standard_normal((30, 8)),
    }
    mix = np.array([[1, 0.3, 0, 0.3, 0, 0.1], [1, 0, 1, 0, 1, 0]]).T
    targets = latent @ mix + np.array([1.0, 1.5]) * rng.standard_normal((30, 2))
    return model, given, targets, rng.permutation(np.arange(30) % 4)


def assembly(values: FloatArray, **coordinates: list[str]) -> xr.DataArray:
    names = [f"sound-{number}" for number in range(len(values))]
    parts = {"component": [f"c{number}" for number in range(values.shape[1])], **coordinates}
    return build(values, names, "component", parts)


def scored(metric: UniqueRidge | None = None, **coordinates: list[str]) -> Score:
    model, given, targets, folds = problem()
    metric = metric or UniqueRidge()
    return metric(model, assembly(targets, **coordinates), folds, given=given)


def test_equal_to_a_plain_loop_and_what_each_sound_is_owed_too() -> None:
    model, given, targets, folds = problem()
    found = scored(UniqueRidge(max_memory=400_000_000))
    quantities = dict(
        zip(found.raw["quantity"].values, found.raw["explained_part"].values, strict=True)
    )
    layers, others = [*model.values()], [*given.values()]
    every = [beside(one, other, share) for one in layers for other in others for share in SHARES]
    shares = set()
    for number, target in enumerate(targets.T):
        plain = plain_unique(layers, others, target, folds)
        for name in ("model", "given", "both"):
            assert quantities[name][number] == pytest.approx(getattr(plain, name), abs=1e-6)
        unique, only_given = plain.both - plain.given, plain.both - plain.model
        assert quantities["unique"][number] == pytest.approx(unique, abs=1e-6)
        assert quantities["unique_given"][number] == pytest.approx(only_given, abs=1e-6)
        assert quantities["shared"][number] == pytest.approx(plain.model - unique, abs=1e-6)
        assert found.parts[f"c{number}"] == pytest.approx(unique, abs=1e-6)
        raw = found.raw.isel(component=number)
        np.testing.assert_allclose(raw["prediction"], plain.predictions, atol=1e-5)
        np.testing.assert_allclose(raw["penalty"], plain.penalties, rtol=1e-12)
        assert [SHARES[place] for *_, place in plain.chosen] == raw["share"].values.tolist()
        assert [first for first, *_ in plain.chosen] == raw["chosen_layer"].values.tolist()
        assert [one for _, one, _ in plain.chosen] == raw["chosen_given_layer"].values.tolist()
        shares |= set(raw["share"].values.tolist())
        # the influence on both less that on the given model
        place = [(2 * a + b) * len(SHARES) + c for a, b, c in plain.chosen]
        both = SimpleNamespace(
            layer=np.array(place)[:, None], penalty=np.array(plain.penalties)[:, None]
        )
        alone = Ridge(variant="scaled", permutations=0)(given, assembly(target[:, None]), folds)
        only = SimpleNamespace(
            layer=alone.raw["chosen_layer"].values, penalty=alone.raw["penalty"].values
        )
        without = [
            plain_left_out(dict(enumerate(some)), target[:, None], folds, fit, unit=True)  # type: ignore[arg-type]
            for some, fit in ((every, both), (others, only))
        ]
        owed = np.square(np.maximum(without[0], 0)) - np.square(np.maximum(without[1], 0))
        expected = (owed - owed.mean(axis=0))[:, 0]
        np.testing.assert_allclose(raw["influence"][:, number], expected, atol=1e-8)
    assert len(shares) > 2


def test_alone_each_model_is_what_ridge_scaled_says() -> None:
    model, given, targets, folds = problem()
    found = scored()
    ridge = Ridge(variant="scaled", permutations=0)
    for name, layers in (("r2_model", model), ("r2_given", given)):
        alone = ridge(layers, assembly(targets), folds)
        np.testing.assert_allclose(found.raw[name], alone.raw["r2"], atol=1e-9)
    alone = ridge(model, assembly(targets), folds)
    np.testing.assert_allclose(found.raw["layer_score"], alone.raw["layer_score"], atol=1e-9)
    assert found.layer == alone.layer


def test_the_same_in_any_block_and_unit() -> None:
    model, given, targets, folds = problem()
    many = np.tile(targets, (1, 300)) + np.random.default_rng(2).standard_normal((30, 600))
    subjects = [f"subject-{number // 150}" for number in range(600)]
    target = assembly(many, subject=subjects)
    found = UniqueRidge()(model, target, folds, given=given)
    small = UniqueRidge(max_memory=60_000_000)(
        {name: 1e-25 * layer for name, layer in model.items()}, target, folds, given=given
    )
    np.testing.assert_allclose(small.raw["r2_unique"], found.raw["r2_unique"], atol=1e-9)
    np.testing.assert_allclose(small.raw["influence"], found.raw["influence"], atol=1e-6)
    assert list(found.parts) == [f"subject-{number}" for number in range(4)]
    medians = [np.median(found.raw["r2_unique"][some]) for some in np.split(np.arange(600), 4)]
    np.testing.assert_allclose(list(found.parts.values()), medians, atol=1e-12)
    assert found.value == pytest.approx(np.mean(medians))
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]


def test_what_a_refusal_for_memory_names_is_enough() -> None:
    rng = np.random.default_rng(0)
    layers = {"model": rng.standard_normal((60, 20)), "given": rng.standard_normal((60, 20))}
    target = assembly(rng.standard_normal((60, 40)) + sum(layers.values())[:, :1])
    model, given = ({name: layer} for name, layer in layers.items())
    folds = np.arange(60) % 5
    free = UniqueRidge()(model, target, folds, given=given)
    with pytest.raises(DataError, match=r"take \d+ MB at least, and max_memory is 3 MB") as refused:
        UniqueRidge(max_memory=3_900_000)(model, target, folds, given=given)
    least = int(str(refused.value).split(" MB at least")[0].split()[-1]) * 10**6
    tracemalloc.start()
    try:
        with threadpool_limits(limits=1):
            bounded = UniqueRidge(max_memory=least)(model, target, folds, given=given)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < least
    np.testing.assert_allclose(bounded.raw["r2_unique"], free.raw["r2_unique"], atol=1e-9)


def test_a_model_says_nothing_beyond_itself() -> None:
    model, _, targets, folds = problem()
    found = UniqueRidge()(model, assembly(targets), folds, given=model)
    assert (found.value, found.error, found.p) == (0, None, None)


def test_planted_shares_are_recovered() -> None:
    found = World(600, 4, 0.2, 0.3, 0.25, components=6).score(0)
    amounts = dict(zip(found.raw["quantity"].values, found.raw["explained"].values, strict=True))
    planted = {"unique": 0.2, "shared": 0.3, "unique_given": 0.25, "both": 0.75, "model": 0.5}
    for name, amount in planted.items():
        assert amounts[name] == pytest.approx(amount, abs=0.04)
    place = list(found.raw["quantity"].values).index("shared")
    low, high = found.raw["explained_interval"].values[place]
    assert low < 0.3 < high


def test_sessions_give_a_ceiling_of_what_is_left_and_no_normalised_score() -> None:
    model, given, targets, folds = problem()
    noise = np.random.default_rng(1).standard_normal((3, *targets.shape))
    found, noisy = (
        UniqueRidge()(
            model, assembly(np.moveaxis(targets + size * noise, 0, -1)), folds, given=given
        )
        for size in (0.4, 4.0)
    )
    # a share of what the given model predicts is noise that it has learned
    explained = (found.raw["session_reliability"].mean() - found.ceiling) / found.raw[
        "r2_given"
    ].mean()
    assert 1 < explained < 1 / 0.8
    assert noisy.ceiling is None
    assert found.normalised is None
    assert "given model" in found.provenance["normalised_withheld"]


def test_the_ceiling_is_what_a_model_with_all_that_is_left_reaches_from_many_sounds() -> None:
    scores = [WORLDS["400 sounds, sessions"].score(seed) for seed in range(3)]
    reached = np.mean([score.value for score in scores])
    ceiling = np.mean([score.ceiling for score in scores])
    assert reached == pytest.approx(0.2, abs=0.02)
    # the given model learns less than it could, and that is not left to others
    left = [one.raw["session_reliability"] - one.raw["r2_given"] for one in scores]
    assert reached - 0.01 < ceiling < np.mean(left) - 0.005


def test_an_error_of_zero_is_withheld() -> None:
    world = WORLDS["nothing of its own, all shared"]
    found = world.score(1)
    assert found.value == 0
    assert (found.error, found.interval, found.p) == (None, None, None)
    assert "leaves one of the two models out" in found.provenance["error_withheld"]


@pytest.mark.parametrize("seed", [1, 15, 147])
def test_an_error_of_rounding_alone_is_withheld_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = rng.standard_normal((60, 3))
    targets = layer @ rng.standard_normal((3, 2)) + 0.1 * rng.standard_normal((60, 2))
    metric, folds = UniqueRidge(bootstrap=20), np.arange(60) % 5
    found = metric({"one": layer}, assembly(targets), folds, given={"one": layer})
    assert (found.value, found.error, found.interval, found.p) == (0, None, None, None)
    assert (found.part_errors, found.part_intervals) == ({}, {})
    assert "bootstrap" not in found.raw
    assert "by rounding alone" in found.provenance["error_withheld"]
    assert not found.raw["influence"].any()
    known = np.isfinite(found.raw["explained_error"].values).tolist()
    assert known == [False, True, False, True, True, True]


@pytest.mark.parametrize("seed", [1, 3, 6])
def test_a_part_without_anything_unique_has_no_interval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model, given = rng.standard_normal((2, 60, 3))
    targets = np.c_[model[:, 0] + given[:, 0], given[:, 1:]] + 0.3 * rng.standard_normal((60, 3))
    layers = {"one": model}
    found = UniqueRidge()(layers, assembly(targets), np.arange(60) % 5, given={"one": given})
    nothing = {f"c{part}" for part in range(3) if not found.raw["share"].values[:, part].any()}
    assert nothing
    assert found.interval is not None
    assert {*found.parts} - {*found.part_errors} == nothing
    assert {*found.part_intervals} == {*found.part_errors}


def test_p_is_that_of_the_error_and_draws_come_from_the_seed() -> None:
    one, same = (scored(UniqueRidge(bootstrap=50, seed=3)) for _ in range(2))
    assert one.error is not None
    assert one.p == pytest.approx(float(student.sf(one.value / one.error, 29)))
    assert "permutations" not in one.provenance["chance"]
    np.testing.assert_array_equal(one.raw["bootstrap"], same.raw["bootstrap"])


def test_what_does_not_fit_is_refused() -> None:
    model, given, targets, folds = problem()
    metric = UniqueRidge()
    with pytest.raises(DataError, match="second model"):
        metric(model, assembly(targets), folds)
    with pytest.raises(ContractError, match="'one' must be"):
        metric(model, assembly(targets), folds, given={"one": given["one"][:20]})
    constant = metric(model, assembly(targets), folds, given={"flat": np.ones((30, 4))})
    np.testing.assert_allclose(constant.raw["r2_unique"], constant.raw["r2_model"], atol=1e-9)


def test_the_variant_is_loaded_by_name() -> None:
    card = MetricCard(
        id="ridge", description="", unit="", licence="", citation="", packages=(), loader=""
    )
    assert load(card, "unique", seed=4) == UniqueRidge(seed=4)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in WORLDS if name.startswith("nothing")])
def test_chance_is_not_taken_for_more(name: str) -> None:
    # 60 worlds: 5 % are 3, and more than 9 come once in 500 times
    assert rates(WORLDS[name], 60)["p < .05"] <= 9 / 60


@pytest.mark.slow
@pytest.mark.parametrize("name", ["all three", "8 listeners", "165 sounds, sessions"])
def test_intervals_hold_the_mean(name: str) -> None:
    assert rates(WORLDS[name], 60)["covered"] >= 0.86
