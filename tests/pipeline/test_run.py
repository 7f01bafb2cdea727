"""The whole arrow: stored scores are used, damaged ones are not, two processes share the work."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import brainbench_audio
from brainbench_audio import settings
from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.activations.lazy import as_lazy
from brainbench_audio.assemblies.assembly import stimulus_names
from brainbench_audio.errors import BrainbenchError, ContractError, DataError, PluginLoadError
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.keys import PairKeys
from brainbench_audio.pipeline.loading import load_benchmark, load_dataset
from brainbench_audio.pipeline.loading_models import load_model
from brainbench_audio.pipeline.run import run
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.report.results import stored_results
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import stored_scores
from brainbench_audio.testing import DummyModel
from brainbench_audio.testing.waiting import wait_until

SLOW = """
import os, time
from brainbench_audio.testing import DummyModel

class Slow(DummyModel):
    calls = 0

    def activations(self, waveforms, layers=None):
        self.calls += 1
        with open(os.environ["HEARD"], "a") as file:
            file.write("x" * len(waveforms))
        if self.calls == 3 and "HANG" in os.environ:
            os.write(1, b"ready\\n")  # a print would go to standard error, beside --json
            for _ in range(6000):  # a signal just as a sleep starts does not end it
                time.sleep(0.01)
        time.sleep(float(os.environ.get("SLEEP", "0")))
        return super().activations(waveforms, layers)
"""
COMMAND = (sys.executable, "-m", "brainbench_audio.cli.main")


def files_below(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return sorted(found)


def leftovers(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.name.startswith(".part-")]


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path) -> tuple[str, ...]:
    """Return the arguments that score a slow model of one's own, which logs what it hears."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "heard").touch()
    monkeypatch.setenv("HEARD", str(tmp_path / "heard"))
    return ("score", "-m", f"{tmp_path}/slow.py:Slow", "-b", "Tiny-match", "--json")


def test_the_second_time_is_free(benchmark: ComposedBenchmark) -> None:
    model = DummyModel()
    first = run(model, benchmark)
    second = run(model, load_benchmark("Tiny-match"))
    assert (first.cached, second.cached) == (False, True)
    assert model.heard == 40 + 1  # one of them again, alone
    assert (second.model, second.benchmark) == ("DummyModel", "Tiny-match")
    assert second.score == replace(first.score, n=dict(second.score.n))
    assert second.score.n == {"stimulus": 40, "component": 3, "fold": 3}


def test_the_score_is_that_of_rows_aligned_by_name(benchmark: ComposedBenchmark) -> None:
    found = brainbench_audio.score("tiny-plain", benchmark)
    assert found.layer == "log_bands"
    features = DummyModel().activations(benchmark.stimuli.waveforms(range(40), 8000))["log_bands"]
    given = load_dataset("Tiny").assembly
    assert stimulus_names(given) != list(benchmark.stimuli.names)
    responses = given.sel(stimulus=list(benchmark.stimuli.names)).values
    best = [
        max(max(np.corrcoef(feature, response)[0, 1], 0) ** 2 for feature in features.T)
        for response in responses.T
    ]
    assert found.value == pytest.approx(np.mean(best), rel=1e-6)
    assert list(found.parts) == ["a", "b", "c"]


def test_a_score_tells_reports_what_its_model_and_data_are(benchmark: ComposedBenchmark) -> None:
    class Mine(DummyModel):
        fingerprint = "mine"

    model = Mine()
    model.card = replace(find_model("tiny-plain").card, label="My Model", licence="CC0")
    cards = run(model, benchmark).score.provenance["cards"]
    assert (cards["model"]["label"], cards["model"]["licence"]) == ("My Model", "CC0")
    assert cards["data"]["description"] == benchmark.card.dataset.description
    assert cards["metric"]["unit"] == benchmark.card.metric.unit
    # no plugin has it, so its score is what a report knows it by
    (result,) = stored_results()
    assert (result.label, result.family) == ("My Model", model.card.family)


def test_recompute_replaces_the_score_and_hears_the_sounds_again(
    benchmark: ComposedBenchmark,
) -> None:
    model = DummyModel()
    run(model, benchmark)
    (before,) = stored_scores()
    stamp = before.path.stat().st_mtime_ns
    again = run(model, benchmark, recompute=True)
    assert not again.cached
    assert model.heard == 2 * (40 + 1)
    (after,) = stored_scores()
    assert after.path.parent == before.path.parent
    assert after.path.name.split("-")[0] == before.path.name.split("-")[0]
    assert after.path.stat().st_mtime_ns > stamp


