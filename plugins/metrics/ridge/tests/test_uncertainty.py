"""Errors, the test against chance, memory and progress of the metric."""

from __future__ import annotations

import sys
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from brainbench_ridge import mixed as mixed_module
from brainbench_ridge.cards import RIDGE as CARD
from brainbench_ridge.checks import checked_targets
from brainbench_ridge.loader import load
from brainbench_ridge.memory import Memory
from brainbench_ridge.metric import Ridge
from brainbench_ridge.partition import Partition
from brainbench_ridge.solver import nested_ridge
from brainbench_ridge.targets import Targets
from scipy import stats
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]
from tqdm import tqdm

from brainbench_audio import progress
from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import DataError
from brainbench_audio.scores.chance import orders
from brainbench_audio.scores.influence import stored_influence
from brainbench_audio.scores.weightings import FREEDOM, added_variance, weightings

FOLDS = np.arange(30) % 3
Layers = dict[str, npt.NDArray[np.float64]]


def made_up(targets: int = 9) -> tuple[Layers, xr.DataArray]:
    generator = np.random.default_rng(0)
    layers = {"one": generator.standard_normal((30, 5)), "two": generator.standard_normal((30, 5))}
    responses = layers["one"] @ generator.standard_normal((5, targets))
    responses += 2 * generator.standard_normal(responses.shape)
    subject = np.sort(np.arange(targets) % 3)
    names = [f"stim{number}" for number in range(30)]
    return layers, build(responses, names, "voxel", {"subject": [f"s{n}" for n in subject]})


def named(values: npt.NDArray[np.float64], **labels: list[str]) -> xr.DataArray:
    names = [f"stim{number}" for number in range(len(values))]
    return build(values, names, "component" if "component" in labels else "voxel", labels)


def fitted(layers: Layers, target: xr.DataArray) -> Any:
    return nested_ridge(layers, target.values, np.arange(len(target)) % 3)


def jackknife(without: npt.NDArray[np.float64]) -> float:
    """Return the standard error from what is left without each stimulus, (stimulus,)."""
    size = len(without)
    return float(np.sqrt((size - 1) / size * sum((one - without.mean()) ** 2 for one in without)))


def with_the_choice(
    without: npt.NDArray[np.float64], choice: Any, pairs: Any = 0.0, share: float = 0.5
) -> npt.NDArray[np.float64]:
    """Return standard errors, (part,), a share of the pairs off and the choice made anew."""
    size, owed = len(without), without - without.mean(axis=0)
    squares = (owed**2).sum(axis=0)
    less = np.minimum(share * np.square(pairs).sum(axis=0), squares / 2)
    added, _ = added_variance(-weightings(size) @ owed, np.asarray(choice, dtype=np.float64))
    return np.sqrt((size - 1) / size * np.maximum(squares - less + added, (squares - less) / 4))


def quantile(
    error: float, without: npt.NDArray[np.float64], choice: npt.NDArray[np.float64]
) -> float:
    """Return Student's, with the degrees of freedom that are left of those of the stimuli."""
    size, owed = len(without), without - without.mean()
    variance, whole = size / (size - 1) * error**2, float(np.square(owed).sum())
    _, changed = added_variance(-weightings(size) @ owed, choice)
    unsure = variance * max(variance, whole) / (size - 1) + float(changed.item()) ** 2 / FREEDOM
    return float(stats.t.ppf(0.975, max(1.0, variance**2 / unsure)))


