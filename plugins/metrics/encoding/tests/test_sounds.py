"""Runs that are single sounds, sampled every 40 ms: beside scikit-learn, and what is planted."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from brainbench_encoding.correlation import correlations, unit
from brainbench_encoding.memory import needed
from brainbench_encoding.metric import Encoding
from brainbench_encoding.reduction import principal_components
from brainbench_encoding.runs import Runs, zscored
from brainbench_encoding.solver import PENALTIES, TrainingPart
from brainbench_encoding.sounds import Sounds
from brainbench_encoding.voxels import Split, Voxels

from brainbench_audio.assemblies.continuous import build_in_time
from brainbench_audio.errors import DataError
from brainbench_audio.scores.influence import stored_influence
from brainbench_audio.scores.score import Score

from .sound_world import Array, SoundWorld

SMALL = SoundWorld(sounds=25, rows=14, components=3)
SMALLEST = SoundWorld(sounds=15, rows=12, components=3)
COMPONENTS = 7


def test_equals_a_plain_loop_of_scikit_learn() -> None:
    """Fold by fold: standardise, reduce, delay, choose layer and penalty, predict, correlate."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    layers, target, folds = SMALLEST.draw(0)
    y = preprocessing.scale(target.values)
    designs = []
    for layer in layers.values():
        scaled = preprocessing.scale(layer)
        _, _, axes = np.linalg.svd(scaled, full_matrices=False)
        sounds = (scaled @ axes[:COMPONENTS].T).reshape(15, 12, COMPONENTS)
        # what there was before a sound is what its first row has
        lagged = [sounds[:, np.maximum(np.arange(12) - lag, 0)] for lag in range(11)]
        designs.append(np.concatenate(lagged, axis=2).reshape(len(y), -1))
    predicted, chosen = np.zeros_like(y), set()
    for fold in range(5):
        train, test = folds != fold, folds == fold
        best = [(np.inf, 0, 0.0)] * 3
        for place, x in enumerate(designs):
            for penalty in np.array(PENALTIES) * np.square(x[train]).sum(axis=1).mean():
                error = np.zeros(3)
                for inner in set(range(5)) - {fold}:
                    some, held = train & (folds != inner), folds == inner
                    model = linear_model.Ridge(penalty, fit_intercept=False).fit(x[some], y[some])
                    error += np.square(y[held] - model.predict(x[held])).sum(axis=0)
                here = [(one, place, penalty) for one in error]
                best = [min(pair) for pair in zip(best, here, strict=True)]
        for column, (_, place, penalty) in enumerate(best):
            chosen.add((place, penalty))
            model = linear_model.Ridge(penalty, fit_intercept=False)
            model.fit(designs[place][train], y[train, column])
            predicted[test, column] = model.predict(designs[place][test])
    assert len(chosen) > 3
    expected = [np.corrcoef(y[:, column], predicted[:, column])[0, 1] for column in range(3)]
    found = Encoding(components=COMPONENTS)(layers, target, folds)
    assert found.raw["r"].values == pytest.approx(expected, abs=1e-6)
    assert found.value == pytest.approx(np.mean(expected), abs=1e-6)
    assert found.raw.attrs["delays"] == list(range(11))
    assert found.n["delayed_feature"] == 11 * COMPONENTS


def test_planted_lags_and_features_are_found() -> None:
    world = SoundWorld(sounds=40, rows=30, noise=0.5, course=0.2, memory=0.7)
    layers, target, folds = world.draw(1)
    found = Encoding(permutations=0)(layers, target, folds)
    assert found.layer == "layer 1"
    assert (found.raw["chosen_layer"].values == 1).all()
    assert found.raw["layer_score"].values[0].max() < 0.4
    # of a signal of variance 1 beside noise of 0.25; the common course is in neither
    assert found.value == pytest.approx(np.sqrt(1 / 1.25), abs=0.03)
    planted = {"layer 1": layers["layer 1"]}
    alone = [
        Encoding(delays=(lag,), permutations=0)(planted, target, folds).raw["r"].values
        for lag in range(1, 10)
    ]
    assert (1 + np.argmax(alone, axis=0)).tolist() == world.lags.tolist() == [2, 5, 8, 3, 6]


def test_memory_is_told_from_sizes_and_options() -> None:
    _, target, folds = SoundWorld(sounds=15, rows=15).draw(3)
    layers = {"layer": np.random.default_rng(3).standard_normal((225, 1500))}
    every: tuple[dict[str, Any], ...] = ({}, {"components": 9}, {"components": 0, "delays": (1, 2)})
    for options in every:
        tracemalloc.start()
        Encoding(permutations=0, **options)(layers, target, folds)
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        told = needed(225, 5, 1500, 0.04, folder="data", **options)
        assert taken < told < 2 * taken


