"""Checkpoints scored step by step: from folders, globs and a pretended hub; resumed, cleaned up."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import torch
import xarray as xr

from brainbench_audio import load_model, settings
from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.cli.main import main
from brainbench_audio.errors import ContractError, DataError, UnknownId
from brainbench_audio.hub import list_files
from brainbench_audio.pipeline.checkpoints import list_checkpoints
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.scores.layers import layer_means, layer_scores
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import stored_scores
from brainbench_audio.training.checkpoints import Step
from brainbench_audio.training.trajectory import (
    Trajectory,
    label_scores,
    trajectory,
)

TOY = """
import os
from pathlib import Path
import torch
from brainbench_audio.activations.family import Family
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.registry import hookimpl

CARD = ModelCard(
    id="toy-base", family="toy", label="Toy", parameters=0, layers=("first", "second"),
    dims=(4, 3), sample_rate=8000, licence="MIT", citation="@misc{toy}", training_data="none",
    source="https://example.org", packages=("plugin_toy",), loader="plugin_toy:load",
    weights=(WeightsFile(url="https://example.org/toy.pt"),),
)

@hookimpl
def brainbench_models():
    return [CARD]

class Toy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(8, 4)
        self.second = torch.nn.Linear(4, 3)

    def forward(self, waveforms):
        frames = waveforms.unfold(1, 8, 8).abs()
        return self.second(self.first(frames).relu())

def load(card, weights=None, *, control=None):
    with open(os.environ["TOY_LOADS"], "a") as file:
        file.write(f"{weights}\\n")
    family = Family(build=lambda card: Toy(), read=lambda content: content["state_dict"])
    return family(card, weights, control=control)
"""
OWN = "from plugin_toy import CARD, load\n\ndef Mine(weights):\n    return load(CARD, weights)\n"


@dataclass
class Toy:
    """The toy plugin's surroundings."""

    folder: Path
    log: Path

    @property
    def loads(self) -> int:
        return len(self.log.read_text().splitlines())


def checkpoint(path: Path, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "first.weight": (4, 8),
        "first.bias": (4,),
        "second.weight": (3, 4),
        "second.bias": (3,),
    }
    state = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    torch.save({"state_dict": state, "step": seed}, path)


