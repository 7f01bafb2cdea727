"""What a plugin builds is what its folder holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brainbench_audio.templates.distribution import names, write_distribution
from brainbench_audio.testing.conformance.built import built_is_whole
from brainbench_audio.testing.conformance.check import Failed, NotChecked


def installed(site: Path, told: str | None) -> None:
    info = site / "brainbench_toy-0.1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brainbench-toy\nVersion: 0.1.0\n")
    if told is not None:
        (info / "direct_url.json").write_text(json.dumps({"url": told, "dir_info": {}}))


def test_a_wheel_without_its_data(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "the source"
    write_distribution("benchmark", names("benchmark", "Toy"), folder)
    installed(site, folder.as_uri())
    (folder / "brainbench_toy" / "__pycache__").mkdir()
    (folder / "brainbench_toy" / "__pycache__" / "cards.pyc").touch()
    built_is_whole("brainbench-toy", "brainbench_toy")
    before = sorted(path.name for path in folder.iterdir())
    project = folder / "pyproject.toml"
    text = project.read_text()
    assert "[tool.setuptools.package-data]" in text
    project.write_text(text.replace("[tool.setuptools.package-data]", "[tool.other]"))
    with pytest.raises(Failed, match=r"lacks .*brainbench_toy/data/.* and \d+ more.*package-data"):
        built_is_whole("brainbench-toy", "brainbench_toy")
    project.write_text(text.replace("setuptools.build_meta", "no.such.backend"))
    with pytest.raises(Failed, match="cannot be built: ModuleNotFoundError"):
        built_is_whole("brainbench-toy", "brainbench_toy")
    assert sorted(path.name for path in folder.iterdir()) == before


def test_what_was_not_installed_from_a_folder(site: Path) -> None:
    for told in (None, "https://example.org/brainbench_toy.whl", "file:///nowhere"):
        installed(site, told)
        with pytest.raises(NotChecked, match="pip install -e"):
            built_is_whole("brainbench-toy", "brainbench_toy")
