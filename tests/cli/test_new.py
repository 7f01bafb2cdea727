"""`brainbench new` writes files that are there, once, and says what comes next."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from brainbench_audio.cli.main import main


@pytest.mark.parametrize(
    ("kind", "name", "folder"),
    [
        ("model", "my-net", "brainbench-my-net"),
        ("benchmark", "MyData", "brainbench-mydata"),
        ("metric", "brainbench-near", "brainbench-near"),
    ],
)
def test_a_plugin_of_its_own(
    kind: str,
    name: str,
    folder: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", kind, name]) == 0
    assert f"brainbench check {folder}" in capsys.readouterr().out
    texts = [path.read_text() for path in (tmp_path / folder).rglob("*.[pmt]*")]
    assert len(texts) >= 8
    assert not [text for text in texts if "${" in text]
    assert not list(tmp_path.rglob("*.tmpl"))


def test_commands_name_a_folder_with_a_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "model", "my-net", "--output", "my nets/one"]) == 0
    assert "    pip install -e 'my nets/one'\n" in capsys.readouterr().out


def test_inside_the_project_it_goes_to_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "brainbench-audio"\n')
    monkeypatch.chdir(tmp_path)
    assert main(["new", "metric", "near"]) == 0
    assert (tmp_path / "plugins/metrics/near/brainbench_near/metric.py").is_file()


@pytest.mark.parametrize("kind", ["model", "benchmark", "metric"])
def test_inside_the_project_it_is_as_the_project_formats(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Path(__file__).parents[2]
    shutil.copy(project / "pyproject.toml", tmp_path)
    (tmp_path / "brainbench_audio").symlink_to(project / "brainbench_audio")
    monkeypatch.chdir(tmp_path)
    assert main(["new", kind, "near"]) == 0
    for check in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *check, "--no-cache", "plugins"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stdout


def test_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert main(["new", "metric", "near", "--output", "mine"]) == 1
    assert "mine exists" in capsys.readouterr().err
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "name"), [("model", "My Net"), ("benchmark", "my-data"), ("metric", "a.b")]
)
def test_names_that_are_no_ids(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", kind, name]) == 1
    assert list(tmp_path.iterdir()) == []
