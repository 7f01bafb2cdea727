"""Two plugins that want different versions of one library, each in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import settings
from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.activations.store import stored_sets
from brainbench_audio.cli.main import main
from brainbench_audio.errors import PluginLoadError
from brainbench_audio.pipeline import isolation

PLUGIN = """
from dataclasses import replace
import numpy as np
from brainbench_audio.cards import ModelCard
from brainbench_audio.registry import hookimpl

CARD = ModelCard(
    id="{name}", family="{name}", label="{name}", parameters=0, layers=("bands", "log_bands"),
    dims=(6, 6), sample_rate=8000, licence="MIT", citation="@misc{{x}}", training_data="none",
    source="https://example.org", packages=("plugin_{name}",), loader="plugin_{name}:load",
)

@hookimpl
def brainbench_models():
    return [CARD]

def load(card, fail=False):
    import thing
    from brainbench_audio.testing import DummyModel
    if thing.VERSION != {version}:
        raise ImportError(f"this is thing {{thing.VERSION}}, not {version}")

    class Model(DummyModel):
        fingerprint = "{version}"
        def activations(self, waveforms, layers=None):
            found = super().activations(waveforms, layers)
            return {{layer: values * thing.VERSION for layer, values in found.items()}}

    model = Model()
    model.card = card
    return model
"""


def wheel(
    folder: Path, name: str, version: str, source: str, metadata: str = "", entry: str = ""
) -> Path:
    """Write a wheel of one module, as pip installs it."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if entry:
        files[f"{info}/entry_points.txt"] = entry
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content)
        archive.writestr(
            f"{info}/RECORD", "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
        )
    return path


@pytest.fixture
def conflicting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path, site: Path) -> None:
    """Install two plugins without their dependencies, which are in a folder for pip to find."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, version in ("one", 1), ("two", 2):
        wheel(wheels, "thing", f"{version}.0", f"VERSION = {version}\n")
        plugin = wheel(
            wheels,
            f"plugin-{name}",
            "1.0",
            PLUGIN.format(name=name, version=version),
            f"Requires-Dist: thing=={version}.0\nRequires-Dist: brainbench-audio\n",
            f"[brainbench_audio]\n{name} = plugin_{name}\n",
        )
        with zipfile.ZipFile(plugin) as archive:  # `pip install --no-deps --target`, only quicker
            archive.extractall(site)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))


def scored(
    capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0
) -> tuple[list[dict[str, Any]], str]:
    assert main(["score", "-m", "one", "two", *arguments, "--json"]) == status
    told = capsys.readouterr()
    return json.loads(told.out), told.err


@pytest.mark.usefixtures("conflicting")
def test_conflicting_dependencies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Torch takes 5 GB, so the environments see what is installed here: ``shared``."""
    benchmarks = ("-b", "Tiny-match", "Tiny.a-match")
    rows, told = scored(capsys, *benchmarks, status=1)
    assert rows == []
    assert "No module named 'thing'" in told
    rows, told = scored(capsys, *benchmarks, "--isolate", "shared")
    assert [row["model"] for row in rows] == ["one", "one", "two", "two"]
    assert not any(row["cached"] for row in rows)
    folders = sorted(
        folder for folder in (settings.cache_home() / "environments").iterdir() if folder.is_dir()
    )
    assert [folder.name[:15] for folder in folders] == ["plugin-one-1.0-", "plugin-two-1.0-"]
    for folder, version in zip(folders, ("1", "2"), strict=True):
        (thing,) = folder.glob("lib/python*/site-packages/thing.py")
        assert thing.read_text() == f"VERSION = {version}\n"
        assert not list(folder.glob("lib/python*/site-packages/torch"))
    # handed over through the store: one set of activations a model, found by both benchmarks
    sets = stored_sets(activations_folder())
    assert sorted(entry["fields"]["model"] for entry in sets) == ["one", "two"]
    stamps = {folder: (folder / "ready.json").stat().st_mtime_ns for folder in folders}
    again, _ = scored(capsys, *benchmarks, "--isolate", "shared")
    assert all(row["cached"] for row in again)
    assert [row["score"] for row in again] == [row["score"] for row in rows]
    assert stamps == {folder: (folder / "ready.json").stat().st_mtime_ns for folder in folders}


@pytest.mark.usefixtures("conflicting")
def test_an_environment_that_cannot_be_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(
        PluginLoadError, match=r"environment of plugin-one failed.* plugin-one==1\.0"
    ):
        isolation.environment_python("plugin-one", ["plugin_one"], "shared")
    (folder,) = (
        path for path in (settings.cache_home() / "environments").iterdir() if path.is_dir()
    )
    assert not (folder / "ready.json").exists(), "so the next try starts anew"


@pytest.mark.usefixtures("tiny")
def test_a_model_file_has_no_environment(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["-m", f"{tmp_path}/mine.py:Mine", "-b", "Tiny-match", "--isolate"]
    assert main(["score", *arguments]) == 1
    assert "belongs to no plugin" in capsys.readouterr().err


@pytest.mark.usefixtures("conflicting")
def test_errors_come_back_in_their_own_kind() -> None:
    """The other side, without an environment of its own."""
    stimuli = {
        "name": "x",
        "names": ["a"],
        "files": ["a.wav"],
        "categories": [],
        "sample_rate": None,
    }
    question = {
        "hearing": {"model": {"id": "one", "options": {}}, "targets": [], "recompute": True},
        "stimuli": {**stimuli, "recordings": {}, "silence": False},
    }
    assert isolation.answer(question)["error"] == "ModuleNotFoundError"
    question["hearing"]["model"]["id"] = "nobody"  # type: ignore[index]
    assert isolation.answer(question)["error"] == "UnknownId"


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (None, ["thing==1.0"]),
        ({"url": "file:///a%20b/c", "dir_info": {"editable": True}}, ["-e", "/a b/c"]),
        ({"url": "file:///a/c", "dir_info": {}}, ["/a/c"]),
        (
            {"url": "https://x.org/y", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            ["thing @ git+https://x.org/y@abc"],
        ),
        ({"url": "https://x.org/t.whl", "archive_info": {}}, ["thing @ https://x.org/t.whl"]),
    ],
)
def test_where_a_distribution_came_from(tmp_path: Path, origin: Any, told: list[str]) -> None:
    from importlib.metadata import Distribution

    info = tmp_path / "thing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
    if origin:
        (info / "direct_url.json").write_text(json.dumps(origin))
    assert isolation._requirement(Distribution.at(info)) == told


@pytest.mark.slow
@pytest.mark.usefixtures("conflicting")
def test_two_processes_make_one_environment() -> None:
    code = (
        "from brainbench_audio.pipeline.isolation import environment_python\n"
        "print(environment_python('plugin-one', ['plugin_one'], 'shared'))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert len({out for out, _ in told}) == 1
    assert sum("making the environment" in err for _, err in told) == 1
