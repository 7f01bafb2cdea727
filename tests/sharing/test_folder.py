"""A folder of results: from a template to a site, and what validation finds on the way."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.sharing.folder import is_inside
from brainbench_audio.sharing.record import LARGEST

Scored = Callable[..., Path]
Told = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("tiny")
BENCHMARK = "Tiny-match"
CARD = {
    "id": "Net",
    "label": "My <b>net</b>",
    "family": "mine",
    "licence": "MIT",
    "training_data": "noise",
    "source": "javascript:alert(1)",
}


@pytest.fixture
def folder(tmp_path: Path, capsys: Told) -> Path:
    assert main(["new", "results", "lab", "--output", str(tmp_path / "lab")]) == 0
    capsys.readouterr()
    return tmp_path / "lab"


def submit(folder: Path, *arguments: str) -> int:
    return main(["results", "submit", "--to", str(folder), "--by", "Ann Lee", *arguments])


def found(folder: Path, told: Told, status: int = 1) -> dict[str, str]:
    """Return what validation finds: what it says of each place, odd things in brackets."""
    told.readouterr()
    assert main(["results", "validate", str(folder), "--json"]) == status
    problems = json.loads(told.readouterr().out)["problems"]
    places: dict[str, list[str]] = {}
    for one in problems:
        text = one["told"] if one["serious"] else f"({one['told']})"
        places.setdefault(one["place"], []).append(text)
    return {place: " ".join(texts) for place, texts in places.items()}


def change(file: Path, **fields: Any) -> None:
    content = json.loads(file.read_text())
    about = fields.pop("provenance", {})
    content["provenance"] |= about
    file.write_text(json.dumps(content | fields))


@pytest.mark.skipif(not shutil.which("git"), reason="there is no git")
def test_from_a_template_to_a_site(
    folder: Path, scored: Scored, tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ann@example.org")
    git("init", "--quiet", "--initial-branch", "main")
    git("add", "--all")
    git("commit", "--quiet", "--message", "first")
    hook = folder / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))  # of a shell within another hook
    raw = xr.Dataset({"profile": ("layer", np.array([0.1, 0.3]))}, {"layer": ["in", "out"]})
    scored("tiny-plain", BENCHMARK, 0.3, raw=raw, layer="out", interval=(0.2, 0.4))
    scored("Net", BENCHMARK, 0.2, source="/home/ann/net.py")
    assert submit(folder) == 0
    monkeypatch.delenv("GIT_DIR")
    told = capsys.readouterr().out
    branch = git("branch", "--show-current").strip()
    assert branch.startswith("results/ann-lee-")
    assert f"push --set-upstream origin {branch}" in told
    assert "models/Net.json: family, licence, training_data, source are empty" in told
    assert not (tmp_path / "ran").exists()
    new = git("status", "--porcelain", "--untracked-files=all").splitlines()
    assert sorted(line[3:].rpartition("/")[0] for line in new) == [
        *("models", "models", f"results/{BENCHMARK}/Net", f"results/{BENCHMARK}/tiny-plain")
    ]
    assert list(found(folder, capsys)) == ["models/Net.json"]
    (folder / "models" / "Net.json").write_text(json.dumps(CARD))
    assert found(folder, capsys, 0) == {}
    # again: nothing is new, so there is no other branch
    assert submit(folder) == 0
    assert "0 files written, 2 results known before" in capsys.readouterr().out
    site = tmp_path / "pages"
    arguments = ["report", "--results", str(folder), "-o", str(site), "--published", "none"]
    assert main(arguments) == 0
    board = (site / "index.html").read_text()
    assert "2 models on 1 benchmarks: 2 by others" in board
    assert "My &lt;b&gt;net&lt;/b&gt;" in board
    pages = {path.stem.partition("-")[0]: path.read_text() for path in site.glob("models/*")}
    assert "Layer by layer" in pages["tiny"]
    assert "<td>Ann Lee</td>" in pages["net"]
    assert 'href="javascript' not in pages["net"]


def test_what_is_not_committed_stays_alone(folder: Path, scored: Scored, capsys: Told) -> None:
    if not shutil.which("git"):
        pytest.skip("there is no git")
    scored("tiny-plain", BENCHMARK, 0.3)
    (folder / ".git").mkdir()
    assert submit(folder) == 1
    assert "git status failed" in capsys.readouterr().err
    (folder / ".git").rmdir()
    for arguments in (["init", "--quiet"], ["add", "README.md"]):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)
    assert submit(folder) == 1
    assert "not committed (A  README.md)" in capsys.readouterr().err
    assert not list(folder.glob("results/*/*/*"))


def test_a_result_that_is_there_is_never_replaced(
    folder: Path, scored: Scored, capsys: Told
) -> None:
    scored("tiny-plain", BENCHMARK, 0.3)
    assert submit(folder) == 0
    (record,) = folder.glob("results/*/*/*.json")
    before = record.read_bytes()
    scored("tiny-plain", BENCHMARK, 0.5)
    scored("tiny-plain@permuted", BENCHMARK, 0.1)
    assert submit(folder) == 1
    told = capsys.readouterr()
    assert "has 0.3, and your score is 0.5" in told.err
    assert "1 files written" in told.out
    assert record.read_bytes() == before


def test_what_is_wrong_with_a_record(folder: Path, scored: Scored, capsys: Told) -> None:
    scored("tiny-plain", BENCHMARK, 0.3)
    assert submit(folder) == 0
    (record,) = folder.glob("results/*/*/*.json")
    place, sound = str(record.relative_to(folder)), record.read_text()
    about = json.loads(sound)["provenance"]
    identity = about["identity"]
    for fields, told in (
        ({"value": None}, "its value is missing"),
        ({"value": "0.3"}, "its value is missing"),
        ({"format": 2}, "has format 2"),
        ({"error": -1.0}, "error is negative"),
        ({"ceiling": float("inf")}, "ceiling is not finite"),
        ({"interval": [0.4, 0.2]}, "above the upper one"),
        ({"parts": {"a": 10**400}}, "its parts is missing"),
        ({"layer": "\ud800"}, "no Unicode"),
        ({"provenance": {"stimuli": json.loads("[" * 100 + "]" * 100)}}, "more than 30 levels"),
        ({"provenance": {"chance": {"p": 1, "mean": 10**400}}}, "the mean of its chance"),
        ({"profile": {"in": "high"}}, "no number for each layer"),
        ({"provenance": {"measured_by": ""}}, "its measured_by is"),
        ({"provenance": {"created": "2999-01-01"}}, "in the past"),
        ({"provenance": {"versions": {}}}, "which versions made it"),
        ({"provenance": {"versions": {"brainbench-audio": "old"}}}, "is no version"),
        ({"provenance": {"identity": None}}, "its identity lacks"),
        ({"provenance": {"identity": identity | {"id": "other"}}}, "identity is that of other"),
        ({"provenance": {"identity": identity | {"fingerprint": "f" * 64}}}, "not the begin"),
        ({"provenance": {"benchmark": "Tiny-other"}}, "belongs to results/Tiny-other"),
        ({"provenance": {"benchmark": "Tiny-other"}}, "no benchmark 'Tiny-other'"),
    ):
        change(record, **fields)
        assert told in found(folder, capsys)[place], fields
        record.write_text(sound)
    for text, told in (
        ("{", "damaged"),
        ("[]", "not a stored score"),
        (" " * LARGEST + "{", "larger"),
    ):
        record.write_text(text)
        assert told in found(folder, capsys)[place]
    record.write_bytes(b"\xff")
    assert "cannot be read as text" in found(folder, capsys)[place]


def test_files_that_do_not_belong_there(
    folder: Path, scored: Scored, tmp_path: Path, capsys: Told
) -> None:
    scored("tiny-plain", BENCHMARK, 0.3)
    assert submit(folder) == 0
    (record,) = folder.glob("results/*/*/*.json")
    # another place for one result, and a name that some disks take for the same
    twin = folder / "results" / "Other-x" / record.parent.name / record.name
    twin.parent.mkdir(parents=True)
    shutil.copy(record, twin)
    loud = folder / "results" / BENCHMARK.upper() / record.parent.name / record.name
    loud.parent.mkdir(parents=True)
    shutil.copy(record, loud)
    (record.parent / "notes.txt").write_text("see also")
    secret = tmp_path / "secret.json"
    secret.write_text(record.read_text())
    (record.parent / "link.json").symlink_to(secret)
    (folder / "results" / "away").symlink_to(tmp_path)
    (folder / "models" / "link.json").symlink_to(secret)
    told = found(folder, capsys)
    places = [str(path.relative_to(folder)) for path in (twin, loud)]
    assert all("It belongs to" in told[place] for place in places)
    assert sum("the same result" in text for text in told.values()) == 2
    assert {
        *("results/away", "models/link.json"),
        *(str((record.parent / name).relative_to(folder)) for name in ("notes.txt", "link.json")),
        *places,
        str(record.relative_to(folder)),
    } == set(told)
    assert main(["report", "--results", str(folder), "-o", str(tmp_path / "pages")]) == 1
    with pytest.raises(DataError, match="is a link"):
        is_inside(folder, PurePosixPath("results/away/x"))


def test_numbers_that_look_odd(folder: Path, scored: Scored, capsys: Told) -> None:
    scored("tiny-plain", BENCHMARK, 0.9, ceiling=0.8)
    scored("tiny-plain@untrained", BENCHMARK, 0.02, provenance={"chance": {"p": 1, "mean": 0.05}})
    scored("tiny-plain@permuted", BENCHMARK, -0.1)
    scored("tiny-wide", BENCHMARK, 0.7, interval=(0.1, 0.2))
    scored("tiny-lost", BENCHMARK, 0.7)
    assert submit(folder) == 0
    told = {place.split("/")[2]: text for place, text in found(folder, capsys, 0).items()}
    (first,) = folder.glob("results/*/tiny-lost/*")
    assert told == {
        "tiny-plain": "(The score, 0.9, is above its ceiling, 0.8.)",
        "tiny-plain@untrained": "(The score, 0.02, is below chance, 0.05.)",
        "tiny-plain@permuted": "(The score, -0.1, is below chance, 0.)",
        "tiny-wide": "(The score, 0.7, is outside its interval, 0.1 to 0.2.) (The score is that of "
        f"tiny-lost ({first.relative_to(folder)}), to the last digit.)",
    }
    assert main(["results", "validate", str(folder), "--strict"]) == 1


def test_what_submit_and_validate_refuse(
    folder: Path, scored: Scored, tmp_path: Path, capsys: Told
) -> None:
    scored("tiny-plain", BENCHMARK, 0.3)
    with pytest.raises(SystemExit):
        main(["results", "submit", "--to", str(folder)])
    assert submit(tmp_path / "nowhere") == 1
    assert main(["results", "validate", str(tmp_path)]) == 1
    assert "brainbench new results NAME" in capsys.readouterr().err
    assert main(["new", "results", "a b"]) == 1
    assert main(["new", "results", "lab", "--output", str(folder)]) == 1
    assert "exists" in capsys.readouterr().err
