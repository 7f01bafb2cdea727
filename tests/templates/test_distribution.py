"""Names and places of new plugins, and that nothing half-written stays."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.templates.distribution import (
    Kind,
    default_folder,
    names,
    write_distribution,
)


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("model", "my-net", ("brainbench-my-net", "brainbench_my_net", "my-net")),
        ("model", "brainbench-net2", ("brainbench-net2", "brainbench_net2", "net2")),
        ("benchmark", "My_Data", ("brainbench-my-data", "brainbench_my_data", "My_Data")),
        ("metric", "near_by", ("brainbench-near-by", "brainbench_near_by", "near_by")),
    ],
)
def test_names(kind: Kind, name: str, expected: tuple[str, str, str]) -> None:
    named = names(kind, name)
    assert (named.distribution, named.package, named.id) == expected
    assert named.package.isidentifier()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("model", "My-Net"),
        ("model", "net-"),
        ("model", "a@permuted"),
        ("model", "hf:net"),
        ("benchmark", "data-set"),  # the hyphen begins the metric
        ("benchmark", "data.set"),  # the dot begins the subset
        ("metric", "near-far"),  # the hyphen begins the variant
        ("metric", "1st"),
        ("metric", "../near"),
        ("model", "brainbench-"),
    ],
)
def test_what_would_break_an_id_is_refused(kind: Kind, name: str) -> None:
    with pytest.raises(ContractError, match=rf"as the id of a {kind}: use .*letter first"):
        names(kind, name)


@pytest.mark.parametrize("broken", [None, "not toml [", '[project]\nname = "other"\n'])
def test_another_project_is_not_written_into(broken: str | None, tmp_path: Path) -> None:
    if broken is not None:
        (tmp_path / "pyproject.toml").write_text(broken)
    named = names("metric", "near")
    assert default_folder("metric", named, tmp_path) == tmp_path / "brainbench-near"


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(DataError, match=r"exists.*--output"):
        write_distribution("metric", names("metric", "near"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_what_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("stopped")

    monkeypatch.setattr("brainbench_audio.templates.distribution._write_data", fail)
    with pytest.raises(RuntimeError, match="stopped"):
        write_distribution("benchmark", names("benchmark", "Mine"), tmp_path / "plugin")
    assert not (tmp_path / "plugin").exists()


def test_files_are_those_that_were_told(tmp_path: Path) -> None:
    folder = tmp_path / "plugin"
    written = write_distribution("model", names("model", "my-net"), folder)
    assert sorted(written) == sorted(path for path in folder.rglob("*") if path.is_file())
    for path in (folder / "brainbench_my_net").rglob("*.py"):
        compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_made_up_data_are_sounds_with_responses_to_each(tmp_path: Path) -> None:
    def made(folder: str) -> tuple[list[list[str]], dict[str, Any]]:
        root = tmp_path / folder
        write_distribution("benchmark", names("benchmark", "Mine"), root)
        (table,) = root.rglob("responses.csv")
        with table.open(encoding="utf-8") as file:
            rows = list(csv.reader(file))
        sounds = {path.stem: soundfile.read(path)[0] for path in root.rglob("*.wav")}
        return rows, sounds

    rows, sounds = made("one")
    assert {row[0] for row in rows[1:]} == set(sounds)
    values = np.array([row[2:] for row in rows[1:]], dtype=float)
    assert np.isfinite(values).all()
    assert (values.std(axis=0) > 0).all()
    assert all(0 < np.abs(sound).max() <= 1 for sound in sounds.values())
    again, same = made("two")
    assert again == rows
    assert all((same[name] == sound).all() for name, sound in sounds.items())
