"""One generated copy of SimCortex for all tests of a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from brainbench_simcortex.cards import CARDS
from brainbench_simcortex.dataset import SimCortex
from brainbench_simcortex.storage import ensure

from brainbench_audio.data_source import LoadedDataset


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure(tmp_path_factory.mktemp("home") / "data" / "simcortex-1")


@pytest.fixture
def in_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRAINBENCH_HOME", str(folder.parents[1]))
    return folder


@pytest.fixture
def dataset(in_home: Path) -> LoadedDataset:
    return SimCortex().load(CARDS[0])
