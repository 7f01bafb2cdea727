"""One generated copy of SimStory for all tests of a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from brainbench_simstory.cards import CARDS
from brainbench_simstory.dataset import SimStory
from brainbench_simstory.storage import ensure

from brainbench_audio.data_source import LoadedDataset


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure(tmp_path_factory.mktemp("home") / "data" / "simstory-1")


@pytest.fixture
def in_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRAINBENCH_HOME", str(folder.parents[1]))
    return folder


@pytest.fixture
def dataset(in_home: Path) -> LoadedDataset:
    return SimStory().load(CARDS[0])