def test_what_predictions_owe_to_sounds_counts_as_memory() -> None:
    generator = np.random.default_rng(0)
    layer = generator.standard_normal((80, 2))
    responses = layer @ generator.standard_normal((2, 400))
    responses += 3 * generator.standard_normal(responses.shape)
    runs = np.repeat([f"sound-{number}" for number in range(40)], 2).tolist()
    target = build_in_time(
        responses, runs, np.tile([0.5, 1.0], 40), "voxel", {"subject": ["a"] * 400}
    )
    folds, limit = np.repeat(np.arange(40) % 5, 2), 2_500_000
    tracemalloc.start()
    try:
        Encoding(delays=(0,), permutations=0, max_memory=limit)({"one": layer}, target, folds)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit


def test_errors_and_chance_are_over_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    layers, target, folds = replace(SMALL, noise=0.5).draw(2)
    found = Encoding(bootstrap=30)(layers, target, folds)
    assert found.provenance["error_over"] == "sounds"
    assert "how" not in found.provenance["chance"]
    assert found.p == 0.001
    assert "block" not in found.n
    stored = stored_influence(found.raw, found.parts, found.value)
    assert stored is not None
    assert stored.stimuli.shape == (25, 3)
    assert stored.estimate().interval() == pytest.approx(found.interval)
    assert np.corrcoef(stored.stimuli.ravel(), _learned_anew(found, layers, target, folds).ravel())[
        0, 1
    ] == pytest.approx(1, abs=0.01)
    # rows in another order of sounds, and two components at a time
    monkeypatch.setattr("brainbench_encoding.memory.BLOCK", 2)
    order = np.arange(len(folds)).reshape(25, 14)[::-1].ravel()
    again = Encoding(bootstrap=30)(
        {name: values[order] for name, values in layers.items()}, target[order], folds[order]
    )
    assert again.value == pytest.approx(found.value, abs=1e-9)
    assert again.error == pytest.approx(found.error)
    # long runs, as often sampled: delays of neurons, blocks of time
    order = np.argsort(folds, kind="stable")
    long = build_in_time(
        target.values[order],
        folds[order].astype(str).tolist(),
        np.tile(0.15 * np.arange(70), 5),
        "component",
        {"component": ["C0", "C1", "C2"]},
    )
    layers = {name: values[order] for name, values in layers.items()}
    found = Encoding(block=2.0)(layers, long, folds[order])
    assert found.raw.attrs["delays"] == [0, 1, 2]
    assert found.provenance["error_over"] == "blocks of time"


def _learned_anew(
    found: Score, layers: dict[str, Array], target: xr.DataArray, folds: npt.ArrayLike
) -> Array:
    """Return r of each component without each sound, (sound, component), less the means."""
    voxels = Voxels.of(target, folds)
    y, chosen = voxels.responses(np.arange(3)), found.raw["chosen_layer"].values
    designs = [voxels.runs.design(layer, tuple(range(11)), 100) for layer in layers.values()]
    (problem,) = voxels.problems()
    sound, without = np.arange(len(y)) // 14, np.zeros((25, 3))
    for number, column in np.ndindex(without.shape):
        predicted = np.zeros(len(y))
        for place, split in enumerate(problem.splits):
            train = split.train[sound[split.train] != number]
            design, penalty = designs[chosen[place, column]], found.raw["penalty"].values
            gram = design[train].T @ design[train]
            gram[np.diag_indices_from(gram)] += penalty[place, column]
            weights = np.linalg.solve(gram, design[train].T @ y[train, column])
            predicted[split.test] = design[split.test] @ weights
        left = sound != number
        without[number, column] = np.corrcoef(predicted[left], y[left, column])[0, 1]
    return np.asarray(without - without.mean(axis=0))


