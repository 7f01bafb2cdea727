"""Real full disks: an error that says so, nothing half-written, and the right number afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.errors import CacheError
from brainbench_audio.pipeline.loading import load_benchmark
from brainbench_audio.pipeline.run import run
from brainbench_audio.report.published_files import imported_scores
from brainbench_audio.scores.store import stored_scores
from brainbench_audio.testing import DummyModel

ENOUGH = 60  # pages
Told = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: no test here pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def half_written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".part-" in path.name or ".corrupt" in path.name]


@pytest.mark.usefixtures("tiny")
def test_extraction_and_score_at_every_fill_level(
    disk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = load_benchmark("Tiny-match")  # its sounds lie elsewhere
    right = run(DummyModel(), benchmark).score.value
    monkeypatch.setenv("BRAINBENCH_HOME", str(disk.folder / "home"))
    refused = 0
    told: set[bool] = set()
    for pages in range(ENOUGH):
        disk.leave(pages)
        try:
            found = run(DummyModel(), benchmark)
        except CacheError as error:
            refused += 1
            told.add("Free some space" in str(error))
            assert half_written(disk.folder) == []
            assert stored_scores() == []
        else:
            assert found.score.value == right
            break
    assert 5 < refused < ENOUGH - 1, "extraction as well as the score met a full disk"
    assert told == {True}
    disk.empty()
    assert run(DummyModel(), benchmark).score.value == right
    (entry,) = stored_scores()
    assert entry.summary["value"] == right


@pytest.mark.parametrize("suffix", [".csv", ".json", ".nc", ".tex"])
def test_export(disk: Any, keep: Callable[..., Path], capsys: Told, suffix: str) -> None:
    for number in range(60):
        keep(f"model-{number}-with-a-long-name", "Brain-x", number / 100)
    target = disk.folder / f"results{suffix}"
    disk.leave(0)
    assert main(["export", "--output", str(target)]) == 1
    assert "Cannot write" in capsys.readouterr().err
    assert [path.name for path in disk.folder.iterdir()] == ["ballast"]
    disk.empty()
    assert main(["export", "--output", str(target)]) == 0
    assert target.stat().st_size > 1000


def test_import(disk: Any, tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINBENCH_HOME", str(disk.folder / "home"))
    file = tmp_path / "mine.csv"
    rows = [f"model-{number},Brain-x,0.{number + 10}" for number in range(500)]
    file.write_text("\n".join(["model,benchmark,value", *rows]))
    for pages in range(4):
        disk.leave(pages)
        assert main(["import", str(file)]) == 1
        assert "Cannot write" in capsys.readouterr().err
        assert imported_scores() == []
        assert half_written(disk.folder) == []
    disk.empty()
    assert main(["import", str(file)]) == 0
    assert len(imported_scores()) == 500


def test_report(disk: Any, keep: Callable[..., Path], capsys: Told) -> None:
    for number in range(5):
        keep(f"model-{number}", "Brain-x", number / 100)
    target = disk.folder / "site"
    arguments = ["report", "--output", str(target), "--published", "none"]
    for pages in (0, 2, 6):
        disk.leave(pages)
        assert main(arguments) == 1
        assert "Cannot write" in capsys.readouterr().err
        assert half_written(disk.folder) == []
    disk.empty()
    assert main(arguments) == 0
    assert "model-4" in (target / "index.html").read_text(encoding="utf-8")
