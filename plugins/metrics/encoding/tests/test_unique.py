"""`-encoding-unique`: what a model explains of responses in time beyond a given one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from brainbench_encoding.loading import load
from brainbench_encoding.metric import Encoding
from brainbench_encoding.solver import PIECES, TrainingPart
from brainbench_encoding.unique import SHARES, UniqueEncoding
from brainbench_encoding.voxels import Voxels

from brainbench_audio.cards import MetricCard
from brainbench_audio.errors import DataError
from brainbench_audio.scores.influence import stored_influence
from brainbench_audio.scores.score import Score

from .continuous import STEP, Array, World

Layers = dict[str, Array]
SMALL = World(
    learned=(40, 30, 35, 30), repeated=((45, 3), (30, 2)), features=4, voxels=4, layers=2, noise=2.0
)


def halves(world: World, seed: int = 0, noise: float = 1.5) -> tuple[Layers, Layers, xr.DataArray]:
    """Return two models of two layers, which share a part of what drives the responses."""
    layers, target, _ = world.draw(seed)
    signal, other = layers["layer 1"], layers["layer 0"]
    generator = np.random.default_rng(seed)
    # the same each time that a run is presented
    runs = target["run"].values
    drawn = noise * generator.standard_normal((len(runs), 9))
    for run in dict.fromkeys(runs.tolist()):
        rows = np.flatnonzero(runs == run)
        length = int((target["repeat"].values[rows] == 0).sum())
        drawn[rows] = np.tile(drawn[rows[:length]], (len(rows) // length, 1))
    model = {"low": signal[:, :3] + 1.5 * drawn[:, :3], "high": 1e3 * (signal[:, 1:3] + 0.1)}
    given = {"one": 1e-9 * np.hstack([signal[:, 2:], drawn[:, 3:]]), "two": other}
    return model, given, target


def scored(metric: UniqueEncoding, model: Layers, given: Layers, target: xr.DataArray) -> Score:
    return metric(model, target, folds_of(target), given=given)


def folds_of(target: xr.DataArray) -> npt.NDArray[np.int64]:
    return np.unique(target["run"].values, return_inverse=True)[1].astype(np.int64)


@pytest.mark.parametrize(
    ("wide", "repeated"),
    [(False, SMALL.repeated), (True, SMALL.repeated), (False, ())],
    ids=["primal", "kernel", "held out"],
)
def test_equals_a_plain_loop_of_scikit_learn(
    wide: bool, repeated: tuple[tuple[int, int], ...]
) -> None:
    pytest.importorskip("sklearn")
    from .plain_unique import plain_unique

    world = replace(SMALL, repeated=repeated, voxels=2)
    model, given, target = halves(world)
    if wide:  # more delayed features than rows
        spread = np.random.default_rng(1).standard_normal((len(target), 60))
        row = (target["time"].values / STEP).astype(int)
        given["two"] = given["two"] @ spread[:4] + 0.1 * spread[row]
    found = scored(UniqueEncoding(), model, given, target)
    every = []
    for voxel in range(2):
        plain = plain_unique(model, given, target, voxel)
        squares = {name: r * abs(r) for name, r in plain.r.items()}
        every.append(squares["both"] - squares["given"])
        for name, square in squares.items():
            assert found.raw[f"r2_{name}"].values[voxel] == pytest.approx(square, abs=1e-6)
        assert found.raw["share"].values[:, voxel].tolist() == plain.shares
    assert found.value == pytest.approx(np.mean(every), abs=1e-6)
    amounts = dict(zip(found.raw["quantity"].values, found.raw["explained"].values, strict=True))
    assert amounts["unique"] == pytest.approx(found.value)
    assert amounts["shared"] == pytest.approx(amounts["model"] - found.value)
    assert amounts["unique_given"] == pytest.approx(amounts["both"] - amounts["model"])


def test_the_model_alone_is_what_encoding_says() -> None:
    model, given, target = halves(replace(SMALL, listeners=3))
    found = scored(UniqueEncoding(bootstrap=30), model, given, target)
    alone = Encoding(permutations=0)(model, target, folds_of(target))
    r = alone.raw["r"].values
    np.testing.assert_allclose(found.raw["r2_model"], r * np.abs(r), atol=1e-12)
    each = alone.raw["layer_score"].values
    np.testing.assert_allclose(found.raw["layer_score"], each * np.abs(each), atol=1e-12)
    np.testing.assert_array_equal(found.raw["chosen_layer"], alone.raw["chosen_layer"])
    assert set(np.unique(found.raw["share"])) <= set(SHARES)
    left = found.raw["session_reliability"] - found.raw["r2_given"]
    assert found.ceiling == pytest.approx(float(left.mean()))
    assert found.normalised is None
    assert "given model" in found.provenance["normalised_withheld"]
    assert list(found.parts) == ["subject-0", "subject-1", "subject-2"]
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]
    stored = stored_influence(found.raw, found.parts, found.value, "listeners")
    assert stored is not None
    assert stored.estimate().interval() == pytest.approx(found.interval)
    assert found.raw["bootstrap"].size == 30


def test_without_a_piece_is_as_if_it_had_not_been_learned_from() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    layers, target, folds = replace(SMALL, features=30).draw(1)
    voxels = Voxels.of(target, folds)
    ((split,),) = (problem.splits for problem in voxels.problems())
    for delays in ((1,), (1, 2, 3, 4, 5)):  # primal and kernel
        design = voxels.runs.design(layers["layer 1"], delays)
        part = TrainingPart.of(design, split)
        responses = voxels.responses(np.arange(4))[split.train]
        penalty = part.penalties[[2, 5, 5, 8]]
        whole = linear_model.Ridge(penalty, fit_intercept=False).fit(design[split.train], responses)
        every = [*part.relearned(responses, penalty, whole.predict(design[split.test]))]
        assert len(every) == PIECES
        pieces = np.array_split(np.arange(split.train.size), PIECES)
        for piece, found in list(zip(pieces, every, strict=True))[::7]:
            left = np.delete(split.train, piece)
            model = linear_model.Ridge(penalty, fit_intercept=False)
            model.fit(design[left], np.delete(responses, piece, axis=0))
            np.testing.assert_allclose(found, model.predict(design[split.test]), atol=1e-8)


def test_errors_add_the_jackknife_over_pieces_to_that_over_time() -> None:
    model, _, target = halves(SMALL)
    model, flat = {"high": model["high"]}, {"flat": np.ones((len(target), 3))}
    found = scored(UniqueEncoding(block=6.0), model, flat, target)
    owed = found.raw["influence"].values[:, 0]
    every = owed.size
    assert every - PIECES == found.n["block"] == 25
    assert found.error == pytest.approx(np.sqrt((every - 1) / every * np.square(owed).sum()))
    # beyond what says nothing is all that the model says
    voxels = Voxels.of(target, folds_of(target))
    ((split,),) = (problem.splits for problem in voxels.problems())
    part = TrainingPart.of(voxels.runs.design(model["high"], (1, 2, 3, 4)), split)
    responses = voxels.responses(np.arange(4))
    learned, measured = responses[split.train], responses[split.test]
    _, penalty, predicted = part.fit(learned)
    pieces = np.zeros(PIECES)
    for piece, other in enumerate(part.relearned(learned, penalty, predicted)):
        r = [np.corrcoef(*pair)[0, 1] for pair in zip(other.T, measured.T, strict=True)]
        pieces[piece] = np.mean(np.multiply(r, np.abs(r)))
    own = (PIECES - 1) / PIECES * np.square(pieces - pieces.mean()).sum()
    assert own > 1e-5
    share = np.square(owed[-PIECES:]).sum()
    assert (every - 1) / every * share == pytest.approx(own)


def test_in_any_unit_and_block_of_voxels() -> None:
    model, given, target = halves(SMALL)
    found = scored(UniqueEncoding(), model, given, target)
    tiny = {name: 1e-20 * values for name, values in model.items()}
    wide = xr.concat([1e-13 * target] * 20, "voxel")
    with pytest.raises(DataError, match=" MB at least") as refused:
        scored(UniqueEncoding(max_memory=1), tiny, given, wide)
    least = int(str(refused.value).split(" MB at least")[0].split()[-1])
    again = scored(UniqueEncoding(max_memory=(least + 1) * 10**6), tiny, given, wide)
    np.testing.assert_allclose(
        again.raw["r2_unique"], np.tile(found.raw["r2_unique"], 20), atol=1e-9
    )


def test_what_a_model_says_beyond_itself_beyond_nothing_and_beyond_all() -> None:
    model, given, target = halves(replace(SMALL, repeated=((210, 2),)))
    same = scored(UniqueEncoding(), {"low": model["low"]}, {"low": model["low"]}, target)
    assert same.value < 1e-9
    assert (same.error, same.interval, same.p, same.part_errors) == (None, None, None, {})
    given["two"] = np.round(9 * given["two"]).astype(np.int16)  # any real numbers
    both = scored(UniqueEncoding(), given, given, target)
    assert abs(both.value) < 1e-9
    flat = {"flat": np.ones((len(target), 3))}
    beyond = scored(UniqueEncoding(), model, flat, target)
    np.testing.assert_array_equal(beyond.raw["r2_unique"], beyond.raw["r2_model"])
    nothing = scored(UniqueEncoding(), flat, given, target)
    assert (nothing.value, nothing.error, nothing.p) == (0.0, None, None)
    assert "leaves one of the two models out" in nothing.provenance["error_withheld"]


def test_onsets_of_words_are_a_layer_of_the_given_model() -> None:
    model, given, target = halves(SMALL)
    onsets = {"words": model["low"][:, 0], "phones": model["low"][:, 1]}
    along = {name: ("stimulus", values) for name, values in onsets.items()}
    words = load(_card(), "unique-words")
    assert words == UniqueEncoding(words=True)
    assert load(_card(), "unique", seed=3) == UniqueEncoding(seed=3)
    assert type(load(_card())) is Encoding
    found = scored(words, model, given, target.assign_coords(along))
    beside = given | {"onsets": np.column_stack([*onsets.values()])}
    expected = scored(UniqueEncoding(), model, beside, target)
    np.testing.assert_allclose(found.raw["r2_unique"], expected.raw["r2_unique"], atol=1e-12)
    with pytest.raises(DataError, match="no coordinate `words`"):
        scored(words, model, given, target)


def test_what_is_refused() -> None:
    model, given, target = halves(SMALL)
    with pytest.raises(DataError, match="second model"):
        UniqueEncoding()(model, target, folds_of(target))
    given["one"] = given["one"][:9]
    with pytest.raises(DataError, match="Layer one is \\(9, 8\\)"):
        scored(UniqueEncoding(), model, given, target)


def _card() -> MetricCard:
    return MetricCard(
        id="encoding", description="", unit="", licence="", citation="", packages=(), loader=""
    )