@pytest.mark.parametrize("damage", [b"", b"no score", None])
def test_a_damaged_score_is_set_aside(
    benchmark: ComposedBenchmark, damage: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    model = DummyModel()
    first = run(model, benchmark)
    (stored,) = stored_scores()
    path = stored.path
    path.write_bytes(path.read_bytes()[:3000] if damage is None else damage)
    with caplog.at_level(logging.WARNING):
        second = run(model, benchmark)
    assert not second.cached
    assert second.score.value == first.score.value
    assert path.with_name(f"{path.name}.0.corrupt").exists()
    assert str(path) in caplog.text
    assert run(model, benchmark).cached


def score_key(model: DummyModel, benchmark: ComposedBenchmark) -> str | None:
    identity = as_lazy(model).identity
    inputs = refreshed(benchmark).fingerprint
    heard = benchmark.stimuli.fingerprint
    name = benchmark.card.id
    return PairKeys(identity=identity, heard=heard, benchmark=name, inputs=inputs).score


def refreshed(benchmark: ComposedBenchmark) -> ComposedBenchmark:
    """Return a benchmark that works its fingerprint out again."""
    vars(benchmark).pop("fingerprint", None)
    return benchmark


def test_the_key_of_a_score(benchmark: ComposedBenchmark, tiny: Path) -> None:
    model = DummyModel()
    others = [
        score_key(model, benchmark),
        score_key(DummyModel(bands=5), benchmark),
        score_key(model, load_benchmark("Tiny-match-many")),
        score_key(model, load_benchmark("Tiny.a-match")),
        score_key(model, load_benchmark("Tiny-match", power=2)),
    ]
    changed = load_benchmark("Tiny-match")
    changed.assembly = changed.assembly.copy(data=changed.assembly.values + 1e-9)
    others.append(score_key(model, changed))
    refolded = load_benchmark("Tiny-match")
    refolded.folds = replace(refolded.folds, assignment=refolded.folds.assignment[::-1])
    others.append(score_key(model, refolded))
    with (tiny / "things.py").open("a") as source:
        source.write("# another metric\n")
    # what was imported is not what the file says now
    assert score_key(model, benchmark) == others[0]
    with pytest.raises(PluginLoadError, match="has changed since this process imported it"):
        load_benchmark("Tiny-match")
    for name in [name for name in sys.modules if name.startswith("brainbench_tiny")]:
        del sys.modules[name]
    others.append(score_key(model, load_benchmark("Tiny-match")))
    assert None not in others
    assert len(set(others)) == len(others)


def test_provenance_says_where_a_score_comes_from(benchmark: ComposedBenchmark) -> None:
    found = run("tiny-plain", benchmark).score.provenance
    assert found["model"] == "tiny-plain"
    assert found["benchmark"] == "Tiny-match"
    assert found["plugins"]["brainbench-tiny"] == "1.5"
    assert found["versions"]["brainbench-audio"]
    assert set(found["citations"]) == {"model", "data", "metric"}
    assert found["activations"]["layers"] == ["bands", "log_bands"]
    assert found["stimuli"] == benchmark.stimuli.fingerprint
    assert found["inputs"]["folds"] == benchmark.folds.fingerprint
    json.dumps(found)


def test_two_processes_compute_once(
    tmp_path: Path, slow: tuple[str, ...], brainbench: Callable[..., Any]
) -> None:
    assert brainbench("score", "-m", "tiny-plain", "-b", "Tiny-match").returncode == 0
    processes = [
        subprocess.Popen(
            [*COMMAND, *slow],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "SLEEP": "0.3"},
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    rows = [json.loads(out)[0] for out, _ in told]
    assert sorted(row["cached"] for row in rows) == [False, True]
    assert rows[0]["score"] == rows[1]["score"]
    assert (tmp_path / "heard").stat().st_size == 40 + 1
    assert leftovers(tmp_path / "home") == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_a_clean_store(
    tmp_path: Path, slow: tuple[str, ...], brainbench: Callable[..., Any], how: signal.Signals
) -> None:
    with subprocess.Popen(
        [*COMMAND, *slow],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HANG": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            if how is signal.SIGKILL:  # which loses what is still being written
                wait_until(lambda: list(activations_folder().rglob("chunk-*.nc")))
            process.send_signal(how)
            out, told = process.communicate(timeout=10)
        finally:
            process.kill()
    assert out == ""
    assert process.returncode == (130 if how is signal.SIGINT else -how)
    assert told == (
        "brainbench: interrupted; what was finished is kept\n" if how is signal.SIGINT else ""
    )
    assert leftovers(tmp_path / "home") == []
    assert list(settings.results_home().rglob("*.nc")) == []
    again = brainbench(*slow)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)[0]["cached"] is False
    # 16 were stored, 16 were lost with the process and heard again
    assert (tmp_path / "heard").stat().st_size == 40 + 1 + 16
    assert len(list(settings.results_home().rglob("*.nc"))) == 1


class Own(DummyModel):
    """A model of one's own without a card, and without a fingerprint unless given one."""

    fingerprint: Any = None

    def __init__(self, fingerprint: Any = None) -> None:
        super().__init__()
        self.fingerprint = fingerprint


class Placed(Own):
    """Says where it is, which decides nothing."""

    transient = frozenset({"computed_in"})

    def __init__(self, computed_in: str) -> None:
        super().__init__(fingerprint=1)
        self.computed_in = computed_in


def test_the_provenance_says_what_activations_were_computed_in(
    benchmark: ComposedBenchmark,
) -> None:
    """The model that is scored need not be the one that heard: the store remembers."""
    for model in (Placed("cuda (NVIDIA X1), float32"), Placed("cpu, float32")):
        found = run(model, benchmark)
        assert not found.cached
        told = found.score.provenance["activations"]["computed_in"]
        assert told == ["cuda (NVIDIA X1), float32"]
        shutil.rmtree(settings.results_home())


def test_a_model_of_ones_own(benchmark: ComposedBenchmark) -> None:
    unknown = Own()
    for _ in range(2):
        found = run(unknown, benchmark)
        assert (found.model, found.cached) == ("Own", False)
    assert unknown.heard == 2 * (40 + 1)
    assert stored_scores() == []
    assert not (settings.cache_home() / "activations").exists()
    assert found.score.provenance["key"] is None

    known = Own(fingerprint="version 1")
    assert [run(known, benchmark).cached for _ in range(2)] == [False, True]
    assert known.heard == 40 + 1
    assert not run(Own(fingerprint="version 2"), benchmark).cached


def test_a_benchmark_of_ones_own(benchmark: ComposedBenchmark) -> None:
    class Constant:
        stimuli = benchmark.stimuli
        assembly = benchmark.assembly

        def __call__(self, model: Any) -> Score:
            return Score(value=0.5)

    found = run(DummyModel(), Constant())  # type: ignore[arg-type]
    assert (found.benchmark, found.cached, found.score.value) == ("Constant", False, 0.5)
    assert stored_scores() == []


def write_model(path: Path, fingerprint: str, bands: int = 6) -> str:
    path.write_text(
        "from brainbench_audio.testing import DummyModel\n"
        "class MyModel(DummyModel):\n"
        f"    fingerprint = {fingerprint}\n"
        f"    def __init__(self, bands={bands}):\n"
        "        super().__init__(bands)\n"
        "class Narrow(MyModel):\n"
        "    def __init__(self):\n"
        "        super().__init__(2)\n"
        "ready_made = MyModel()\n"
    )
    return f"{path}:MyModel"


def test_a_model_file_is_cached_with_a_fingerprint_only(
    benchmark: ComposedBenchmark, tmp_path: Path
) -> None:
    unknown = write_model(tmp_path / "unknown.py", "None")
    assert [run(unknown, benchmark).cached for _ in range(2)] == [False, False]
    known = write_model(tmp_path / "known.py", "'1'")
    found = [run(known, benchmark) for _ in range(2)]
    assert [pair.cached for pair in found] == [False, True]
    assert {pair.model for pair in found} == {"MyModel"}


def test_changing_a_model_file_computes_again(benchmark: ComposedBenchmark, tmp_path: Path) -> None:
    path = tmp_path / "my_model.py"
    first = run(write_model(path, "'1'"), benchmark)
    changed = run(write_model(path, "'1'", bands=3), benchmark)
    assert not changed.cached
    assert changed.score.value != first.score.value
    assert run(write_model(path, "'1'"), benchmark).cached


def test_two_classes_of_one_file_are_two_models(
    benchmark: ComposedBenchmark, tmp_path: Path
) -> None:
    path = tmp_path / "my_model.py"
    wide = run(write_model(path, "'1'"), benchmark)
    narrow = run(f"{path}:Narrow", benchmark)
    assert not narrow.cached
    assert narrow.score.value != wide.score.value


@pytest.mark.usefixtures("tiny")
def test_options_reach_the_loader_or_are_refused(tmp_path: Path) -> None:
    assert load_model("tiny-plain", weights="x").weights == "x"  # type: ignore[attr-defined]
    with pytest.raises(ContractError, match=r"model tiny-plain does not take.*'depth'"):
        load_model("tiny-plain", depth=3)
    with pytest.raises(ContractError, match=r"metric match does not take.*'alpha'"):
        load_benchmark("Tiny-match", alpha=1)
    name = write_model(tmp_path / "my_model.py", "'1'")
    assert load_model(name, bands=3).activations([np.ones(99, np.float32)])["bands"].shape == (1, 3)
    with pytest.raises(ContractError, match=r"does not take.*'weights'"):
        load_model(name, weights="x")


def test_an_object_in_a_file_is_a_model_too(tmp_path: Path) -> None:
    write_model(tmp_path / "my_model.py", "'1'")
    assert load_model(f"{tmp_path}/my_model.py:ready_made").sample_rate == 8000


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import a_package_that_nobody_has", "a_package_that_nobody_has"),
        ("def broken(:", "invalid syntax"),
        ("", "MyModel"),
        ("MyModel = 3", "is no model: it has no layers, sample_rate, activations"),
        ("class MyModel:\n    layers = ['a']", "it has no sample_rate, activations"),
    ],
)
def test_files_that_hold_no_model(tmp_path: Path, source: str, told: str) -> None:
    (tmp_path / "my_model.py").write_text(source)
    with pytest.raises(BrainbenchError, match=told):
        load_model(f"{tmp_path}/my_model.py:MyModel")


