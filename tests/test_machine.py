"""The memory that a process can still take."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainbench_audio.machine import available_memory


def test_available_memory_is_within_what_the_machine_has() -> None:
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        pytest.skip("no /proc/meminfo to compare with")
    total = int(meminfo.read_text().split("MemTotal:")[1].split()[0]) * 1024
    assert 1 << 20 < available_memory() < total