def squared(r: npt.NDArray[np.float64], change: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(r > 0, r * r + 2 * r * change, 0.0)


def test_a_component_has_one_interval_alone_and_among_others() -> None:
    generator = np.random.default_rng(3)
    # few features and many layers: that of the choice is most of an error
    layers = {f"layer {n}": generator.standard_normal((60, 3)) for n in range(6)}
    values = sum(layers.values()) @ generator.standard_normal((3, 4))
    target = named(values + 3 * generator.standard_normal((60, 4)), component=list("abcd"))
    folds = np.arange(60) % 5
    score = Ridge(permutations=0)(layers, target, folds)
    for place, name in enumerate("abcd"):
        alone = Ridge(permutations=0)(layers, target[:, [place]], folds)
        assert alone.value == pytest.approx(score.parts[name])
        assert alone.error == pytest.approx(score.part_errors[name])
        assert alone.interval == pytest.approx(score.part_intervals[name])
        assert alone.interval == alone.part_intervals[name]


def test_components_are_means_over_sounds() -> None:
    layers, target = made_up(4)
    names = list("abcd")
    target = named(target.values, component=names)
    score, fit = Ridge()(layers, target, FOLDS), fitted(layers, target)
    without = np.maximum(fit.left_out, 0) ** 2
    # half of what pairs of sounds owe goes from errors of a score, and more from differences
    weights = Targets.from_assembly(target).slopes(fit.correlations, fit.left_out)
    np.testing.assert_array_equal(weights, np.diag(2 * np.maximum(fit.correlations, 0)))
    pairs = fit.pairs.sketch(target.values, fit.predictions, weights)
    np.testing.assert_allclose(score.raw["pair_sketch"], pairs, atol=1e-6)
    owed = stored_influence(score.raw, score.parts, score.value)
    assert owed is not None
    assert (owed.share, owed.apart, (owed - owed).share, owed.alone) == (0.5, 0.8, 0.8, 1.0)
    # and what the choice of layers and penalties adds is stored
    assert fit.rivals is not None
    found = fit.rivals.moved(target.values, fit.layer, np.arange(4))
    r = found.jump + found.change - found.held
    moved = squared(found.r + found.jump, found.change) - squared(found.r, found.held)
    np.testing.assert_allclose(score.raw["choice_sketch"], moved, atol=1e-6)
    assert "choice_sketch" in Ridge()({"one": layers["one"]}, target, FOLDS).raw
    assert score.value == pytest.approx(fit.r2.mean())
    mean = [one.mean(axis=1, keepdims=True) for one in (without, moved, pairs)]
    error = with_the_choice(*mean).item()
    assert score.error == pytest.approx(error)
    part_errors = with_the_choice(without, moved, pairs)
    of_roots = with_the_choice(fit.left_out, r)
    assert score.provenance["error_over"] == "sounds"
    root = np.sqrt(score.value)
    margin = quantile(error, *mean[:2]) * error / (2 * root) / (1 - root**2)
    edges = np.tanh(np.arctanh(root) + np.array([-margin, margin])) ** 2
    assert score.interval == pytest.approx(tuple(edges), rel=1e-6)
    for number, name in enumerate(names):
        assert score.part_errors[name] == pytest.approx(part_errors[number])
        # of the correlation, whose square the part is
        root = fit.correlations[number]
        these = slice(number, number + 1)
        student = quantile(of_roots[number], fit.left_out[:, these], r[:, these])
        margin = student * of_roots[number] / (1 - root**2)
        edges = np.maximum(np.tanh(np.arctanh(root) + np.array([-margin, margin])), 0) ** 2
        assert score.part_intervals[name] == pytest.approx(tuple(edges), rel=1e-6)
    stored = score.raw["influence"]
    assert stored.dims == ("left_out", "part")
    assert stored["part"].values.tolist() == names
    np.testing.assert_allclose(stored, without - without.mean(axis=0), atol=1e-12)


def test_listeners_are_drawn_beside_sounds() -> None:
    layers, target = made_up(9)
    score, fit = Ridge()(layers, target, FOLDS), fitted(layers, target)
    targets = Targets.from_assembly(target)
    without = targets.without_squares(fit.correlations, fit.left_out)
    parts = np.array(list(score.parts.values()))
    assert fit.rivals is not None
    slopes = targets.slopes(fit.correlations, fit.left_out)
    # the median moves as what is near it, and its square is the part
    shares = targets.shares(fit.correlations, fit.left_out)
    found = fit.rivals.moved(target.values, fit.layer, np.arange(9))
    medians = np.median(fit.correlations.reshape(3, 3), axis=1)
    choice = squared(medians + found.jump @ shares, found.change @ shares)
    choice -= squared(medians, found.held @ shares)
    np.testing.assert_allclose(score.raw["choice_sketch"], choice, atol=1e-6)
    # half of what pairs owe goes from errors of scores, and more from those of differences
    pairs = fit.pairs.sketch(target.values, fit.predictions, slopes)
    np.testing.assert_allclose(score.raw["pair_sketch"], pairs, atol=1e-6)
    owed = stored_influence(score.raw, score.parts, score.value, "listeners")
    assert owed is not None
    assert (owed.share, owed.apart, (owed - owed).share, owed.alone) == (0.5, 0.8, 0.8, 0.5)
    each = without, choice, pairs
    over = with_the_choice(*(one.mean(axis=1, keepdims=True) for one in each)).item() ** 2
    both = np.square(with_the_choice(*each)).sum() / 9
    assert score.error == pytest.approx(np.sqrt(over + max(0, parts.var(ddof=1) / 3 - both)))
    assert score.provenance["error_over"] == "sounds and listeners"
    assert list(score.part_errors) == ["s0", "s1", "s2"]
    # where the median is exactly 0, nothing tells how far its root is from other values
    assert list(score.part_intervals) == [name for name, value in score.parts.items() if value > 0]
    # less goes from one listener, or two
    assert score.part_errors["s1"] == pytest.approx(with_the_choice(*each, share=0.5)[1])
    assert [(owed - owed).part(1).alone, owed.alone] == [0.5, 0.5]
    two = Ridge()(layers, target[:, :6], FOLDS)
    assert two.provenance["error_over"] == "sounds, for these listeners"
    mean = [one[:, :2].mean(axis=1, keepdims=True) for one in each]
    assert two.error == pytest.approx(with_the_choice(*mean, share=0.5).item())


def test_a_block_of_responses_is_taken_without_copying_all() -> None:
    _, target = made_up(9)
    # column by column, as from MATLAB
    for values in (target.values, np.asfortranarray(target.values)):
        targets = Targets.from_assembly(target.copy(data=values))
        assert targets.responses.flags.c_contiguous
        np.testing.assert_array_equal(targets.responses, target.values)
        assert checked_targets(values, Partition.from_labels(FOLDS)).flags.c_contiguous


def test_too_few_sounds_and_listeners_have_no_error() -> None:
    layers, target = made_up(9)
    few = {name: features[:19] for name, features in layers.items()}
    listeners = Ridge(bootstrap=20)(few, target[:19], FOLDS[:19])
    parts = np.array(list(listeners.parts.values()))
    assert listeners.error == pytest.approx(parts.std(ddof=1) / np.sqrt(3))
    assert listeners.provenance["error_over"] == "listeners, for these sounds"
    assert not listeners.part_errors
    none = Ridge(bootstrap=20)(few, target[:19, :6], FOLDS[:19])
    assert (none.error, none.interval, none.part_errors) == (None, None, {})
    assert none.provenance["error_withheld"] == (
        "19 sounds and 2 listeners are too few to say anything of others: an error needs 20 sounds "
        "or 3 listeners at least."
    )
    assert "error_over" not in none.provenance
    assert "bootstrap" not in none.raw
    # but what it owes to each sound is known
    assert none.raw["influence"].shape == (19, 2)


def test_voxels_of_nobody_are_one_unnamed_whole() -> None:
    layers, target = made_up(5)
    score = Ridge()(layers, target.drop_vars("subject"), FOLDS)
    assert (score.parts, score.part_errors) == ({}, {})
    assert "pair_sketch" not in score.raw
    assert "choice_sketch" not in score.raw
    assert score.error is not None
    assert score.provenance["error_over"] == "sounds"
    assert "part" not in score.raw.coords


def test_corrected_errors_hold_reliabilities_fixed() -> None:
    layers, target = made_up(3)
    generator = np.random.default_rng(4)
    sessions = target.values[:, :, None] + generator.standard_normal((30, 3, 3))
    mean = build(sessions, target["stimulus"].values, "component", {"component": list("abc")})
    plain, score = (Ridge(variant=one)(layers, mean, FOLDS) for one in (None, "corrected"))
    scale = (score.raw["r2_corrected"] / score.raw["r2"]).values
    for name, one in zip("abc", scale, strict=True):
        assert score.part_errors[name] == pytest.approx(one * plain.part_errors[name])
        low, high = score.part_intervals[name]
        assert low < score.parts[name] < high
    np.testing.assert_allclose(score.raw["influence"], plain.raw["influence"] * scale)
    for name in ("pair_sketch", "choice_sketch"):
        np.testing.assert_allclose(score.raw[name], plain.raw[name] * scale, atol=1e-6)
    # over listeners all that pairs owe is kept, in place of how reliabilities vary
    layers, target = made_up(9)
    several = target.values[:, :, None] + generator.standard_normal((30, 9, 3))
    listeners = named(several, subject=[f"s{one}" for one in np.arange(9) % 3])
    for variant, shares in ((None, (0.5, 0.8)), ("corrected", (0.0, 0.0))):
        score = Ridge(variant=variant)(layers, listeners, FOLDS)
        owed = stored_influence(score.raw, score.parts, score.value, "listeners")
        assert owed is not None
        assert (owed.share, owed.apart) == shares


def test_draws_are_kept_if_asked_for() -> None:
    layers, target = made_up()
    score = Ridge(bootstrap=4000, seed=3)(layers, target, FOLDS)
    plain = Ridge()(layers, target, FOLDS)
    assert (score.value, score.error, score.interval) == (plain.value, plain.error, plain.interval)
    assert score.raw["bootstrap"].mean() == pytest.approx(score.value, abs=0.1 * score.error)
    assert score.raw["bootstrap"].std() == pytest.approx(score.error)
    owed = stored_influence(score.raw, score.parts, score.value, "listeners")
    assert owed is not None
    # what is stored of the choice is rounded
    np.testing.assert_allclose(score.raw["bootstrap"], owed.draws(4000, 3), rtol=1e-5)
    assert (score.raw.attrs["bootstrap"], score.raw.attrs["seed"]) == (4000, 3)
    assert "bootstrap" not in plain.raw
    assert "seed" not in plain.raw.attrs
    assert "bootstrap" not in Ridge(bootstrap=0)(layers, target, FOLDS).raw
    for wrong in (1, -5):
        with pytest.raises(DataError, match="at least 2 draws"):
            load(CARD, bootstrap=wrong)


def of_targets(values: list[float], subjects: list[str]) -> Targets:
    """Targets, of which only the subjects matter here."""
    generator = np.random.default_rng(0)
    responses = generator.standard_normal((30, len(values)))
    return Targets.from_assembly(named(responses, subject=subjects))


def test_a_median_moves_with_the_targets_near_it() -> None:
    values = np.array([0.0, 0.2, 0.21, 0.22, 0.9, 0.5])
    targets = of_targets(list(values), ["a"] * 5 + ["b"])
    generator = np.random.default_rng(1)
    left_out = values + 0.002 * generator.standard_normal((30, 6))
    found = targets.without(values, left_out)
    error = np.median([left_out[:, one].std() for one in range(5)]) * np.sqrt(29)
    weights = [np.exp(-(((value - 0.21) / 0.7 / error) ** 2) / 2) for value in values[:5]]
    moved = (left_out - values)[:, :5] @ weights / sum(weights)
    np.testing.assert_allclose(found[:, 0], 0.21 + moved)
    assert weights[2] == 1 > weights[1] > 0.05 > 1e-6 > weights[0]
    # a subject's only target is its median
    np.testing.assert_array_equal(found[:, 1], left_out[:, 5])
    # that of squares is the square, of which nothing is below 0
    squares = targets.without_squares(values, left_out)
    np.testing.assert_allclose(squares, found**2)
    assert not targets.without_squares(-values - 0.1, left_out - 1).any()
    # and moves twice the median as fast
    slopes = targets.slopes(values, left_out)
    np.testing.assert_allclose(slopes[:5, 0], 2 * 0.21 * np.array(weights) / sum(weights))
    np.testing.assert_allclose(slopes[:, 1], [0, 0, 0, 0, 0, 2 * 0.5])


def test_a_median_of_equal_values_moves_with_all_and_of_nothing_with_none() -> None:
    targets = of_targets([0.0] * 6, ["a"] * 3 + ["b"] * 3)
    # an even number of targets, whose median is between two of them, and targets without a value
    values = np.array([0.5, 0.5, 0.5, 0.125, 0.25, np.nan])
    still = np.tile(values, (30, 1))
    found = targets.without(values, still)
    np.testing.assert_allclose(found, np.tile([0.5, 0.1875], (30, 1)))
    values[3:] = np.nan
    found = targets.without(values, still + np.arange(30)[:, None])
    np.testing.assert_allclose(found[:, 0], 0.5 + np.arange(30))
    # of no targets there is no median
    assert np.isnan(found[:, 1]).all()
    assert not targets.slopes(values, still)[:, 1].any()


def test_without_subjects_each_target_or_component_is_a_part() -> None:
    left_out = np.random.default_rng(0).random((30, 4))
    names = ["a", "b", "a", "b"]
    twice = Targets.from_assembly(
        build(left_out, [f"s{one}" for one in range(30)], "component", {
            "component": names, "time": [0.0, 0.0, 0.1, 0.1],
        })
    )  # fmt: skip
    expected = np.stack([left_out[:, [0, 2]].mean(axis=1), left_out[:, [1, 3]].mean(axis=1)], 1)
    np.testing.assert_allclose(twice.without(left_out[0], left_out), expected)
    roots = np.mean(np.maximum(left_out - 0.5, 0)[:, [0, 2]] ** 2, axis=1)
    found = twice.without_squares(left_out[0] - 0.5, left_out - 0.5)
    np.testing.assert_allclose(found[:, 0], roots)
    alone = Targets.from_assembly(named(left_out))
    np.testing.assert_array_equal(alone.without(left_out[0], left_out), left_out)


@pytest.mark.parametrize("variant", [None, "zscored", "scaled"])
@pytest.mark.parametrize("kind", ["component", "subject"])
def test_chance_is_scoring_responses_of_sounds_in_random_order(
    kind: str, variant: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers, target = made_up(3)
    target = named(target.values, **{kind: ["a", "b", "b" if kind == "subject" else "c"]})
    monkeypatch.setattr(mixed_module, "AT_ONCE", 15)  # 5 permutations at a time
    metric = Ridge(variant=variant, permutations=19, seed=5)
    score = metric(layers, target, FOLDS)
    mixed = []
    for order in orders(30, 19, 5):
        moved = target.copy(data=target.values[order])
        mixed.append(Ridge(variant=variant, permutations=0)(layers, moved, FOLDS).value)
    found = score.provenance["chance"]
    assert found["mean"] == pytest.approx(np.mean(mixed), rel=1e-9)
    assert found["p"] == score.p == (1 + sum(one >= score.value for one in mixed)) / 20
    assert (found["permutations"], found["seed"]) == (19, 5)


def test_chance_of_corrected_scores_is_that_of_uncorrected_ones() -> None:
    layers, target = made_up(3)
    sessions = np.repeat(target.values[:, :, None], 2, axis=2)
    sessions += 0.5 * np.random.default_rng(0).standard_normal(sessions.shape)
    both = build(sessions, target["stimulus"].values, "component", {"component": list("abc")})
    plain, score = (
        Ridge(variant=one, permutations=19)(layers, both, FOLDS) for one in (None, "corrected")
    )
    assert score.provenance["chance"] == plain.provenance["chance"]


def test_few_targets_are_tested_against_chance_by_default() -> None:
    layers, target = made_up(13)
    assert mixed_module.FEW_TARGETS == 12
    few = Ridge()(layers, target[:, :12], FOLDS)
    assert few.provenance["chance"]["permutations"] == 199
    assert few.p == pytest.approx(1 / 200)
    many = Ridge()(layers, target, FOLDS)
    assert many.p is None
    assert "chance" not in many.provenance
    assert Ridge(permutations=19)(layers, target, FOLDS).p == pytest.approx(1 / 20)
    assert Ridge(permutations=0)(layers, target[:, :12], FOLDS).p is None
    for wrong in (1, 18, -1):
        with pytest.raises(DataError, match="at least 19 permutations"):
            load(CARD, permutations=wrong)


def test_permutations_are_fitted_together_as_memory_allows() -> None:
    layers, target = made_up(12)
    free = Ridge(permutations=60)(layers, target, FOLDS)
    limit = next(one for one in range(10**5, 10**8, 10**5) if Memory(30, 12, 2, 3, one).fits())
    assert not Memory(30, 60 * 12, 2, 3, limit).fits()
    bounded = Ridge(permutations=60, max_memory=limit)(layers, target, FOLDS)
    assert bounded.provenance["chance"] == pytest.approx(free.provenance["chance"])


def test_noise_is_no_higher_than_chance() -> None:
    generator = np.random.default_rng(0)
    p = []
    for seed in range(20):
        layers = {"noise": generator.standard_normal((30, 5))}
        target = named(generator.standard_normal((30, 2)), component=["a", "b"])
        p.append(Ridge(permutations=19, seed=seed)(layers, target, FOLDS).p)
    assert 0.3 < np.mean(p) < 0.75
    assert np.mean(np.array(p) <= 0.05) <= 0.2


@pytest.mark.parametrize("variant", [None, "zscored"])
def test_memory_does_not_change_the_result(variant: str | None) -> None:
    layers, target = made_up(300)
    free = Ridge(variant=variant)(layers, target, FOLDS)
    memory = Memory(30, 300, 2, 3, 10**9)
    assert memory.block() == 512
    tight = next(
        limit for limit in range(10**5, 10**8, 10**5) if Memory(30, 300, 2, 3, limit).fits()
    )
    assert Memory(30, 300, 2, 3, tight).block() < 100
    # 1e8 is a number of bytes, too
    bounded = Ridge(variant=variant, max_memory=float(tight))(layers, target, FOLDS)  # type: ignore[arg-type]
    np.testing.assert_allclose(bounded.raw["r2"], free.raw["r2"], atol=1e-12)
    np.testing.assert_allclose(bounded.raw["influence"], free.raw["influence"], atol=1e-12)


def test_too_little_memory_is_refused() -> None:
    layers, target = made_up()
    with pytest.raises(DataError, match=r"9 targets take \d+ MB at least, and max_memory is 0 MB"):
        Ridge(max_memory=1000)(layers, target, FOLDS)


def test_memory_stays_below_the_limit() -> None:
    generator = np.random.default_rng(0)
    layers = {str(number): generator.standard_normal((120, 20)) for number in range(2)}
    responses = generator.standard_normal((120, 2500))
    names = [f"stim{number}" for number in range(120)]
    target = build(responses, names, "voxel", {"subject": ["a"] * 1250 + ["b"] * 1250})
    limit = 40 * 10**6
    tracemalloc.start()
    try:
        with threadpool_limits(limits=1):  # each thread takes 18 MB more
            Ridge(max_memory=limit)(layers, target, np.arange(120) % 5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit


@pytest.mark.parametrize("variant", [None, pytest.param("zscored", marks=pytest.mark.slow)])
def test_memory_stays_below_the_limit_when_one_stimulus_is_left_out_at_a_time(
    variant: str | None,
) -> None:
    generator = np.random.default_rng(0)
    layers = {"l": generator.standard_normal((30, 150)).astype(np.float32)}
    target = build(
        layers["l"][:, :20] + generator.standard_normal((30, 20)),
        [f"stim{number}" for number in range(30)],
        "voxel",
        {},
    )  # of nobody, so that nothing is chosen anew, which comes on top
    folds = np.arange(30)
    free = Ridge(variant=variant)(layers, target, folds)
    limit = 5 * 10**6
    assert Memory(30, 20, 1, 30).share() == (512, 30)
    assert Memory(30, 20, 1, 30, limit).share()[1] < 15
    tracemalloc.start()
    try:
        bounded = Ridge(variant=variant, max_memory=limit)(layers, target, folds)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit
    np.testing.assert_allclose(bounded.raw["r2"], free.raw["r2"], atol=1e-12)


def test_progress_counts_layers_and_is_silent_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = []

    def watched(**options: Any) -> tqdm[Any]:
        bars.append(tqdm(**{**options, "delay": 0, "mininterval": 0}))
        return bars[-1]

    monkeypatch.setattr(progress, "tqdm", watched)
    layers, target = made_up()
    Ridge(permutations=0)(layers, target, FOLDS)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    Ridge(permutations=0)(layers, target, FOLDS)
    assert [bar.total for bar in bars] == [2, 2]
    assert bars[1].n == 2
    assert "2/2" in capsys.readouterr().err
    # the test against chance is part of the same walk through the layers
    Ridge(permutations=19)(layers, target, FOLDS)
    assert [bar.total for bar in bars[2:]] == [2]
