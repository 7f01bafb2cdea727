"""The suite inside somebody's own pytest run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
from brainbench_audio.testing.pytest_plugin import hold

def test_conformance(conformance):
    hold(conformance)
"""


@pytest.mark.usefixtures("tiny")
def test_every_check_is_a_test(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TEST)
    plugin = ["-p", "brainbench_audio.testing.pytest_plugin", "--brainbench-check"]
    command = [sys.executable, "-m", "pytest", "-q", *plugin, "brainbench-rsa", "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" in done.stdout  # rsa names no plain reference
    broken = [*command[:-2], "brainbench-tiny", "-k", "works or card", "test_mine.py"]
    done = subprocess.run(broken, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "It does not depend on brainbench-audio" in done.stdout