def test_a_missing_model_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.py does not exist: give it as PATH\.py:Class"):
        load_model(f"{tmp_path}/nowhere.py:MyModel")


def test_a_metric_that_returns_no_score(benchmark: ComposedBenchmark) -> None:
    broken = ComposedBenchmark(benchmark.card, as_dataset(benchmark), lambda *_: 0.5, {})  # type: ignore[arg-type, return-value]
    with pytest.raises(ContractError, match="Metric match returned float, not a Score"):
        broken(DummyModel())


def test_a_metric_that_returns_what_no_score_can_have(benchmark: ComposedBenchmark) -> None:
    def metric(*_: Any) -> Score:
        return Score(value=0.5, interval=(0.6, 0.4))

    broken = ComposedBenchmark(benchmark.card, as_dataset(benchmark), metric, {})
    with pytest.raises(ContractError, match="Metric match returned a score whose interval is"):
        broken(DummyModel())


def test_what_is_no_benchmark(benchmark: ComposedBenchmark) -> None:
    with pytest.raises(ContractError, match=r"is no benchmark: give an id, such as"):
        run(DummyModel(), print)  # type: ignore[arg-type]


def test_errors_of_a_metric_name_the_benchmark(benchmark: ComposedBenchmark) -> None:
    def metric(*_: Any) -> Score:
        raise DataError("too few voxels")

    broken = ComposedBenchmark(benchmark.card, as_dataset(benchmark), metric, {})
    with pytest.raises(DataError, match="Tiny-match: too few voxels"):
        broken(DummyModel())


