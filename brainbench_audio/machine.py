"""What this machine has to give: cores, and memory within the limits of container and process."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from brainbench_audio.errors import DataError

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

# mount of each version of cgroups, name of its controller, and files: limit, usage; a line of
# memory.stat: the part of the usage that is a cache of files
_CGROUPS = (
    ("/sys/fs/cgroup", "", ("memory.max", "memory.current", "inactive_file")),
    (
        "/sys/fs/cgroup/memory",
        "memory",
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ),
)
_PROC = Path("/proc")
_UNKNOWN = 4 << 30
_EXHAUSTED = re.compile("out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


def cores() -> int:
    """Return the cores that this process may use: ``OMP_NUM_THREADS`` where somebody set it."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def available_memory() -> int:
    """Return the bytes of memory that a process can still take.

    The smallest of what the system has free, what the container (cgroup) still allows, and what the
    limits of the process (``ulimit -v``, ``ulimit -d``) leave; 4 GiB where nothing can be told.
    """
    left = [*_system_free(), *_containers_free(), *_process_free()]
    return max(0, min(left, default=_UNKNOWN))


def refuse_larger(told: str, needed: int, smaller: str, most: int | None = None) -> None:
    """Refuse data that do not fit into memory.

    Parameters
    ----------
    told : str
        Begins the message, such as ``"The responses of 2 listeners take"``.
    needed : int
        Bytes.
    smaller : str
        What else to do than to use a larger machine, ``"..., or "``; may be empty.
    most : int, optional
        Bytes that they may take; by default half of what is free.

    Raises
    ------
    DataError
        They take more, with both numbers.
    """
    left = available_memory() // 2 if most is None else most
    if needed > left:
        raise DataError(
            f"{told} {needed / 1e9:.1f} GB of memory, and {left / 1e9:.1f} GB may be taken, half "
            f"of what is free: {smaller}use a larger machine."
        )


def peak_memory() -> int:
    """Return the most bytes that this process has held in memory at once; 0 on Windows.

    On Linux not by `getrusage`, where a process begins with the peak of the one that started it.
    """
    try:
        told = re.search(r"VmHWM:\s+(\d+)", (_PROC / "self/status").read_text())
    except OSError:
        told = None
    if told:
        return 1024 * int(told[1])
    if resource is None:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that there was not enough memory.

    Examples
    --------
    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes differ"))
    (True, False)
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    # torch has a class for accelerators only: on a CPU nothing but the text tells
    return isinstance(error, RuntimeError) and bool(_EXHAUSTED.search(str(error)))


def _system_free() -> Iterator[int]:
    try:
        for line in (_PROC / "meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
                return
    except OSError:
        pass
    try:  # not Linux
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (ValueError, OSError, AttributeError):
        return


def _containers_free() -> Iterator[int]:
    """Yield what the group of this process allows, and each group that it is in."""
    for mount, controller, (limit, usage, cached) in _CGROUPS:
        groups = [Path(mount) / group.lstrip("/") for group in _groups(controller)]
        for folder in {Path(mount), *(up for group in groups for up in (group, *group.parents))}:
            if not folder.is_relative_to(mount):
                continue
            try:
                free = int((folder / limit).read_text()) - int((folder / usage).read_text())
            except (OSError, ValueError):  # no such cgroup, or "max": no limit
                continue
            yield free + _cached(folder, cached)


def _groups(controller: str) -> list[str]:
    """Return the cgroup of this process, as the system names it."""
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return []
    parsed = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    return [path for _, names, path in parsed if controller in names.split(",")]


def _cached(folder: Path, name: str) -> int:
    """Return the bytes that the system gives back when they are needed."""
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.split()[:1] == [name])


def _process_free() -> Iterator[int]:
    if resource is None:
        return
    try:
        # pages: all, …, data and stack
        pages = [int(field) for field in (_PROC / "self/statm").read_text().split()]
    except OSError:
        return
    for limit, used in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
        soft = resource.getrlimit(limit)[0]
        if soft != resource.RLIM_INFINITY:
            yield soft - used * resource.getpagesize()
