"""Folders and switches follow the environment at the moment they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from brainbench_audio import settings
from brainbench_audio.errors import DataError

HOMES = {
    "data": settings.data_home,
    "cache": settings.cache_home,
    "results": settings.results_home,
}


@pytest.mark.parametrize(("folder", "home"), HOMES.items(), ids=list(HOMES))
def test_one_variable_moves_all_homes(
    folder: str, home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path))
    assert home() == tmp_path / folder
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("BRAINBENCH_HOME", "~/bench")
    assert home() == tmp_path / "me" / "bench" / folder


@pytest.mark.parametrize("empty", [None, ""])
def test_without_it_homes_are_apart_and_ours(
    empty: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if empty is None:
        monkeypatch.delenv("BRAINBENCH_HOME")
    else:
        monkeypatch.setenv("BRAINBENCH_HOME", empty)
    folders = [home() for home in HOMES.values()]
    assert len(set(folders)) == 3
    assert all(folder.is_absolute() for folder in folders)
    assert all(settings.APPLICATION in folder.parts for folder in folders)


def test_asking_makes_no_folder() -> None:
    assert not any(home().exists() for home in HOMES.values())


def test_the_home_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BRAINBENCH_HOME", "BRAINBENCH_DATA", "SUBJECTS_DIR"):
        monkeypatch.setenv(name, "~nobody-of-this-name/x")
    folders = (settings.data_home, settings.cache_home, settings.results_home)
    for folder in (*folders, settings.brought_data, settings.subjects_folder):
        with pytest.raises(DataError, match="The home folder of ~nobody-of-this-name is not known"):
            folder()


def test_data_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert settings.brought_data() is None
    monkeypatch.setenv("BRAINBENCH_DATA", "")
    assert settings.brought_data() is None
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BRAINBENCH_DATA", "~/sounds")
    assert settings.brought_data() == tmp_path / "sounds"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("yes", True), ("TRUE", True), ("2", True)]
    + [(no, False) for no in ("", " ", "0", "false", "False", "no", " NO ")],
)
@pytest.mark.parametrize(
    ("variable", "flag"),
    [("BRAINBENCH_OFFLINE", settings.offline), ("BRAINBENCH_STRICT", settings.strict)],
)
def test_switches(
    variable: str,
    flag: Callable[[], bool],
    value: str,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)
    assert flag() is expected
    monkeypatch.delenv(variable)
    assert flag() is False
