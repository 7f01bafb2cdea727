"""The suite inside somebody's own pytest run."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from brainbench_audio.testing.conformance import checks
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
    names = ("brainbench-rsa", "brainbench-tiny")
    options = [each for name in names for each in ("--brainbench-check", name)]
    # a few, as all run elsewhere: rsa and its variants name no plain reference
    chosen = "(rsa and (complete or reference)) or (tiny and (works or card))"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "brainbench_audio.testing.pytest_plugin"]
    done = subprocess.run(
        [*command, *options, "-k", chosen, "test_mine.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "It does not depend on brainbench-audio" in done.stdout
    last = done.stdout.splitlines()[-1]
    told = {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", last)}
    assert sum(told.values()) == sum(len(checks(name)) for name in names)
    assert told["failed"] == done.stdout.count("FAILED") == 1
    assert told["skipped"] == 3
    assert told["passed"] > 5
