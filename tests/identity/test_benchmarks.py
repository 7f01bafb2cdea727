"""Benchmarks: options, responses, sounds and metrics, changed in memory or on disk."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from brainbench_audio import load_benchmark
from brainbench_audio.errors import DataError, PluginLoadError
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.loading import load_dataset
from brainbench_audio.pipeline.run import run
from brainbench_audio.pipeline.targets import SOURCES
from brainbench_audio.revisions import STANDS_FOR
from brainbench_audio.stimuli import reading, stimulus_set
from brainbench_audio.stimuli.audio import read_waveform
from brainbench_audio.testing import DummyModel


class Metric:
    def __init__(self, real: Any) -> None:
        self.real, self.power = real, 1.0

    def __call__(self, *arguments: Any) -> Any:
        score = self.real(*arguments)
        return replace(score, value=score.value**self.power)


def composed(made: ComposedBenchmark, metric: Any, **options: Any) -> ComposedBenchmark:
    return ComposedBenchmark(made.card, load_dataset("Tiny"), metric, options)


def test_the_state_and_the_options_of_a_metric(benchmark: ComposedBenchmark) -> None:
    metric = Metric(benchmark._metric)
    own = composed(benchmark, metric, alpha=1)
    first = run(DummyModel(), own)
    assert run(DummyModel(), own).cached
    metric.power = 2.0
    other = run(DummyModel(), own)
    assert not other.cached
    assert other.score.value == pytest.approx(first.score.value**2)
    metric.power = 1.0
    assert run(DummyModel(), own).cached
    own.options["alpha"] = 2
    assert not run(DummyModel(), own).cached
    assert not run(DummyModel(), composed(benchmark, metric, alpha=3)).cached
    assert not run(DummyModel(), composed(benchmark, metric, alpha=1)).score.value > 1


def test_a_metric_that_cannot_be_told(benchmark: ComposedBenchmark, tmp_path: Path) -> None:
    metric = Metric(benchmark._metric)
    with (tmp_path / "log").open("w") as metric.log:  # type: ignore[attr-defined]
        found = run(DummyModel(), composed(benchmark, metric))
    assert found.unkept == "the benchmark has no fingerprint"


def test_an_edited_metric(benchmark: ComposedBenchmark, tiny: Path) -> None:
    own = composed(benchmark, benchmark._metric)
    first = run(DummyModel(), benchmark)
    with (tiny / "things.py").open("a") as file:
        file.write("# edited\n")
    assert run(DummyModel(), benchmark).cached
    for ask in (lambda: run(DummyModel(), own), lambda: load_benchmark("Tiny-match")):
        with pytest.raises(PluginLoadError, match=r"things\.py has changed"):
            ask()
    assert first.score.value == run(DummyModel(), benchmark).score.value


def test_responses_and_attributes(benchmark: ComposedBenchmark) -> None:
    benchmark.assembly.attrs["weights"] = np.zeros(5000)
    first = run(DummyModel(), benchmark)
    benchmark.assembly.attrs["weights"][2500] = 1
    assert not run(DummyModel(), benchmark).cached
    benchmark.assembly.attrs["weights"][2500] = 0
    assert run(DummyModel(), benchmark).cached
    before = benchmark.assembly.values.copy()
    benchmark.assembly.values[3] *= -1
    other = run(DummyModel(), benchmark)
    assert not other.cached
    assert other.score.value != first.score.value
    benchmark.assembly.values[:] = before
    assert run(DummyModel(), benchmark).cached


def written(file: Path, factor: float) -> None:
    samples, rate = soundfile.read(file)
    soundfile.write(file, np.sin(factor * samples), rate, "PCM_16")


def test_a_sound_that_is_replaced(benchmark: ComposedBenchmark) -> None:
    file = benchmark.stimuli.files[7]
    content = file.read_bytes()
    first = run(DummyModel(), benchmark)
    written(file, 40)
    other = run(DummyModel(), benchmark)
    assert not other.cached
    assert other.score.value != first.score.value
    file.write_bytes(content)
    again = run(DummyModel(), benchmark)
    assert (again.cached, again.score.value) == (True, first.score.value)


class Replacing(DummyModel):
    """Replaces the last sound while it hears the first ones."""

    transient = frozenset({"file", "heard"})
    file: Path | None = None

    def activations(self, waveforms: Any, layers: Any = None) -> Any:
        if self.file is not None:
            written(self.file, 40)
            self.file = None
        return super().activations(waveforms, layers)


def test_a_sound_that_changes_while_others_are_heard(
    benchmark: ComposedBenchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_RUNS_AHEAD", 1)  # or all are read before the first is heard
    model = Replacing()
    model.file = benchmark.stimuli.files[-1]
    content = model.file.read_bytes()
    with pytest.raises(DataError, match=rf"{model.file} changed while dummies was heard: run it"):
        run(model, benchmark)
    changed = run(model, benchmark)
    assert not changed.cached
    benchmark.stimuli.files[-1].write_bytes(content)
    right = run(model, benchmark)
    assert not right.cached
    assert right.score.value == run(DummyModel(), benchmark).score.value != changed.score.value


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_sound_that_changes_around_reading(
    benchmark: ComposedBenchmark, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    real, victim = read_waveform, benchmark.stimuli.files[4]

    def read(file: Path, *arguments: Any, **options: Any) -> Any:
        if file == victim and when == "before":
            written(file, 40)
        waveform = real(file, *arguments, **options)
        if file == victim and when == "after":
            written(file, 40)
        return waveform

    monkeypatch.setattr(stimulus_set, "read_waveform", read)
    with pytest.raises(DataError, match=rf"{victim} changed while"):
        run(DummyModel(), benchmark)


def test_a_sound_that_is_written_again_as_it_was(
    benchmark: ComposedBenchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = read_waveform

    def read(file: Path, *arguments: Any, **options: Any) -> Any:
        if not done:
            done.append(file)
            file.write_bytes(file.read_bytes())
        return real(file, *arguments, **options)

    done: list[Path] = []
    monkeypatch.setattr(stimulus_set, "read_waveform", read)
    assert not run(DummyModel(), benchmark).cached
    assert done


ROOT = Path(__file__).parents[2]
# of the core: brings files here or says what is going on, and changes nothing in them
HARMLESS = {
    *("cards", "download", "errors", "files", "hashing", "interfaces", "machine", "progress"),
    *("registry", "settings", "temporaries", "pipeline.dimensionality"),
}


def imports(pattern: str) -> set[str]:
    """Return the modules of the core that some files import, without the core's name."""
    return {
        node.module.removeprefix("brainbench_audio.")
        for file in ROOT.glob(pattern)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module.startswith("brainbench_audio.")
    }


def test_a_benchmark_is_not_remembered_once_code_that_reads_its_data_changes() -> None:
    makers = imports("brainbench_audio/pipeline/benchmark.py")
    deciding = {
        *("own_data", "pipeline.benchmark"),
        *imports("plugins/benchmarks/*/brainbench_*/*.py"),
        *imports("brainbench_audio/own_data/*.py"),
        *(name for name in makers if name.startswith("pipeline.")),
    }
    packages = [*SOURCES, *(name for _, names in STANDS_FOR.values() for name in names)]
    counted = {name.removeprefix("brainbench_audio.") for name in packages} | HARMLESS
    left = {name for name in deciding if not {name, name.partition(".")[0]} & counted}
    assert not left, f"list them in pipeline/targets.py, SOURCES: {sorted(left)}"
    assert {"hdf5_rows", "matlab", "pipeline.resampling"} <= deciding
