"""The metric on assemblies: beside plain loops, gaps, what is counted, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from brainbench_encoding.correlation import Blocks, correlations, unit
from brainbench_encoding.metric import Encoding
from brainbench_encoding.reference import score
from brainbench_encoding.runs import Runs, zscored
from brainbench_encoding.solver import PENALTIES, TrainingPart
from brainbench_encoding.voxels import Split, Voxels

from brainbench_audio.errors import DataError
from brainbench_audio.scores.influence import stored_influence
from brainbench_audio.scores.profiles import layer_profile

from .continuous import World

SMALL = World(learned=(40, 30, 35), repeated=((45, 3),), features=3, voxels=4, layers=2, noise=3.0)


@pytest.mark.parametrize("features", [3, 40], ids=["primal", "kernel"])
@pytest.mark.parametrize("repeated", [((45, 3), (30, 2)), ()], ids=["repeated", "held out"])
def test_equals_plain_loops(features: int, repeated: tuple[tuple[int, int], ...]) -> None:
    world = replace(SMALL, features=features, repeated=repeated, voxels=2)
    layers, target, folds = world.draw(0)
    found = Encoding()(layers, target, folds)
    assert found.value == pytest.approx(score(layers, target, folds), abs=1e-6)
    assert found.n["run_predicted"] == (2 if repeated else 3)
    assert (found.ceiling is None) == (not repeated)


@pytest.mark.parametrize("features", [3, 40], ids=["primal", "kernel"])
def test_equals_scikit_learn(features: int) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    layers, target, folds = replace(SMALL, features=features).draw(8)
    voxels = Voxels.of(target, folds)
    ((split,),) = (problem.splits for problem in voxels.problems())
    design = voxels.runs.design(layers["layer 1"], (1, 2, 3, 4))
    x, y = design[split.train], voxels.responses(np.arange(4))[split.train]
    penalties = np.array(PENALTIES) * np.square(x).sum(axis=1).mean()
    errors = np.zeros((penalties.size, 4))
    for place, penalty in enumerate(penalties):
        model = linear_model.Ridge(penalty, fit_intercept=False)
        for group in np.unique(split.groups):
            held_out = split.groups == group
            model.fit(x[~held_out], y[~held_out])
            errors[place] += np.square(y[held_out] - model.predict(x[held_out])).sum(axis=0)
    best = errors.argmin(axis=0)
    assert len({*best.tolist()}) > 1
    gain, penalty, predicted = TrainingPart.of(design, split).fit(y)
    np.testing.assert_allclose(gain, np.square(y).sum(axis=0) - errors.min(axis=0), rtol=1e-6)
    np.testing.assert_allclose(penalty, penalties[best], rtol=1e-9)
    for voxel, one in enumerate(penalties[best]):
        model = linear_model.Ridge(one, fit_intercept=False).fit(x, y[:, voxel])
        expected = model.predict(design[split.test])
        np.testing.assert_allclose(predicted[:, voxel], expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(240, 30), (240, 90), (120, 200)])
@pytest.mark.parametrize("steep", [0, 4])
def test_single_precision_rules_out_penalties_but_chooses_none(
    shape: tuple[int, int], steep: int
) -> None:
    generator = np.random.default_rng(9)
    design = generator.standard_normal(shape) * np.logspace(0, -steep, shape[1])
    # half of the voxels hear little or nothing, so that penalties are nearly as good as each other
    weights = generator.standard_normal((shape[1], 1200)) * np.logspace(0, -6, 1200)
    responses = zscored(design @ weights + 0.3 * generator.standard_normal((shape[0], 1200)))
    rows = np.arange(shape[0])
    part = TrainingPart.of(design, Split(rows, rows[:9], rows * 5 // len(rows)))
    products = part.train.T @ responses
    every = part.gains(responses, products, np.full((len(PENALTIES), 1200), True))
    tried = part.contested(responses, products)
    assert tried[every.argmax(axis=0), np.arange(1200)].all()
    assert tried.sum() < 3 * 1200
    gain, penalty, _ = part.fit(responses)
    np.testing.assert_allclose(gain, every.max(axis=0), rtol=1e-9)
    np.testing.assert_array_equal(penalty, part.penalties[every.argmax(axis=0)])


def test_units_and_blocks_of_voxels_do_not_matter() -> None:
    layers, target, folds = SMALL.draw(1)
    found = Encoding()(layers, target, folds)
    tiny = {name: 1e-20 * values for name, values in layers.items()}
    again = Encoding()(tiny, 1e-13 * target, folds)
    assert again.value == pytest.approx(found.value, abs=1e-9)
    assert again.interval == pytest.approx(found.interval)
    whole = Encoding()(layers, (1e6 * target).astype(int), folds)
    assert whole.value == pytest.approx(found.value, abs=1e-4)
    dead = {width: np.zeros((len(folds), width)) for width in (2, 200)}
    for layer in dead.values():
        nothing = Encoding()({"dead": layer}, target, folds)
        assert (nothing.value, nothing.p) == (0.0, 1.0)
        assert Encoding()({"dead": layer, **layers}, target, folds).layer == "layer 1"
    wide = xr.concat([target] * 10, "voxel")
    least = int(
        _refused(Encoding(max_memory=1), layers, wide, folds).split(" MB at least")[0].split()[-1]
    )
    # 1e8 is a number of bytes, too
    limited = Encoding(max_memory=(least + 1) * 1e6)(layers, wide, folds)  # type: ignore[arg-type]
    np.testing.assert_allclose(limited.raw["r"], np.tile(found.raw["r"], 10), atol=1e-12)
    assert limited.p == found.p


def test_subjects_are_learned_from_what_they_heard() -> None:
    world = replace(SMALL, learned=(40, 30, 35, 30), repeated=((45, 3), (50, 2)), listeners=3)
    layers, target, folds = world.draw(2)
    gaps = target.copy(deep=True)
    runs, repeats = target["run"].values, target["repeat"].values
    # the second listener heard neither a run to learn from nor one of the repetitions
    gaps[(runs == "run-1") | ((runs == "run-4") & (repeats == 2)), 4:8] = np.nan
    gaps[7, 0] = np.nan
    gaps[runs == "run-5", 9] = 1.0
    found = Encoding()(layers, gaps, folds)
    assert list(found.parts) == ["subject-0", "subject-1", "subject-2"]
    assert found.n["voxel"] == 10
    assert found.raw["dropped"].values.tolist() == [0, 9]
    assert found.value == pytest.approx(np.mean([*found.parts.values()]))
    kept = (runs != "run-1") & ~((runs == "run-4") & (repeats == 2))
    alone = Encoding()(
        {name: one[kept] for name, one in layers.items()}, gaps[kept, 4:8], folds[kept]
    )
    assert alone.value == pytest.approx(found.parts["subject-1"], abs=1e-9)
    np.testing.assert_allclose(alone.raw["ceiling"], found.raw["ceiling"][3:7], atol=1e-12)


def test_what_is_said_for_each_voxel() -> None:
    layers, target, folds = replace(SMALL, listeners=2).draw(3)
    found = Encoding(bootstrap=30)(layers, target, folds)
    raw = found.raw
    assert found.layer == "layer 1"
    np.testing.assert_allclose(raw["r2"], np.maximum(raw["r"], 0) ** 2)
    assert (raw["determination"] <= raw["r2"] + 1e-9).all()
    assert raw["layer_score"].dims == ("layer", "voxel")
    assert raw["profile"].values == pytest.approx(raw["layer_score"].mean("voxel").values)
    here = raw["layer_score"].values[raw["chosen_layer"].values[0], np.arange(8)]
    np.testing.assert_allclose(here, raw["r"], atol=1e-6)
    assert raw.attrs["delays"] == [1, 2, 3, 4]


def test_errors_over_time_and_listeners() -> None:
    world = World(learned=(80, 80), repeated=((210, 2),), listeners=3, features=3, voxels=3)
    layers, target, folds = world.draw(4)
    found = Encoding(bootstrap=30)(layers, target, folds)
    assert found.n["block"] == 21
    assert Encoding(block=7)(layers, target, folds).n["block"] == 21
    assert Encoding(block=5)(layers, target, folds).n["block"] == 35
    assert found.provenance["error_over"] == "blocks of time and listeners"
    assert found.raw["bootstrap"].size == 30
    assert found.raw.attrs["seed"] == 0
    stored = stored_influence(found.raw, found.parts, found.value, "listeners")
    assert stored.estimate().over == "blocks of time and listeners"
    assert stored.estimate().interval() == pytest.approx(found.interval)
    # a report averages voxels as the score does
    each = layer_profile(found.raw)
    assert each is not None
    np.testing.assert_allclose(each.mean("subject"), found.raw["profile"])
    one = Encoding()(layers, target[:, :3], folds)
    assert one.provenance["error_over"] == "blocks of time, for this listener"
    assert one.error == pytest.approx(found.part_errors["subject-0"])
    few = Encoding(block=60)(layers, target, folds)
    assert few.provenance["error_over"] == "listeners, for these blocks of time"
    neither = Encoding(block=60)(layers, target[:, :3], folds)
    assert neither.error is None
    assert "7 blocks of time and 1 listener are too few" in neither.provenance["error_withheld"]


def test_chance_is_turning_the_responses_of_each_run() -> None:
    world = replace(SMALL, repeated=((45, 3), (30, 2)), noise=0.5)
    generator = np.random.default_rng(0)
    first, second = (unit(generator.standard_normal((75, 4))) for _ in range(2))
    blocks = Blocks.of((45, 30), 10)
    tables = blocks.rearranged(first, second)
    for one, other in ((0, 0), (3, 0), (44, 29)):
        rows = np.r_[np.roll(np.arange(45), -one), 45 + np.roll(np.arange(30), -other)]
        expected = (first * second[rows]).sum()
        assert tables[0][one] + tables[1][other] == pytest.approx(expected)
    found = blocks.by_chance(tables, 500, 0)
    allowed = np.add.outer(tables[0][10:36], tables[1][10:21]).ravel()
    assert np.abs(np.subtract.outer(found, allowed)).min(axis=1).max() < 1e-12
    assert blocks.by_chance([tables[0]], 999, 0).tolist() == tables[0][10:36].tolist()
    assert not blocks.by_chance([tables[1][:15]], 999, 0).size
    scored = Encoding()(*world.draw(7))
    assert scored.p == 0.001
    assert abs(scored.provenance["chance"]["mean"]) < 0.1
    assert Encoding(permutations=0)(*world.draw(7)).p is None


def test_without_a_block_is_as_if_it_had_not_been_measured() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.standard_normal((2, 75, 4))
    blocks = Blocks((45, 30), 10)
    assert blocks.starts.tolist() == [0, 11, 22, 33, 45, 55, 65]
    found = blocks.without(unit(first), unit(second))
    for number, rows in enumerate(np.split(np.arange(75), blocks.starts[1:])):
        left = (np.delete(one, rows, axis=0) for one in (first, second))
        np.testing.assert_allclose(found[number], correlations(*left))


def test_z_scores_and_delays_stay_in_a_run() -> None:
    layers, target, folds = SMALL.draw(5)
    runs = Runs.of(target, folds)
    values = layers["layer 0"]
    design = runs.design(values, (0, 2))
    assert design.shape == (150, 6)
    first, second = (slice(0, 40), slice(40, 70))
    for rows in (first, second):
        expected = zscored(values[rows])
        np.testing.assert_allclose(design[rows, :3], expected)
        np.testing.assert_allclose(design[rows, 3:][2:], expected[:-2])
        assert not design[rows, 3:][:2].any()
    assert not zscored(np.full((5, 1), 0.1, dtype=np.float32)).any()


def test_what_is_refused() -> None:
    layers, target, folds = SMALL.draw(6)
    metric = Encoding()
    assert "a coordinate `time`" in _refused(metric, layers, target.drop_vars("time"), folds)
    two = np.where(np.arange(len(folds)) == 3, 1, folds)
    assert "run-0 is in several folds" in _refused(metric, layers, target, two)
    assert "Presentations of run-3" in _refused(metric, layers, target[:-1], folds[:-1])
    assert "None of the 4 voxels" in _refused(metric, layers, target, np.where(folds < 3, 0, 1))
    assert "have 240 rows" in _refused(metric, {"l": np.ones((3, 2))}, target, folds)
    layers["layer 1"][4, 2] = np.inf
    assert "first in row 4, feature 2" in _refused(metric, layers, target, folds)
    assert "no layer" in _refused(metric, {}, target, folds)
    assert "is (240, 0)" in _refused(metric, {"l": np.ones((240, 0))}, target, folds)
    assert "is (), the responses" in _refused(metric, {"l": np.ones(())}, target, folds)
    assert "240 rows, <U21" in _refused(metric, layers, target, folds.astype(str))
    lacking = np.where(np.arange(len(folds)) == 5, np.nan, folds)
    assert "1 of 240 stimuli have no fold" in _refused(metric, layers, target, lacking)
    late = Encoding(delays=(1, 45))
    assert "the longest run has 45: leave out `delays` of 45" in _refused(
        late, layers, target, folds
    )
    for delays in ((1, 1), (), (1.5,), (np.nan,), (np.inf,), ("1",), 3, "1"):
        with pytest.raises(DataError, match="Delays are different whole numbers"):
            Encoding(delays=delays)  # type: ignore[arg-type]
    for block in (0, np.inf, np.nan, "20", None):
        with pytest.raises(DataError, match="some seconds long"):
            Encoding(block=block)  # type: ignore[arg-type]
    for components in (-1, 2.5, np.inf, np.nan, "3"):
        with pytest.raises(DataError, match="counted from 1"):
            Encoding(components=components)  # type: ignore[arg-type]


def test_odd_numbers_that_are_fine() -> None:
    layers, target, folds = SMALL.draw(6)
    exact = np.round(1000 * target)
    found = Encoding(permutations=0)(layers, exact, folds)
    whole = Encoding(permutations=0, delays=(1.0, 2.0, 3.0, 4.0))  # type: ignore[arg-type]
    assert whole(layers, exact.astype(np.int16), folds).value == found.value
    short = Encoding(permutations=0)(*replace(SMALL, repeated=((12, 3),)).draw(6))
    assert short.ceiling is None
    # a block longer than any run, and a run that ends before a delay is over
    assert Encoding(permutations=0, block=1e12)(layers, exact, folds).n["block"] == 1
    assert abs(Encoding(permutations=0, delays=(1, 2, 3, 36))(layers, exact, folds).value) > 0.1
    # not NaN, so it took place: the voxels are constant there, and dropped
    flat = exact.copy(deep=True)
    flat[exact["run"].values == "run-1"] = 0
    assert "None of the 4 voxels" in _refused(Encoding(), layers, flat, folds)
    # presentations that cancel leave nothing to be right about
    turned = exact.copy(deep=True)
    turned[-90:-45, 0] = -exact[-135:-90, 0].values
    turned[-45:] = np.nan
    raw = Encoding(permutations=0)(layers, turned, folds).raw
    assert np.isnan(raw["determination"].values).tolist() == [True, False, False, False]


def _refused(metric: Encoding, layers: object, target: xr.DataArray, folds: object) -> str:
    with pytest.raises(DataError) as caught:
        metric(layers, target, folds)
    return str(caught.value)
