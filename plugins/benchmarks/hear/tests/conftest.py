"""Small tasks in HEAR format, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from brainbench_hear.testing import Maker


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a small task and returns its folder."""

    def write(**options: Any) -> Path:
        return Maker(**options).write(tmp_path / "given")

    return write
