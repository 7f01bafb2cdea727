"""`tools/gpu_check.py`, on the CPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

from tools import gpu_check


def test_references_are_compared_until_the_time_is_over() -> None:
    (row, *_) = gpu_check.goldens(gpu_check.Options("cpu", True, inf))
    assert (row.part, row.what, row.met) == ("goldens", "dcase2020", True)
    assert row.measured.startswith("float32 0.")
    late = list(gpu_check.goldens(gpu_check.Options("cpu", True, -inf)))
    assert [row.met for row in late] == [None] * 3


def test_a_part_that_fails_says_why_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_options: gpu_check.Options) -> Iterator[gpu_check.Row]:
        raise RuntimeError("CUDA error: unspecified launch failure")
        yield

    def working(options: gpu_check.Options) -> Iterator[gpu_check.Row]:
        yield gpu_check.Row("working", options.device, "1 s")

    monkeypatch.setattr(gpu_check, "PARTS", {"failing": failing, "working": working})
    options = gpu_check.Options("cpu", True, inf)
    first, second = gpu_check.rows(["failing", "working"], options)
    assert (first.part, first.met) == ("failing", False)
    assert "unspecified launch failure" in first.measured
    assert second == gpu_check.Row("working", "cpu", "1 s")


@pytest.mark.slow
def test_every_part_runs(tmp_path: Path) -> None:
    script = Path(gpu_check.__file__)
    command = [sys.executable, str(script), "--device", "cpu", "--quick"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert result.returncode == 0, result.stdout + result.stderr
    parts = {line.split()[0] for line in result.stdout.splitlines()[1:-1]}
    assert parts == set(gpu_check.PARTS)
    assert "failed" not in result.stdout