@pytest.fixture
def toy(tiny: Path, install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    install("brainbench-toy", "plugin_toy", TOY)
    found = Toy(tmp_path / "run", tmp_path / "loads.txt")
    found.folder.mkdir()
    found.log.touch()
    monkeypatch.setenv("TOY_LOADS", str(found.log))
    for step in (0, 10, 200):
        checkpoint(found.folder / f"epoch=1-step={step}.ckpt", step)
    return found


def run(source: Any, benchmarks: Sequence[str] = ("Tiny-match",), **options: Any) -> Trajectory:
    return trajectory("toy-base", list_checkpoints(source), benchmarks, **options)


def test_every_step_is_a_model_of_its_own(toy: Toy) -> None:
    found = run(toy.folder)
    assert not found.failures
    names = [each.run.model for each in found.runs]
    assert names == ["toy-base@step=0", "toy-base@step=10", "toy-base@step=200"]
    assert {entry.model for entry in stored_scores()} == set(names)
    told = stored_scores()[0].summary["provenance"]["checkpoint"]
    file = next(toy.folder.glob(f"*step={told['step']}.ckpt"))
    assert told["content"] == hashlib.sha256(file.read_bytes()).hexdigest()
    data = found.data
    assert data["score"].dims == ("step", "layer", "component", "benchmark")
    assert data["step"].values.tolist() == [0, 10, 200]
    for each in found.runs:
        one = data["score"].sel(step=each.step, benchmark="Tiny-match")
        np.testing.assert_array_equal(one, each.run.score.raw["layer_score"])
    assert len({float(value) for value in data["value"].values.ravel()}) == 3


def test_it_is_the_score_of_the_model_loaded_by_hand(toy: Toy) -> None:
    from brainbench_audio.pipeline.run import run as run_pair

    first = run(toy.folder).runs[1].run
    file = toy.folder / "epoch=1-step=10.ckpt"
    by_hand = run_pair(load_model("toy-base@step=10", weights=file), "Tiny-match")
    assert by_hand.cached
    assert by_hand.score.value == first.score.value


def test_a_second_run_loads_nothing(toy: Toy) -> None:
    first = run(toy.folder)
    assert toy.loads == 3
    again = run(toy.folder)
    assert toy.loads == 3
    assert all(each.run.cached and not each.loaded for each in again.runs)
    xr.testing.assert_equal(first.data, again.data)


def test_another_benchmark_on_the_same_sounds_needs_no_checkpoint(toy: Toy) -> None:
    run(toy.folder)
    more = run(toy.folder, ["Tiny.a-match"])
    assert toy.loads == 3
    assert not any(each.run.cached for each in more.runs)
    assert more.data["region"].values.tolist() == ["a"]


def test_an_interrupted_run_goes_on(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    from brainbench_audio.training import trajectory as module

    real = module.run

    def interrupted(model: Any, benchmark: Any, **options: Any) -> Any:
        if model.identity.id.endswith("=200"):
            raise KeyboardInterrupt
        return real(model, benchmark, **options)

    monkeypatch.setattr(module, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(toy.folder)
    monkeypatch.setattr(module, "run", real)
    found = run(toy.folder)
    assert [each.run.cached for each in found.runs] == [True, True, False]


def test_a_changed_file_is_scored_anew(toy: Toy) -> None:
    before = run(toy.folder)
    checkpoint(toy.folder / "epoch=1-step=10.ckpt", 99)
    after = run(toy.folder)
    assert [each.run.cached for each in after.runs] == [True, False, True]
    assert before.runs[1].run.score.value != after.runs[1].run.score.value


def test_a_changed_plugin_is_loaded_anew(toy: Toy, tiny: Path) -> None:
    run(toy.folder)
    source = tiny.parent / "plugin_toy.py"
    source.write_text(source.read_text() + "\n# changed\n")
    failures = run(toy.folder).failures
    assert len(failures) == 3
    assert "plugin_toy.py has changed since this process imported it" in str(failures[0][1])
    del sys.modules["plugin_toy"]
    assert not any(each.run.cached for each in run(toy.folder).runs)
    assert toy.loads == 6


def test_a_failing_step_does_not_stop_the_others(toy: Toy) -> None:
    (toy.folder / "step=5.ckpt").write_bytes(b"no weights")
    found = run(toy.folder, ["Tiny-match", "Tiny.b-match"])
    assert [each.step for each in found.runs] == [0, 0, 10, 10, 200, 200]
    ((what, error),) = found.failures
    assert what == "toy-base@step=5"
    assert "damaged" in str(error)
    assert found.data["step"].values.tolist() == [0, 10, 200]


def test_activations_are_dropped_on_demand(toy: Toy) -> None:
    run(toy.folder, drop_activations=True)
    assert not list(activations_folder().glob("*/chunk-*"))
    assert all(each.run.cached for each in run(toy.folder).runs)
    assert toy.loads == 3
    run(toy.folder, ["Tiny.a-match"])
    assert toy.loads == 6


def test_a_model_of_ones_own_file(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    name = f"{tmp_path / 'own.py'}:Mine"
    for loads in (3, 3):
        found = trajectory(name, list_checkpoints(toy.folder), ["Tiny-match"])
        assert found.runs[0].run.model == "Mine@step=0"
        assert toy.loads == loads


@pytest.mark.usefixtures("toy")
def test_a_step_needs_its_file() -> None:
    parsed = ModelId.parse("toy-base@step=10")
    assert (parsed.name, parsed.step) == ("toy-base", 10)
    assert find_model("toy-base@step=10").card.id == "toy-base"
    with pytest.raises(ContractError, match="give its file"):
        load_model("toy-base@step=10")
    with pytest.raises(UnknownId):
        load_model("toy-base@step=ten", weights="x")
    with pytest.raises(ContractError, match="takes no checkpoints"):
        trajectory("toy-base@permuted", [], [])


class Hub:
    """What of huggingface_hub is used here, with a folder in place of the network."""

    def __init__(self, folder: Path, cached: Path) -> None:
        self.folder = folder
        self.cached = cached
        self.downloads: list[str] = []

    def repo_info(self, repository: str, revision: str | None = None) -> Any:
        assert repository == "owner/runs"
        return SimpleNamespace(sha="c" * 40)

    def list_repo_tree(self, repository: str, folder: str, **options: Any) -> Any:
        from huggingface_hub.hf_api import RepoFile

        assert options["revision"] == "c" * 40
        for file in sorted(self.folder.glob("*")):
            content = file.read_bytes()
            large = {"size": len(content), "oid": hashlib.sha256(content).hexdigest()}
            told = {"lfs": {**large, "pointerSize": 1}} if file.suffix == ".ckpt" else {}
            yield RepoFile(path=f"{folder}/{file.name}", size=len(content), oid="0", **told)

    def download(self, url: str, target: Path, **_: Any) -> None:
        assert f"/resolve/{'c' * 40}/" in url
        self.downloads.append(url)
        target.write_bytes((self.folder / Path(unquote(url)).name).read_bytes())

    def metadata(self, url: str) -> Any:
        assert f"/resolve/{'c' * 40}/" in url
        size = (self.folder / Path(unquote(url)).name).stat().st_size
        return SimpleNamespace(size=size, etag="0", commit_hash="c" * 40, location=url)


@pytest.fixture
def hub(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    import huggingface_hub

    found = Hub(toy.folder, tmp_path / "home" / "data" / "weights" / "toy-base")
    monkeypatch.delenv("BRAINBENCH_OFFLINE")
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: found)
    monkeypatch.setattr("brainbench_audio.hub.transfer", found.download)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", found.metadata)
    return found


SOURCE = "hf://owner/runs/exps/fine/*.ckpt"


def test_checkpoints_of_the_hub_are_fetched_one_by_one_and_removed(hub: Hub, toy: Toy) -> None:
    (toy.folder / "readme.md").write_text("no checkpoint")
    assert [found.step for found in list_checkpoints(SOURCE)] == [0, 10, 200]
    first = run(SOURCE)
    assert not first.failures
    assert len(hub.downloads) == 3
    assert not [path for path in hub.cached.rglob("*.ckpt") if path.is_file()]
    again = run(SOURCE)
    assert len(hub.downloads) == 3
    assert all(each.run.cached for each in again.runs)
    # the same content at another place is the same model
    assert all(each.run.cached for each in run(toy.folder).runs)
    assert toy.loads == 3


def test_downloads_are_kept_on_demand(hub: Hub) -> None:
    run(SOURCE, keep=True)
    assert len([path for path in hub.cached.rglob("*.ckpt") if path.is_file()]) == 3


def test_a_download_that_is_not_what_was_listed(hub: Hub, toy: Toy) -> None:
    found = list_checkpoints(SOURCE)
    checkpoint(toy.folder / "epoch=1-step=10.ckpt", 7)
    told = trajectory("toy-base", found, ["Tiny-match"])
    assert [each.step for each in told.runs] == [0, 200]
    assert "is not the file it should be" in str(told.failures[0][1])


def test_what_the_hub_cannot_answer(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [file.path for file in list_files("hf://owner/runs/exps/fine/*=10.ckpt@v1")] == [
        "exps/fine/epoch=1-step=10.ckpt"
    ]
    with pytest.raises(DataError, match=r"None of the 3 files in owner/runs/exps"):
        list_files("hf://owner/runs/exps/fine/*.pt")
    with pytest.raises(DataError, match="names no files"):
        list_files("hf://owner/runs")

    class NoConnectionError(Exception):
        pass

    def fail(*_: Any, **__: Any) -> Any:
        raise NoConnectionError("Name or service not known")

    monkeypatch.setattr(hub, "repo_info", fail)
    with pytest.raises(DataError, match=r"Cannot list owner/runs .*service not known"):
        list_files(SOURCE)
    monkeypatch.setenv("BRAINBENCH_OFFLINE", "1")
    with pytest.raises(DataError, match="BRAINBENCH_OFFLINE"):
        list_files(SOURCE)


def test_medians_of_subjects_and_missing_scores() -> None:
    values = np.array([[0.1, 0.2, 0.6, 0.5], [np.nan, np.nan, 0.4, 0.8]])
    raw = xr.Dataset(
        {
            "prediction": (("stimulus", "voxel"), np.zeros((2, 4))),
            "layer_score": (("layer", "voxel"), values),
        },
        {"layer": ["a", "b"], "subject": ("voxel", ["x", "x", "x", "y"])},
    )
    score = Score(value=0.5, raw=raw, layer="a")
    found = layer_scores(score)
    assert found.dims == ("layer", "subject")
    np.testing.assert_allclose(found, [[0.2, 0.5], [0.4, 0.8]])
    assert layer_means(score) == pytest.approx({"a": 0.35, "b": 0.6})
    profile = raw.assign(profile=("layer", [0.3, 0.2]))
    assert layer_means(Score(value=0.5, raw=profile)) == {"a": 0.3, "b": 0.2}
    data = label_scores(
        {
            (5, "NH2015.primary-ridge"): score,
            (1, "NH2015.lateral-ridge"): Score(value=0.1, interval=(0.0, 0.2), layer="b"),
        }
    )
    assert data["region"].values.tolist() == ["primary", "lateral"]
    assert data["dataset"].values.tolist() == ["NH2015", "NH2015"]
    assert data["score"].dims == ("step", "layer", "part", "benchmark")
    assert (
        float(data["score"].sel(step=5, layer="b", part="y", benchmark="NH2015.primary-ridge"))
        == 0.8
    )
    assert np.isnan(data["value"].sel(step=1, benchmark="NH2015.primary-ridge"))
    assert data["interval_high"].sel(step=1).values.tolist()[1] == 0.2
    assert data["best_layer"].values.tolist() == [["", "b"], ["a", ""]]


def test_the_command(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.nc"
    arguments = ["trajectory", "-m", "toy-base", "-c", str(toy.folder), "-b", "Tiny-match"]
    assert main([*arguments, "--output", str(output)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("toy-base on Tiny-match:\nstep")
    assert len(told.splitlines()) == 6
    with xr.open_dataset(output) as data:
        assert data["score"].shape == (3, 2, 3, 1)
        assert json.loads(data.attrs["provenance"])["model"] == "toy-base"
    (toy.folder / "step=5.ckpt").write_bytes(b"no weights")
    assert main([*arguments, "--json"]) == 1
    out, err = capsys.readouterr()
    rows = json.loads(out)
    assert [row["step"] for row in rows] == [0, 10, 200]
    assert set(rows[0]["layers"]) == {"first", "second"}
    assert rows[0]["cached"]
    assert "brainbench: toy-base@step=5 failed:" in err
    assert main(["trajectory", "-m", "toy-bace", "-c", "x", "-b", "Tiny-match"]) == 2
    assert "Did you mean toy-base?" in capsys.readouterr().err


def test_a_remembered_identity_that_lies_is_found_out(toy: Toy) -> None:
    (found,) = list_checkpoints(toy.folder / "*=10.ckpt")
    Step("toy-base", found)
    (remembered,) = (settings.cache_home() / "identities").iterdir()
    content = json.loads(remembered.read_text())
    content["fingerprint"] = "another"
    remembered.write_text(json.dumps(content))
    told = run(toy.folder / "*=10.ckpt")
    assert "was changed while it was being scored" in str(told.failures[0][1])
    assert not run(toy.folder / "*=10.ckpt").failures
    remembered.write_text("half a fi")
    assert not run(toy.folder / "*=10.ckpt").failures


def test_learned_weights_of_layers_are_no_scores_of_layers() -> None:
    weights = xr.Dataset(
        {"layer_weights": (("fold", "layer"), [[0.2, 0.8]])}, {"layer": ["a", "b"], "fold": ["f"]}
    )
    found = layer_scores(Score(value=0.5, layer="b", parts={"test": 0.5}, raw=weights))
    assert found.values.tolist() == [[0.5]]


def test_a_glob_leaves_out_what_nobody_names(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("brainbench_ridge")
    arguments = ["trajectory", "-m", "toy-base", "-c", str(toy.folder), "--json"]
    assert main([*arguments, "-b", "Tiny-ridge-[fsu]*"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["benchmark"] for row in rows} == {"Tiny-ridge-scaled"}
