"""What this machine has to give: memory within the limits of its container."""

from __future__ import annotations

import os
from pathlib import Path

_LIMIT_FILES = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)
_UNKNOWN = 4 << 30


def available_memory() -> int:
    """Return the bytes of memory that a process can still take.

    The smaller of what the system has free and what the container (cgroup) still allows; 4 GiB
    where neither can be told.
    """
    found = [value for value in (_system_free(), _container_free()) if value is not None]
    return max(0, min(found, default=_UNKNOWN))


def _system_free() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:  # not Linux
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (ValueError, OSError, AttributeError):
        return None


def _container_free() -> int | None:
    for limit, usage in _LIMIT_FILES:
        try:
            return int(Path(limit).read_text()) - int(Path(usage).read_text())
        except (OSError, ValueError):  # no such cgroup, or "max": no limit
            continue
    return None
