"""SimCortex, generated once for all tests that score it; the contract generates its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from brainbench_audio import settings


@pytest.fixture(scope="session")
def generated(run_folder: Path) -> Path:
    """Return the folder of its data, the same for all processes of a run."""
    storage = pytest.importorskip("brainbench_simcortex.storage")
    ensured: Path = storage.ensure(run_folder / "generated" / storage.default_folder().name)
    return ensured


@pytest.fixture
def simcortex(isolated: None, generated: Path) -> None:
    """Put a copy of it where the test has its data."""
    shutil.copytree(generated, settings.data_home() / generated.name)
