"""Small voxel data sets in the published layout, and the full ones for slow tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from brainbench_natsound165.testing import Maker, pack
from brainbench_natsound165.voxels import B2021, NH2015, READERS, Published

SMALL = {
    "NH2015": Published(NH2015.sounds, 165, 60, 48, 3, (10, 20)),
    "B2021": Published(B2021.sounds, 192, 80, 80, 4, (15, 25)),
}


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: no test here pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="session")
def make() -> Callable[..., Maker]:
    """Return the maker of small data sets."""

    def maker(dataset: str, **options: Any) -> Maker:
        return Maker(dataset, SMALL[dataset], **options)

    return maker


@pytest.fixture(scope="session")
def small_archive(tmp_path_factory: pytest.TempPathFactory, make: Callable[..., Maker]) -> Path:
    """Return an archive of both data sets, small ones."""
    parent = tmp_path_factory.mktemp("published")
    for dataset in SMALL:
        data = make(dataset).write(parent)
    return pack(parent / "data.tar", data)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, Published]:
    """Let the installed package expect the small data sets."""
    for dataset, published in SMALL.items():
        monkeypatch.setitem(READERS, dataset, (READERS[dataset][0], published))
    return SMALL
