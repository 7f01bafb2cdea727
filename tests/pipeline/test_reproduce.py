"""A result is made again, from what is installed alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.pipeline import reproduce as module
from brainbench_audio.pipeline.reproduce import read_result, reproduce
from brainbench_audio.scores.store import stored_scores
from brainbench_audio.sharing.record import record_text

Told = pytest.CaptureFixture[str]
Change = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("tiny")
MODEL = """
import numpy as np
from pathlib import Path

Path({marker!r}).touch()


class Net:
    layers = ("out",)
    sample_rate = 16_000
    fingerprint = "mine"

    def activations(self, waveforms, layers=None):
        return {{"out": np.array([[w.std(), w.max()] for w in waveforms], dtype=np.float32)}}
"""


@pytest.fixture
def change(tmp_path: Path) -> Change:
    """Score a pair; return a function that writes its record with something else in it."""
    assert main(["score", "-m", "tiny-plain", "-b", "Tiny-match"]) == 0
    (entry,) = stored_scores()
    sound = json.loads(record_text(entry, "Ann"))

    def write(provenance: Any = None, **fields: Any) -> Path:
        content = {**sound, **fields}
        content["provenance"] = {**sound["provenance"], **(provenance or {})}
        file = tmp_path / "record.json"
        file.write_text(json.dumps(content))
        return file

    return write


def test_a_result_of_this_machine(change: Change, capsys: Told) -> None:
    (entry,) = stored_scores()
    for file in (entry.path, change()):
        assert main(["reproduce", str(file), "--tolerance", "1e-12"]) == 0
        told = capsys.readouterr().out
        assert "tiny-plain on Tiny-match: reproduced, all numbers to 1e-12" in told
        assert "what" not in told
    assert [one.path for one in stored_scores()] == [entry.path], "nothing is stored"
    assert main(["reproduce", str(change()), "--recompute", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["differences"] == []


def test_another_result(change: Change, capsys: Told) -> None:
    (entry,) = stored_scores()
    value = entry.summary["value"]
    assert main(["reproduce", str(change(value=value + 1e-5))]) == 0
    capsys.readouterr()
    assert main(["reproduce", str(change(value=value + 0.01, layer="other"))]) == 1
    assert "not reproduced: layer, value differ by more than 0.0001" in capsys.readouterr().out
    # of two layers that are equally good either may win
    assert main(["reproduce", str(change(layer="other"))]) == 0


@pytest.mark.parametrize("layers", ["bands", ["bands", 1], {"bands": 1}, 3])
def test_layers_that_are_no_texts(change: Change, layers: Any) -> None:
    with pytest.raises(DataError, match="names are no list of texts"):
        reproduce(read_result(change({"only_layers": layers})))


@pytest.mark.parametrize("layer", ["bands", "log_bands"])
def test_a_result_of_some_layers(layer: str, capsys: Told) -> None:
    assert main(["score", "-m", "tiny-plain", "-b", "Tiny-match", "--layers", layer]) == 0
    (entry,) = stored_scores()
    capsys.readouterr()
    assert main(["reproduce", str(entry.path), "--tolerance", "1e-12", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["differences"] == []


def test_what_it_was_made_from(change: Change, capsys: Told) -> None:
    (entry,) = stored_scores()
    about = entry.summary["provenance"]
    versions = {**about["versions"], "numpy": "2.0.0"}
    activations = {**about["activations"], "fingerprint": {"files": ["a" * 64]}}
    file = change(
        {
            "inputs": {**about["inputs"], "assembly": "f" * 64},
            "identity": {**about["identity"], "fingerprint": "1a2b3c4d", "version": "1a2b3c4d"},
            "activations": activations,
            "versions": versions,
            "plugins": {**about["plugins"], "brainbench-tiny": "0.9", "gone": "1"},
        }
    )
    assert main(["reproduce", str(file), "--json"]) == 0, "the numbers are the same"
    found = json.loads(capsys.readouterr().out)["differences"]
    decisive = {one["what"] for one in found if one["decides"]}
    assert {"inputs.assembly", "identity.version", "activations.fingerprint.files"} <= decisive
    assert {one["what"]: (one["there"], one["here"]) for one in found if not one["decides"]} == {
        "versions.numpy": ("2.0.0", about["versions"]["numpy"]),
        "plugins.brainbench-tiny": ("0.9", "1.5"),
    }
    assert main(["reproduce", str(file)]) == 0
    told = capsys.readouterr().out
    assert "another score is to be expected" in told
    assert "should not matter" in told


def test_a_result_runs_nothing_that_it_names(
    change: Change, tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, file = tmp_path / "ran", tmp_path / "net.py"
    file.write_text(MODEL.format(marker=str(marker)))
    identity = {"version": "1a2b3c4d", "fingerprint": "1a2b3c4d"}
    for source, name in ((str(file), "Net"), ("", f"{file}:Net"), ("brainbench-hub", "hf:a/b")):
        about = {"identity": {**identity, "id": name, "source": source}, "model": name}
        with pytest.raises(DataError, match="no model of an installed plugin"):
            reproduce(read_result(change(about)))
    for given in (f"{file}:Net", "hf:a/b"):
        with pytest.raises(DataError, match=r"compares with .* no model of an installed plugin"):
            reproduce(read_result(change({"benchmark": f"Tiny-ridge-unique={given}"})))
    loaded: list[dict[str, Any]] = []

    def loading(*_given: object, **options: Any) -> None:
        loaded.append(options)
        raise DataError("loaded")

    with monkeypatch.context() as patch:
        patch.setattr(module, "load_benchmark", loading)
        for options in (
            {"folder": "/"},
            {"permutations": 10**9},
            {"permutations": True},
            {"seed": "0"},
            {"seed": -1},
            {"device": "mps"},
            {"device": ["cuda"]},
        ):
            with pytest.raises(DataError, match="cannot be made again"):
                reproduce(read_result(change({"inputs": {"options": options}})))
        assert loaded == []
        with pytest.raises(DataError, match=r"^loaded$"):
            reproduce(read_result(change({"inputs": {"options": {"device": "cuda"}}})))
    assert loaded[0]["device"] == "cuda"
    assert not marker.exists()
    # whoever asks may name it
    assert main(["score", "-m", f"{file}:Net", "-b", "Tiny-match"]) == 0
    (entry,) = [one for one in stored_scores() if one.model == "Net"]
    assert main(["reproduce", str(entry.path)]) == 1
    assert "--model" in capsys.readouterr().err
    assert main(["reproduce", str(entry.path), "--model", f"{file}:Net"]) == 0


def test_files_that_are_no_results(tmp_path: Path, keep: Callable[..., Path], capsys: Told) -> None:
    old = keep("tiny-plain", "Tiny-match", 0.5, provenance={"created": "before"})
    for name, text in (("a.json", "[]"), ("a.nc", "x"), ("nowhere.nc", None)):
        if text is not None:
            (tmp_path / name).write_text(text)
        assert main(["reproduce", str(tmp_path / name)]) == 1
    assert main(["reproduce", str(old)]) == 1
    assert "says too little to be made again" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["reproduce", str(old), "--tolerance", "2"])
