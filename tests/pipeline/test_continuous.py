"""A benchmark of continuous sound: from windows to rows of responses."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import xarray as xr

from brainbench_audio.activations import extraction
from brainbench_audio.activations.extraction import extract_share, extracted, plan_extraction
from brainbench_audio.activations.lazy import as_lazy
from brainbench_audio.activations.projection import Projected
from brainbench_audio.assemblies.continuous import build_in_time, folds_of_runs
from brainbench_audio.cards import BenchmarkCard
from brainbench_audio.data_source import LoadedDataset
from brainbench_audio.errors import DataError, UnknownId
from brainbench_audio.pipeline import benchmark as benchmark_module
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.pipeline.resampling import lanczos
from brainbench_audio.pipeline.targets import look_at
from brainbench_audio.registry.lookup import find_benchmark
from brainbench_audio.scores.score import Score
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_audio.testing import DummyModel

SECONDS = {"one": 12, "two": 8}


class Timed(DummyModel):
    """A dummy that knows time: the loudness of the frames that count, and of the whole window."""

    transient = frozenset({"left", "loud"})  # what it heard is not what it is

    def __init__(self, left: int = 1000) -> None:
        super().__init__()
        self.left = left
        self.loud: list[float] = []

    def activations(self, waveforms: Any, layers: Any = None) -> dict[str, Any]:
        raise AssertionError("windows are heard over time")

    def activations_over_time(
        self, waveforms: Any, moment: Any, layers: Any = None
    ) -> dict[str, Any]:
        self.left -= len(waveforms)
        if self.left < 0:
            signal.raise_signal(signal.SIGINT)
        start, end = (round(seconds * self.sample_rate) for seconds in moment.frames)
        found = {
            "bands": np.array([[np.abs(x[start:end]).mean()] for x in waveforms], np.float32),
            "log_bands": np.array([[np.abs(x).mean()] for x in waveforms], np.float32),
        }
        self.loud.extend(found["bands"][:, 0].tolist())
        return {layer: found[layer] for layer in layers or self.layers}


@pytest.fixture
def stimuli(tmp_path: Path) -> ContinuousStimuli:
    """Noise that is as loud as the time says, 0.01 a second."""
    generator = np.random.default_rng(0)
    runs = {}
    for run, seconds in SECONDS.items():
        time = np.arange(seconds * 8000) / 8000
        runs[run] = tmp_path / f"{run}.wav"
        signs = generator.choice([-1.0, 1.0], len(time))
        soundfile.write(runs[run], 0.01 * time * signs, 8000, "FLOAT")
    return ContinuousStimuli.of_runs("story", runs, context=1, stride=0.25, clip=0.5)


def responses(**changes: Any) -> xr.DataArray:
    run = np.repeat(["two", "two", "one"], [4, 4, 6])
    time = [*[1.0, 3.0, 5.0, 7.0] * 2, 1.0, 3.0, 5.0, 7.0, 9.0, 11.0]
    repeat = [0] * 4 + [1] * 4 + [0] * 6
    labels = {"run": run, "time": time, "repeat": repeat, **changes}
    values = np.random.default_rng(1).standard_normal((14, 3))
    return build_in_time(values, dimension="voxel", coordinates={}, **labels)


def composed(stimuli: ContinuousStimuli, metric: Any, **changes: Any) -> ComposedBenchmark:
    assembly = responses(**changes)
    found = find_benchmark("Tiny-match")
    dataset = LoadedDataset(found.dataset, stimuli, assembly, folds_of_runs(assembly))
    return ComposedBenchmark(found, dataset, metric, {})


def test_layers_have_the_rows_of_the_responses(stimuli: ContinuousStimuli, tiny: Path) -> None:
    seen: dict[str, Any] = {}

    def metric(layers: Mapping[str, Any], target: xr.DataArray, folds: Any) -> Score:
        seen.update(layers=dict(layers), target=target, folds=np.asarray(folds))
        return Score(value=0.5)

    benchmark = composed(stimuli, metric)
    model = Timed()
    score = benchmark(model)
    assert score.n["stimulus"] == 14
    assert len(stimuli) == 80
    assert len(model.loud) == 80 + 1  # one of them again, alone
    assert seen["folds"].tolist() == [0] * 8 + [1] * 6
    times, loud = seen["target"]["time"].values, seen["layers"]["bands"][:, 0]
    # what the last quarter of a second was like: a little before, and smoothed at the ends
    middle = (times > 2) & (times < 8)
    np.testing.assert_allclose(loud[middle], 0.01 * (times[middle] - 0.125), rtol=0.03)
    # a run that was presented twice has its rows twice
    np.testing.assert_array_equal(loud[:4], loud[4:8])
    # read from the store a run at a time as from memory
    with extracted(model, stimuli) as stored:
        whole = {layer: stored[layer] for layer in stored}
    benchmark.compare(whole)
    np.testing.assert_array_equal(seen["layers"]["bands"][:, 0], loud)
    for odd, told in (
        (np.ones((81, 2)), r"bands is \(81, 2\), the sounds have 80 windows"),
        (np.ones(80), r"bands is \(80,\)"),
        (1j * np.ones((80, 2)), "'bands' must be real numbers"),
    ):
        with pytest.raises(DataError, match=told):
            benchmark.compare({**whole, "bands": odd})


def test_a_model_without_time_hears_the_clip_at_the_end(stimuli: ContinuousStimuli) -> None:
    model = DummyModel()
    with extracted(model, stimuli) as found:
        rows = found["bands"]
    clips = [window[4000:] for window in stimuli.waveforms(range(80), 8000)]
    np.testing.assert_array_equal(rows, model.activations(clips)["bands"])


def test_a_projection_hears_windows_as_its_model_does(stimuli: ContinuousStimuli) -> None:
    for model in (Timed(), DummyModel()):
        made = Projected(model, 3)
        with extracted(model, stimuli) as whole, extracted(made, stimuli) as few:
            matrix = made._matrix("bands", whole["bands"].shape[1])
            np.testing.assert_allclose(few["bands"], whole["bands"] @ matrix, rtol=1e-4)


def test_windows_are_heard_in_time_order_and_go_on(
    stimuli: ContinuousStimuli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "_LARGEST_CHUNK_OF_WINDOWS", 128)  # 32 without a card
    model = Timed(left=50 + 1)
    with pytest.raises(KeyboardInterrupt), extracted(model, stimuli):
        pass
    assert len(model.loud) == 32 + 1
    again = model.loud.pop()
    assert again in model.loud
    assert model.loud == sorted(model.loud)
    model.left = 48
    with extracted(model, stimuli) as activations:
        np.testing.assert_array_equal(activations["bands"][:, 0], model.loud)
    plan = plan_extraction(as_lazy(model).identity, stimuli)
    assert plan.stimuli == stimuli.names


def test_shares_of_the_windows_make_the_whole(stimuli: ContinuousStimuli) -> None:
    model = Timed()
    for number in (1, 0):
        extract_share(as_lazy(model), stimuli, number, 2)
    assert len(model.loud) == 80 + 1
    with extracted(model, stimuli) as activations:
        again = Counter(model.loud)
        again.subtract(activations["bands"][:, 0].tolist())
        assert (min(again.values()), sum(again.values())) == (0, 1)
        whole = activations["log_bands"]
        np.testing.assert_array_equal(activations.rows("log_bands", range(10, 40)), whole[10:40])
    assert len(model.loud) == 80 + 1


def test_what_is_known_before_a_run(
    stimuli: ContinuousStimuli, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = composed(stimuli, print)
    target = look_at(Loadable("Tiny-match"), lambda: benchmark)
    assert (target.sounds, target.rows, target.columns, target.duration) == (80, 14, 3, 80.0)
    assert target.heard == {"": stimuli.fingerprint}
    assert target.step == 2.0
    # another way to resample is another score
    before = benchmark.fingerprint
    monkeypatch.setattr(benchmark_module, "METHOD", "nearest")
    assert composed(stimuli, print).fingerprint != before


def test_lanczos_keeps_what_is_slow_and_drops_what_is_fast() -> None:
    known, at = np.arange(0, 60, 0.1), np.arange(10, 50, 2.0)
    weights = lanczos(at, known, 2.0)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    slow, fast = np.sin(2 * np.pi * known / 20), np.sin(2 * np.pi * known / 1.5)
    np.testing.assert_allclose(weights @ slow, np.sin(2 * np.pi * at / 20), atol=0.02)
    assert np.abs(weights @ fast).max() < 0.03
    # beyond the first and the last value it is as there, however close together values are
    for stride in (0.1, 0.5, 1.0, 2.0):
        known = np.arange(1, 40) * stride
        ends = lanczos(np.concatenate([[0.0], known[-1] + np.linspace(0, 2, 9)]), known, 2.0)
        assert np.abs(ends).sum(axis=1).max() < 1.5
        np.testing.assert_array_equal(ends[0], lanczos(known[:1], known, 2.0)[0])
        np.testing.assert_array_equal(ends[1:], np.tile(ends[1], (9, 1)))
    known = np.arange(0, 60, 0.1)
    # the plain formula, one weight at a time
    x = (at[3] - known[130]) / 2
    plain = 3 * np.sin(np.pi * x) * np.sin(np.pi * x / 3) / (np.pi * x) ** 2
    assert weights[3, 130] == pytest.approx(plain / 20, rel=1e-2)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"run": np.repeat(["2", "2", "one"], [4, 4, 6])}, "run '2', and the sounds are of one, t"),
        ({"time": [*[1.0, 6.0, 11.0, 16.0] * 2, *np.arange(1.0, 31.0, 5)]}, "outside of the sound"),
        ({"time": [*[-1.0, 1.0, 3.0, 5.0] * 2, *np.arange(1.0, 13.0, 2)]}, "the first at -1.0 s"),
    ],
)
def test_responses_of_other_sounds(
    stimuli: ContinuousStimuli, tiny: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        composed(stimuli, print, **changes)


def test_windows_further_apart_than_volumes(stimuli: ContinuousStimuli, tiny: Path) -> None:
    kept = [row for row in range(80) if not 20 <= row < 30]
    each = ("names", "files", "run", "time")
    gap = replace(stimuli, **{x: tuple(getattr(stimuli, x)[row] for row in kept) for x in each})
    with pytest.raises(DataError, match=r"Windows of one are up to 2\.75 s apart, expected 2 s"):
        composed(gap, print)


def test_continuous_sound_has_no_categories(stimuli: ContinuousStimuli, tiny: Path) -> None:
    card: BenchmarkCard = find_benchmark("Tiny[Music]-match")
    assembly = responses()
    dataset = LoadedDataset(card.dataset, stimuli, assembly, folds_of_runs(assembly))
    with pytest.raises(UnknownId, match="continuous sound, whose volumes are not taken out"):
        ComposedBenchmark(card, dataset, print, {})  # type: ignore[arg-type]
