"""Full disks of any size, disks that give nothing back, and a limit on time."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from .fuzzing import limit

collect_ignore = ["fuzz_atheris.py"]  # needs atheris, see test_atheris.py
PAGE = 4096
# reading the first byte of one's own memory fails with the kernel's own EIO
UNREADABLE = Path("/proc/self/mem")


@dataclass
class Disk:
    """A real file system of a megabyte, of which a test can leave as much as it likes."""

    folder: Path

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    def leave(self, pages: int) -> None:
        """Fill the disk but for some pages of 4 kB."""
        self.empty()
        with self._ballast.open("wb") as file:
            file.write(bytes(shutil.disk_usage(self.folder).free - pages * PAGE))

    def empty(self) -> None:
        """Take the filling away."""
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Return a disk of one megabyte, where this machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("no small disk: mounting one takes root")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def unreadable() -> Callable[[Path], Path]:
    """Return a function that puts a file in place of another, reading which fails with EIO."""
    try:
        UNREADABLE.read_bytes()
    except OSError as error:
        if error.strerror != "Input/output error":
            pytest.skip(f"{UNREADABLE} is not at hand here: {error.strerror}")

    def replace(path: Path) -> Path:
        path.unlink(missing_ok=True)
        path.symlink_to(UNREADABLE)
        return path

    return replace


@pytest.fixture(scope="session")
def within() -> Callable[[float], AbstractContextManager[None]]:
    """Return a context manager that fails a block that takes longer than some seconds."""
    return limit