def as_dataset(benchmark: ComposedBenchmark) -> Any:
    class Data:
        card = benchmark.card.dataset
        stimuli = benchmark.stimuli
        assembly = benchmark.assembly
        folds = benchmark.folds

    return Data()


@pytest.mark.parametrize("lacking", ["assembly", "folds"])
def test_stimuli_without_response_or_fold(benchmark: ComposedBenchmark, lacking: str) -> None:
    data = as_dataset(benchmark)
    names = benchmark.stimuli.names
    if lacking == "assembly":
        data.assembly = benchmark.assembly.isel(stimulus=slice(1, None))
    else:
        data.folds = benchmark.folds.aligned(names[1:])
    with pytest.raises(DataError, match=str(names[0])):
        ComposedBenchmark(benchmark.card, data, lambda *_: Score(value=0), {})


def test_sessions_that_are_copies_are_told(
    benchmark: ComposedBenchmark, caplog: pytest.LogCaptureFixture
) -> None:
    data = as_dataset(benchmark)
    once = benchmark.assembly
    for noise, told in ((0.0, 1), (1.0, 0)):
        data.assembly = xr.concat([once, once + noise], "session").transpose(*once.dims, "session")
        caplog.clear()
        ComposedBenchmark(benchmark.card, data, lambda *_: Score(value=0), {})
        assert len(caplog.messages) == told
        assert all("Tiny: sessions 0 and 1 hold the same" in one for one in caplog.messages)


def test_sounds_that_are_copies_are_told_once_they_are_heard(
    benchmark: ComposedBenchmark, caplog: pytest.LogCaptureFixture
) -> None:
    found = load_benchmark("Tiny-match")
    run(DummyModel(), found)
    assert not caplog.messages
    found = load_benchmark("Tiny-match")
    found.stimuli.files[7].write_bytes(found.stimuli.files[0].read_bytes())
    for _ in range(2):
        run(DummyModel(), found, recompute=True)
    (told,) = caplog.messages
    copy, original = benchmark.stimuli.names[7], benchmark.stimuli.names[0]
    assert f"Tiny-match: 1 of 40 sounds are copies of others, the first is {copy}, the" in told
    assert f"same file as {original}" in told
    caplog.clear()
    found(DummyModel())
    assert not caplog.messages
