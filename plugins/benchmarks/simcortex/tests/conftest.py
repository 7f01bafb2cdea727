"""A copy of what was generated once of SimCortex, for all tests of a process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from brainbench_simcortex.cards import CARDS
from brainbench_simcortex.dataset import SimCortex
from brainbench_simcortex.storage import ensure

from brainbench_audio.data_source import LoadedDataset


@pytest.fixture(scope="session")
def folder(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = ensure(run_folder / "generated" / "simcortex-1")
    own = tmp_path_factory.mktemp("home") / "data" / made.name
    return Path(shutil.copytree(made, own))


@pytest.fixture
def in_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRAINBENCH_HOME", str(folder.parents[1]))
    return folder


@pytest.fixture
def dataset(in_home: Path) -> LoadedDataset:
    return SimCortex().load(CARDS[0])
