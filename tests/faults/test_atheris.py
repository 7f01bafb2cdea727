"""A short coverage-guided run of each reader, where atheris is installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fuzz_atheris.py")


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["task", "sound", "scores"])
def test_nothing_but_our_own_errors(reader: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: pip install atheris")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), reader, "-runs=20000", "-timeout=20", "-rss_limit_mb=4096"],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
