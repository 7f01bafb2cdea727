"""`brainbench score --hear-task`, and tasks by id and folder, with a metric that takes no time."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr
from brainbench_hear.testing import Maker

from brainbench_audio import hash_cache, load_benchmark
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.cards import MetricCard
from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError, UnknownId
from brainbench_audio.files import hash_file
from brainbench_audio.pipeline.run import run
from brainbench_audio.registry.discovery import Plugin, plugins
from brainbench_audio.scores.score import Score
from brainbench_audio.testing import DummyModel

Make = Callable[..., Path]
MODEL = """
from brainbench_audio.testing import DummyModel
class Mine(DummyModel):
    pass
"""


class NearestMean:
    """Accuracy on the last split of the nearest mean of a label in the first split."""

    def __call__(self, layers: Mapping[str, Any], target: xr.DataArray, folds: Folds) -> Score:
        split = np.asarray(folds)
        features, labels = layers["log_bands"], target.values.argmax(axis=1)
        train = split == 0
        means = [features[train & (labels == label)].mean(axis=0) for label in range(3)]
        nearest = np.linalg.norm(features[:, None] - np.stack(means), axis=2).argmin(axis=1)
        return Score(value=float((nearest == labels)[split == split.max()].mean()))


@pytest.fixture(autouse=True)
def nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a quick metric stand in for the probe."""
    module = ModuleType("hear_stand_in")
    module.load = lambda card, variant: NearestMean()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hear_stand_in", module)
    card = MetricCard(
        id="probe",
        description="nearest mean",
        unit="accuracy",
        licence="MIT",
        citation="@misc{none, title = {None}, year = {2020}}",
        packages=("brainbench_hear",),
        loader="hear_stand_in:load",
        requires={None: frozenset({"task"})},
    )
    others = tuple(plugin for plugin in plugins() if plugin.distribution != "brainbench-probe")
    together = (*others, Plugin("stand-in", "1.0", "hear_stand_in", (card,)))
    monkeypatch.setattr("brainbench_audio.registry.lookup.plugins", lambda: together)


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(MODEL)
    return f"{tmp_path / 'mine.py'}:Mine"


def scored(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert main(["--debug", "score", *arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_a_folder_is_scored(make: Make, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder, other = make(), make(name="beeps", folds=3)
    first, second = scored(capsys, "--model", model, "--hear-task", str(folder), str(other))
    assert (first["benchmark"], second["benchmark"]) == ("HEAR.tones-probe", "HEAR.beeps-probe")
    assert first["score"] > 0.5
    assert not first["cached"]
    elsewhere = shutil.move(folder, folder.with_name("elsewhere"))
    again = scored(capsys, "--model", model, "--hear-task", str(elsewhere))[0]
    assert again["cached"], "where a folder lies decides nothing"
    assert again["score"] == first["score"]


def test_a_folder_beside_benchmarks(
    make: Make, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scored(
        capsys, "-m", model, "-b", "HEAR.gtzan-probe", "--hear-task", str(make()), status=1
    )
    assert [pair["benchmark"] for pair in found] == ["HEAR.tones-probe"]


def test_neither_folder_nor_benchmark(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["score", "--model", model])
    assert left.value.code == 2
    assert "--benchmark or --hear-task" in capsys.readouterr().err


def test_a_folder_that_is_none_is_named(
    tmp_path: Path, make: Make, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert main(["score", "-m", model, "--hear-task", nowhere, str(make())]) == 1
    told = capsys.readouterr()
    assert "HEAR.tones-probe" in told.out
    assert re.search(f"HEAR-probe {nowhere} failed: .*no folder in HEAR format", told.err)


def test_a_benchmark_is_its_id_and_options(make: Make) -> None:
    folder = make()
    benchmark = load_benchmark("HEAR-probe", folder=str(folder))
    assert benchmark.card.id == "HEAR.tones-probe"
    again = load_benchmark(benchmark.card.id, folder=str(folder))
    assert again.fingerprint == benchmark.fingerprint  # type: ignore[attr-defined]
    with pytest.raises(DataError, match=r"holds HEAR\.tones, not HEAR\.esc50"):
        load_benchmark("HEAR.esc50-probe", folder=folder)
    with pytest.raises(UnknownId, match="HEAR-probe is no benchmark"):
        load_benchmark("HEAR-probe")


def test_the_score_depends_on_what_is_in_the_folder(make: Make) -> None:
    folder = make()

    def key() -> Any:
        benchmark = load_benchmark("HEAR-probe", folder=folder)
        score = run(DummyModel(), benchmark).score
        return score.provenance["key"]

    keys = [key()]
    file = folder / "task_metadata.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "evaluation": ["d_prime"]}))
    keys.append(key())
    labels = json.loads((folder / "valid.json").read_text())
    (folder / "valid.json").write_text(json.dumps({**labels, "clip0000.wav": ["high"]}))
    keys.append(key())
    shutil.copyfile(folder / "16000/test/clip0001.wav", folder / "16000/test/clip0002.wav")
    keys.append(key())
    assert len(set(keys)) == 4


def test_a_stored_score_reads_no_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    folder = Maker(rates=(16000, 48000)).write(tmp_path / "given")
    hashed: list[Path] = []

    def hash_and_tell(path: Path) -> str:
        hashed.append(path)
        return hash_file(path)

    monkeypatch.setattr(hash_cache, "hash_file", hash_and_tell)
    monkeypatch.setattr(hash_cache, "_SETTLED", -(10**18))
    assert not scored(capsys, "-m", model, "--hear-task", str(folder))[0]["cached"]
    assert len(hashed) == 36, "each file once"
    monkeypatch.setattr("brainbench_audio.stimuli.stimulus_set.read_waveform", None)
    assert scored(capsys, "-m", model, "--hear-task", str(folder))[0]["cached"]
    assert len(hashed) == 36