def test_chance_gives_a_sound_the_responses_to_another() -> None:
    generator = np.random.default_rng(3)
    first, second = (unit(generator.standard_normal((44, 3))) for _ in range(2))
    sounds = Sounds((8, 8, 12, 8, 8), 12)
    assert sounds.starts.tolist() == [0, 8, 16, 28, 36]
    found = sounds.by_chance(sounds.rearranged(first, second), 300, 0)
    possible = []
    for order in ((0, 1, 3, 4), (1, 0, 3, 4), (4, 3, 1, 0), (3, 4, 0, 1)):
        starts = [sounds.starts[place] for place in order]
        rows = np.concatenate([np.arange(start, start + 8) for start in starts])
        whole = np.concatenate([rows[:16], np.arange(16, 28), rows[16:]])
        possible.append((first * second[whole]).sum())
    assert np.abs(np.subtract.outer(possible, found)).min(axis=1).max() < 1e-12
    assert len(np.unique(found.round(12))) == 24
    three = Sounds((8, 8, 12, 16), 16)
    assert not three.by_chance(three.rearranged(first, second), 300, 0).size
    # without a sound is as if it had not been measured
    left = np.delete(np.arange(44), np.arange(16, 28))
    without = sounds.relearned(first, second, np.zeros((3, 5, 3)))
    np.testing.assert_allclose(without[2], correlations(first[left], second[left]))
    np.testing.assert_allclose(without, sounds.without(first, second))


def test_standardised_together_and_held() -> None:
    layers, target, folds = SMALL.draw(4)
    runs = Runs.of(target, folds)
    assert runs.are_sounds
    values = layers["layer 0"]
    design = runs.design(values, (0, 3))
    expected = zscored(values)
    np.testing.assert_allclose(design[:, :12], expected)
    np.testing.assert_allclose(design[14:17, 12:], np.tile(expected[14], (3, 1)))
    np.testing.assert_allclose(design[17:28, 12:], expected[14:25])
    # a sound that leaves a component where it is says something of it; a constant one is dropped
    silent = target.copy(deep=True)
    silent[:14, 0], silent[:, 2] = 0.0, 1.0
    found = Encoding(permutations=0)(layers, silent, folds)
    assert list(found.parts) == ["C0", "C1"]
    assert found.raw["dropped"].values.tolist() == [2]
    assert found.error is not None
    scaled = Encoding(permutations=0)(layers, 1e-13 * silent, folds)
    assert scaled.value == pytest.approx(found.value, abs=1e-9)
    for components in (-1, 1.5):
        with pytest.raises(DataError, match="counted from 1"):
            Encoding(components=components)  # type: ignore[arg-type]


def test_sounds_heard_several_times() -> None:
    """Repeated sounds are predicted from the others; a ceiling is known."""
    layers, target, folds = replace(SMALL, noise=0.5).draw(5)
    noise = 0.3 * np.random.default_rng(6).standard_normal((70, 3))
    again = np.flatnonzero(folds == 0)
    repeat = np.r_[np.zeros(len(folds), dtype=int), np.ones(70, dtype=int)]
    order = np.r_[np.arange(len(folds)), again]
    repeated = build_in_time(
        np.vstack([target.values, target.values[again] + noise]),
        target["run"].values[order].tolist(),
        target["time"].values[order],
        "component",
        {"component": ["C0", "C1", "C2"]},
        repeat=repeat,
    )
    everything = {name: values[order] for name, values in layers.items()}
    found = Encoding(permutations=0)(everything, repeated, folds[order])
    assert found.n["run_predicted"] == 5
    assert found.ceiling is not None
    assert 0.9 < found.ceiling <= 1


def test_principal_components_are_those_of_all_rows() -> None:
    generator = np.random.default_rng(7)
    features = (generator.standard_normal((90, 5)) @ generator.standard_normal((5, 40))).astype(
        np.float32
    )
    found = principal_components(zscored, features, 30)
    # rank 5: nothing is made of rounding
    assert found.shape == (90, 5)
    whole = zscored(features)
    np.testing.assert_allclose(found @ found.T, whole @ whole.T, atol=1e-4)


@pytest.mark.parametrize("voxels", [2, 400])
def test_few_and_many_voxels_where_many_rows_are_held_out(voxels: int) -> None:
    generator = np.random.default_rng(8)
    features: Array = generator.standard_normal((60, 8))
    responses = features[:, :1] + generator.standard_normal((60, voxels))
    split = Split(np.arange(45), np.arange(45, 60), np.arange(45) // 15)
    part = TrainingPart.of(features, split)
    found, chosen, _ = part.fit(responses[:45])
    gains = np.zeros((len(PENALTIES), voxels))
    for place, penalty in enumerate(part.penalties):
        for group in range(3):
            held = split.groups == group
            x, y = features[:45][~held], responses[:45][~held]
            weights = np.linalg.solve(x.T @ x + penalty * np.eye(8), x.T @ y)
            errors = responses[:45][held] - features[:45][held] @ weights
            gains[place] += np.square(responses[:45][held]).sum(axis=0)
            gains[place] -= np.square(errors).sum(axis=0)
    np.testing.assert_allclose(found, gains.max(axis=0), rtol=1e-9)
    np.testing.assert_allclose(chosen, part.penalties[gains.argmax(axis=0)])
