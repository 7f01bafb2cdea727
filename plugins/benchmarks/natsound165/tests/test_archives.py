"""Unpacking: all wanted files or none, and nothing outside the folder."""

from __future__ import annotations

import gzip
import io
import resource
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from brainbench_audio.archives import unpack
from brainbench_audio.errors import CacheError, DataError

LARGEST = 1 << 24
NOISE = np.random.default_rng(0).bytes(300_000)


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def archive(path: Path, *extra: tarfile.TarInfo, mode: str = "w") -> Path:
    """Write an archive of two files, and more members before the second."""
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for info in (member("./data/a.bin"), *extra, member("data/deep/b.bin")):
            content = NOISE if info.isreg() else b""
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let every write beyond ``size`` bytes of a file fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_all_files_arrive(tmp_path: Path, mode: str) -> None:
    given = archive(tmp_path / "given.tar", member("data", tarfile.DIRTYPE), mode=mode)
    found = unpack(given, tmp_path / "out", largest=LARGEST)
    assert found == [tmp_path / "out/data/a.bin", tmp_path / "out/data/deep/b.bin"]
    assert all(file.read_bytes() == NOISE for file in found)


def test_only_wanted_files_arrive_whatever_else_is_there(tmp_path: Path) -> None:
    link = member("data/link", tarfile.SYMTYPE, "/etc/passwd")
    given = archive(tmp_path / "given.tar", link, member("data/tty", tarfile.CHRTYPE))
    unpack(given, tmp_path / "out", lambda path: path.suffix == ".bin", largest=LARGEST)
    names = {path.name for path in (tmp_path / "out").rglob("*")}
    assert names == {"data", "a.bin", "deep", "b.bin"}


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (member("../escaped"), "outside the folder"),
        (member("data/../../escaped"), "outside the folder"),
        (member("/tmp/escaped"), "outside the folder"),
        (member("..\\escaped"), "outside the folder"),
        (member("C:escaped"), "outside the folder"),
        (member("data/s", tarfile.SYMTYPE, "/etc"), "a symbolic link"),
        (member("data/h", tarfile.LNKTYPE, "data/a.bin"), "a hard link"),
        (member("data/c", tarfile.CHRTYPE), "a device"),
        (member("data/d", tarfile.BLKTYPE), "a device"),
        (member("data/p", tarfile.FIFOTYPE), "a pipe"),
        (member("data/a.bin"), "twice"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_hostile_member_leaves_nothing(tmp_path: Path, extra: tarfile.TarInfo, told: str) -> None:
    given = archive(tmp_path / "given.tar", extra)
    with pytest.raises(DataError, match=told):
        unpack(given, tmp_path / "below" / "out", largest=LARGEST)
    assert list((tmp_path / "below").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"given.tar", "below"}


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = member("data/deep", tarfile.SYMTYPE, str(outside))
    given = archive(tmp_path / "given.tar", link)
    unpack(given, tmp_path / "out", lambda path: path.suffix == ".bin", largest=LARGEST)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("kept", [0, 100, 700, 200_000, 300_500, 500_000])
def test_a_cut_archive_leaves_nothing(tmp_path: Path, kept: int) -> None:
    given = archive(tmp_path / "given.tar")
    given.write_bytes(given.read_bytes()[:kept])
    with pytest.raises(DataError, match="cut off"):
        unpack(given, tmp_path / "out", largest=LARGEST)
    assert {path.name for path in tmp_path.iterdir()} == {"given.tar"}


@pytest.mark.parametrize("content", [b"<html>404</html>", gzip.compress(NOISE)[:5000], b"\0" * 99])
def test_something_else_is_no_archive(tmp_path: Path, content: bytes) -> None:
    given = tmp_path / "given.tar"
    given.write_bytes(content)
    with pytest.raises(DataError, match="no tar archive"):
        unpack(given, tmp_path / "out", largest=LARGEST)


def test_a_bomb_is_refused_before_it_is_written(tmp_path: Path) -> None:
    huge = member("data/huge")
    huge.size = 1 << 40
    given = tmp_path / "given.tar"
    given.write_bytes(huge.tobuf() + NOISE)
    with pytest.raises(DataError, match="more than 16777216 bytes"):
        unpack(given, tmp_path / "out", largest=LARGEST)
    assert not (tmp_path / "out").exists()


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.tar cannot be read"):
        unpack(tmp_path / "nothing.tar", tmp_path / "out", largest=LARGEST)


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="in the way"):
        unpack(archive(tmp_path / "given.tar"), tmp_path, largest=LARGEST)


def test_a_failing_write_leaves_nothing(tmp_path: Path) -> None:
    given = archive(tmp_path / "given.tar")
    with file_size_limit(100_000), pytest.raises(CacheError, match="File too large"):
        unpack(given, tmp_path / "out", largest=LARGEST)
    assert {path.name for path in tmp_path.iterdir()} == {"given.tar"}


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    given, disk = archive(tmp_path / "given.tar"), tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs to be root")
    try:
        with pytest.raises(CacheError, match="No space left"):
            unpack(given, disk / "out", largest=LARGEST)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
