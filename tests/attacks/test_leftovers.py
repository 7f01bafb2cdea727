"""`cache clear` beside installs: what a living process writes is left alone, however old it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path, PurePosixPath

import pytest

from brainbench_audio import settings
from brainbench_audio.archives import unpack
from brainbench_audio.cli.main import main
from brainbench_audio.errors import CacheError
from brainbench_audio.files import atomic_file

FILES = 120
LARGEST = 1 << 20
HANG = """
import sys, time
from pathlib import Path
from brainbench_audio.files import atomic_file, atomic_folder

write = {"file": atomic_file, "folder": atomic_folder}[sys.argv[1]]
with write(Path(sys.argv[2])) as temporary:
    (temporary / "half" if sys.argv[1] == "folder" else temporary).write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "given"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:03d}.txt").write_text(str(number))
    with tarfile.open(tmp_path / "given.tar", "w") as tar:
        tar.add(folder, "given")
    return tmp_path / "given.tar"


def age(folder: Path) -> None:
    """Make everything look a day old."""
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (time.time() - 86_400,) * 2)


def test_cache_clear_leaves_an_unpacking_alone(archive: Path) -> None:
    target = settings.data_home() / "installed"
    seen = []

    def wanted(name: PurePosixPath) -> bool:
        seen.append(name)
        if len(seen) == 20:
            age(settings.data_home())
            assert main(["cache", "clear"]) == 0
        return True

    assert len(unpack(archive, target, wanted, largest=LARGEST)) == FILES
    assert len([path for path in target.rglob("*") if path.is_file()]) == FILES


@pytest.mark.parametrize("gone", ["all", "some"])
def test_an_unpacking_whose_files_go_fails(archive: Path, gone: str) -> None:
    target = settings.data_home() / "installed"
    seen = []

    def wanted(name: PurePosixPath) -> bool:
        seen.append(name)
        if len(seen) == 20:
            (half,) = [path for path in settings.data_home().glob(".part-*") if path.is_dir()]
            if gone == "all":
                shutil.rmtree(half)
            else:
                (half / "given" / "003.txt").unlink()
        return True

    with pytest.raises(CacheError, match="is missing or not as it was written"):
        unpack(archive, target, wanted, largest=LARGEST)
    assert not target.exists()
    assert list(settings.data_home().iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_killed_process_holds_nothing(kind: str) -> None:
    place = settings.data_home() / "thing"
    process = subprocess.Popen(
        [sys.executable, "-c", HANG, kind, str(place)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "ready\n"
    try:
        age(settings.data_home())
        before = sorted(settings.data_home().iterdir())
        assert main(["cache", "clear"]) == 0
        assert sorted(settings.data_home().iterdir()) == before
    finally:
        process.kill()
        process.wait()
    assert main(["cache", "clear"]) == 0
    assert list(settings.data_home().iterdir()) == []


def test_leftovers_of_former_versions_go() -> None:
    folder = settings.results_home() / "Brain-x" / "net"
    folder.mkdir(parents=True)
    (folder / ".part-0123456789.nc").write_bytes(b"x")
    (folder / "kept.txt").write_bytes(b"x")
    assert main(["cache", "clear"]) == 0
    assert [path.name for path in folder.iterdir()] == ["kept.txt"]


def test_a_file_that_is_taken_for_a_leftover_is_no_success(tmp_path: Path) -> None:
    with pytest.raises((CacheError, FileNotFoundError)), atomic_file(tmp_path / "a") as temporary:
        temporary.unlink()
    assert list(tmp_path.iterdir()) == []
