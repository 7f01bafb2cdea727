"""`brainbench results`: what is stored, removing it, and tags."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.files import locked
from brainbench_audio.scores import store as scores_store
from brainbench_audio.scores.identities import record_version
from brainbench_audio.scores.store import stored_scores

Told = pytest.CaptureFixture[str]
Keep = Callable[..., Path]
FILE, OLD, NEW = "/home/me/model.py", "1a2b3c4d", "5e6f7a8b"


@pytest.fixture(autouse=True)
def store(keep_version: Keep) -> None:
    keep_version("Net", FILE, OLD, "A-x", 0.1, created="2026-01-01T00:00:00+00:00")
    keep_version("Net", FILE, OLD, "B-x", 0.2, created="2026-01-02T00:00:00+00:00")
    keep_version("Net", FILE, NEW, "A-x", 0.3, created="2026-02-01T00:00:00+00:00", key="a")
    keep_version("Net", FILE, NEW, "A-x", 0.4, created="2026-02-02T00:00:00+00:00", key="b")
    recent = (datetime.now(UTC) - timedelta(days=2)).isoformat(timespec="seconds")
    keep_version("deep", "brainbench-deep", OLD, "A-x", 0.5, created=recent)


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(f"{text}\n"))


def listed(told: Told, *arguments: str) -> list[dict[str, Any]]:
    assert main(["results", "list", "--json", *arguments]) == 0
    return list(json.loads(told.readouterr().out))


def values() -> list[float]:
    return sorted(entry.summary["value"] for entry in stored_scores())


def test_list_shows_what_reports_show(capsys: Told) -> None:
    assert main(["results", "list"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[0].split() == [
        *("model", "version", "benchmark", "score", "error", "created", "file")
    ]
    assert "2 scores of 1 older version are not shown" in told.err
    rows = listed(capsys)
    assert [(row["model"], row["version"], row["score"]) for row in rows] == [
        ("Net", NEW, 0.4),
        ("deep", OLD, 0.5),
    ]
    assert all(row["current"] for row in rows)
    assert Path(rows[0]["file"]).is_file()


def test_list_all(capsys: Told) -> None:
    rows = listed(capsys, "--all")
    assert sorted((row["score"], row["current"]) for row in rows) == [
        *((0.1, False), (0.2, False), (0.3, True), (0.4, True), (0.5, True))
    ]
    assert {row["model"] for row in rows} == {"Net", "deep"}
    rows = listed(capsys, "--all", "--model", "Net", "--benchmark", "B-*")
    assert [row["score"] for row in rows] == [0.2]
    rows = listed(capsys, "--model", "Net#1a2b")
    assert sorted(row["score"] for row in rows) == [0.1, 0.2]
    record_version({"id": "Net", "source": FILE, "version": OLD})
    assert sorted(row["score"] for row in listed(capsys)) == [0.1, 0.2, 0.5]


def test_the_old_way_to_list(capsys: Told) -> None:
    assert main(["list", "results", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["model"], row["version"]) for row in rows} == {
        *(("Net", OLD), ("Net", NEW), ("deep", OLD))
    }
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--model", "Net"], [0.5]),
        (["--model", "Net#1a2b3c4d"], [0.3, 0.4, 0.5]),
        (["--model", "./model.py:Net#5e6f"], [0.1, 0.2, 0.5]),
        (["--model", "*", "--benchmark", "B-x"], [0.1, 0.3, 0.4, 0.5]),
        (["--benchmark", "A-x"], [0.2]),
        (["--older-than", "1d"], []),
        (["--older-than", "3d"], [0.5]),
        (["--older-than", "3d", "--model", "deep"], [0.1, 0.2, 0.3, 0.4, 0.5]),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_rm(
    options: list[str], left: list[float], capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pathlib.Path.resolve", lambda self: Path("/home/me") / self.name)
    assert main(["results", "rm", "--yes", *options]) == 0
    assert values() == left
    gone = 5 - len(left)
    assert (f"{gone} removed, freed" if gone else "nothing to remove") in capsys.readouterr().out


def test_rm_shows_what_will_go_and_asks(capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    size = sum(entry.path.stat().st_size for entry in stored_scores() if entry.model == "Net")
    for refused in ("", "n", "no"):
        answer(monkeypatch, refused)
        assert main(["results", "rm", "--model", "Net"]) == 0
        told = capsys.readouterr().out
        assert f"4 scores of 1 model on 2 benchmarks, {size / 1000:.1f} kB" in told
        assert "nothing was removed" in told
        assert len(values()) == 5
    answer(monkeypatch, "y")
    assert main(["results", "rm", "--model", "Net"]) == 0
    assert values() == [0.5]


def test_rm_without_anybody_to_ask(capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["results", "rm", "--model", "Net"]) == 1
    told = capsys.readouterr()
    assert "4 scores of 1 model" in told.out
    assert "nothing was removed: there is no terminal to ask, so add --yes" in told.err
    assert len(values()) == 5


@pytest.mark.parametrize(
    "options", [[], ["--yes"], ["--older-than", "month", "--yes"], ["--older-than", "999999w"]]
)
def test_rm_wants_to_know_what(options: list[str], capsys: Told) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["results", "rm", *options])
    assert stopped.value.code == 2
    assert "--older-than" in capsys.readouterr().err
    assert len(values()) == 5


@pytest.mark.parametrize(
    "options",
    [
        *(["--by", ""], ["--by="], ["--by", " "], ["--model", "", "--by", "Ada"]),
        *(["--model", "Net", "--by", ""], ["--benchmark", "", "--model", "Net"]),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_rm_with_a_name_that_is_empty(options: list[str], capsys: Told) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["results", "rm", "--yes", *options])
    assert stopped.value.code == 2
    assert re.search(r"--\w+ is empty: give it a value, or leave it out", capsys.readouterr().err)
    assert len(values()) == 5


def test_rm_of_what_is_older_than_now(capsys: Told) -> None:
    assert main(["results", "rm", "--yes", "--older-than", "0d"]) == 0
    assert values() == []


def test_rm_waits_for_a_writer(capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores_store, "_PATIENCE", 0.1)
    entry = next(entry for entry in stored_scores() if entry.summary["value"] == 0.2)
    with locked(entry.path.with_name(entry.path.stem.rpartition("-")[0])):
        assert main(["results", "rm", "--model", "Net", "--yes"]) == 1
    told = capsys.readouterr()
    assert "3 removed" in told.out
    assert "has been in use by another process" in told.err
    assert values() == [0.2, 0.5]
    assert main(["results", "rm", "--model", "Net", "--yes"]) == 0
    assert values() == [0.5]


def test_tag(capsys: Told) -> None:
    assert main(["results", "tag", "Net#1a2b", "before-finetuning"]) == 0
    assert capsys.readouterr().out == f"Net#before-finetuning is version {OLD}\n"
    rows = listed(capsys, "--all", "--model", "Net#before-finetuning")
    assert [(row["version"], row["tag"]) for row in rows] == [(OLD, "before-finetuning")] * 2
    assert main(["results", "list", "--all"]) == 0
    assert f"{OLD} (before-finetuning)" in capsys.readouterr().out
    assert main(["results", "tag", "Net", "now"]) == 0
    assert capsys.readouterr().out == f"Net#now is version {NEW}\n"
    assert main(["results", "tag", "Net", "before-finetuning"]) == 1
    assert f"another version, Net#{OLD}" in capsys.readouterr().err
    assert main(["results", "tag", "Net", "deadbeef"]) == 1
    assert "A tag is" in capsys.readouterr().err
    assert main(["results", "tag", "Net#before-finetuning", "--remove"]) == 0
    assert "no longer called before-finetuning" in capsys.readouterr().out
    assert main(["results", "list", "--model", "Net#before-finetuning"]) == 2
    assert main(["results", "tag", "Net", "before-finetuning"]) == 0


def test_the_tag_of_a_version_without_scores_is_free(capsys: Told) -> None:
    assert main(["results", "tag", "Net#1a2b", "best"]) == 0
    assert main(["results", "rm", "--model", "Net#best", "--yes"]) == 0
    assert main(["results", "tag", "Net", "best"]) == 0
    assert f"Net#best is version {NEW}" in capsys.readouterr().out


def test_the_end_of_the_input_is_no_answer(capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(""))
    assert main(["results", "rm", "--model", "Net"]) == 0
    assert "nothing was removed" in capsys.readouterr().out
    assert len(values()) == 5


def test_tag_is_of_one_model(capsys: Told) -> None:
    assert main(["results", "tag", "*", "all"]) == 2
    assert "is 2 models" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["results", "tag", "Net"])
    assert "give a TAG" in capsys.readouterr().err


def test_an_empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Told) -> None:
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "empty"))
    assert main(["results", "list"]) == 0
    assert capsys.readouterr().out == "no results\n"
    assert listed(capsys) == []
    assert main(["results", "rm", "--older-than", "1d", "--yes"]) == 0
    assert "nothing to remove" in capsys.readouterr().out
