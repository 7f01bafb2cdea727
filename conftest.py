"""What all tests share: a home of their own, no network, and real data where they are at hand."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# a busy machine is no reason for a test to fail
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).parent
REAL_DATA = Path(os.environ.get("BRAINBENCH_DATA") or ROOT.parent / "shared" / "data")
PARITY = Path(os.environ.get("BRAINBENCH_PARITY") or REAL_DATA.parent / "parity")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage meanwhile: importing all modules makes millions of objects that stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path,
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for doctests only where there are some: pytest imports a module to find that none is."""
    collectors = yield
    if file_path.suffix == ".py" and b">>>" not in file_path.read_bytes():
        return [each for each in collectors if type(each).__name__ != "DoctestModule"]
    return collectors


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep caches, results and settings of the person who runs the tests out of them."""
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BRAINBENCH_OFFLINE", "1")
    monkeypatch.delenv("BRAINBENCH_DATA", raising=False)
    monkeypatch.delenv("BRAINBENCH_STRICT", raising=False)


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of real data, or skip."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real data: {REAL_DATA} does not exist, set BRAINBENCH_DATA")
    monkeypatch.setenv("BRAINBENCH_DATA", str(REAL_DATA))
    return REAL_DATA


@pytest.fixture
def parity_folder() -> Path:
    """Return the folder of reference activations to natural sounds, or skip."""
    if not PARITY.is_dir():
        pytest.skip(f"no natural-sound references: {PARITY} does not exist, set BRAINBENCH_PARITY")
    return PARITY
