"""SimCortex, generated once for all tests here that score it; the contract generates its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from brainbench_audio import settings


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of its data, the same for all processes of a run."""
    storage = pytest.importorskip("brainbench_simcortex.storage")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    ensured: Path = storage.ensure(folder / "generated" / storage.default_folder().name)
    return ensured


@pytest.fixture
def simcortex(isolated: None, generated: Path) -> None:
    """Put a copy of it where the test has its data."""
    shutil.copytree(generated, settings.data_home() / generated.name)
