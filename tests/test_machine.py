"""The memory that a process can still take, and has taken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brainbench_audio import machine
from brainbench_audio.machine import available_memory, is_out_of_memory, peak_memory

LIMITED = """
import resource, sys
from brainbench_audio.machine import available_memory
limit = getattr(resource, sys.argv[1])
resource.setrlimit(limit, (3 << 30, 3 << 30))
before = available_memory()
held = bytearray(1 << 30)
print(before, available_memory())
"""


def test_available_memory_is_within_what_the_machine_has() -> None:
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        pytest.skip("no /proc/meminfo to compare with")
    total = int(meminfo.read_text().split("MemTotal:")[1].split()[0]) * 1024
    assert 1 << 20 < available_memory() < total


def test_the_peak_of_a_process_is_its_own(
    python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    held = b"x" * (256 << 20)  # zeros need not be there
    assert len(held) < peak_memory() < 1 << 40
    code = "from brainbench_audio.machine import peak_memory; print(peak_memory())"
    assert 1 << 20 < int(python(code).stdout) < len(held) // 2


@pytest.mark.parametrize(
    ("version", "line", "files", "cached"),
    [
        (0, "0::/a/b", ("memory.max", "memory.current"), "inactive_file"),
        (
            1,
            "4:cpu,memory:/a/b",
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
            "total_inactive_file",
        ),
    ],
)
def test_a_container_allows_less_than_the_system_has(
    version: int,
    line: str,
    files: tuple[str, str],
    cached: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mounts = [tmp_path / "v2", tmp_path / "v1"]
    groups = [(str(mount), *machine._CGROUPS[n][1:]) for n, mount in enumerate(mounts)]
    monkeypatch.setattr(machine, "_CGROUPS", groups)
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    (tmp_path / "self").mkdir()
    (tmp_path / "self/cgroup").write_text(f"9:name=systemd:/\n{line}\n")
    outside = available_memory()
    own, above = mounts[version] / "a/b", mounts[version] / "a"
    own.mkdir(parents=True)

    def set_group(folder: Path, limit: str, usage: int) -> None:
        (folder / files[0]).write_text(f"{limit}\n")
        (folder / files[1]).write_text(f"{usage}\n")

    set_group(own, "5000", 3000)
    assert available_memory() == 2000
    (own / "memory.stat").write_text(f"{cached} 700\nanon 2300\n")
    assert available_memory() == 2700
    set_group(above, "8000", 6500)
    assert available_memory() == 1500
    set_group(above, "8000", 9000)
    assert available_memory() == 0
    set_group(own, "max", 0)
    set_group(above, "max", 0)
    assert available_memory() == outside


@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_limit_of_the_process_counts(limit: str) -> None:
    pytest.importorskip("resource")
    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc/self/statm that says what the process has")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, limit], capture_output=True, text=True, check=True
    )
    before, after = map(int, done.stdout.split())
    assert after < before < 3 << 30
    assert before - after == pytest.approx(1 << 30, rel=0.05)


def test_errors_that_say_that_memory_ran_out() -> None:
    class OutOfMemoryError(RuntimeError):
        pass

    allocator = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"
    for error in (MemoryError(), OutOfMemoryError(), RuntimeError(allocator)):
        assert is_out_of_memory(error)
    for other in (RuntimeError("mat1 and mat2 cannot be multiplied"), ValueError("out of memory")):
        assert not is_out_of_memory(other)
