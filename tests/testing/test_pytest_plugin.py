"""The suite inside somebody's own pytest run."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from brainbench_audio.testing.pytest_plugin import pytest_runtest_setup

TEST = """
from brainbench_audio.testing.pytest_plugin import hold

def test_conformance(conformance):
    hold(conformance)
"""


@pytest.mark.parametrize("there", [True, False])
def test_what_needs_a_gpu_is_skipped_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, there: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    pytest_runtest_setup(request.node)  # has no such mark
    request.node.add_marker("gpu")
    with nullcontext() if there else pytest.raises(pytest.skip.Exception, match=r"^no GPU: torch"):
        pytest_runtest_setup(request.node)


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
