"""Miniatures in the published layout: two listeners, three stories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from brainbench_lebel2023 import published, responses
from brainbench_lebel2023.published import TEST
from brainbench_lebel2023.testing import write_folder

from brainbench_audio.hdf5_rows import Hdf5Reader, hdf5_reader

STORIES = ("souls", "life", TEST)
LISTENERS = ("UTS03", "UTS04")


@pytest.fixture(scope="session")
def reader() -> Iterator[Hdf5Reader]:
    with hdf5_reader() as reader:
        yield reader


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("published"), LISTENERS, STORIES)


@pytest.fixture
def small(
    written: Path, reader: Hdf5Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Bring a copy of the miniature, and make it all there is; return its folder."""
    folder = tmp_path / "mine" / published.FOLDER
    shutil.copytree(written, folder)
    monkeypatch.setenv("BRAINBENCH_DATA", str(folder.parent))
    monkeypatch.setattr(published, "SHARED", STORIES)
    monkeypatch.setattr(published, "PAPER", LISTENERS)
    monkeypatch.setattr(responses, "hdf5_reader", lambda: nullcontext(reader))
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return folder
