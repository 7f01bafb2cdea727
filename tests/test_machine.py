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


@pytest.mark.parametrize("version", [0, 1])
def test_a_container_allows_less_than_the_system_has(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [(str(tmp_path / f"limit{each}"), str(tmp_path / f"usage{each}")) for each in (0, 1)]
    monkeypatch.setattr("brainbench_audio.machine._LIMIT_FILES", files)
    outside = available_memory()
    limit, usage = map(Path, files[version])
    limit.write_text("5000\n")
    usage.write_text("3000\n")
    assert available_memory() == 2000
    usage.write_text("9000\n")
    assert available_memory() == 0
    limit.write_text("max\n")
    assert available_memory() == pytest.approx(outside, rel=0.5)
