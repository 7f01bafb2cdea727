"""Archives: all wanted files or none, and nothing outside the folder."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from brainbench_audio.archives import opened, unpack
from brainbench_audio.errors import CacheError, DataError
from brainbench_audio.files import hash_file

LARGEST = 1 << 20
CONTENT = os.urandom(5000)


def pack(path: Path, members: dict[str, bytes | dict[str, Any]], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, dict):
                for field, value in content.items():
                    setattr(member, field, value)
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz"])
def test_files_arrive(tmp_path: Path, mode: str) -> None:
    folder_entry = {"type": tarfile.DIRTYPE, "mode": 0o000}
    members = {"./a": folder_entry, "./a/one": CONTENT, "two": b"", "a/b/three": b"3"}
    archive = pack(tmp_path / "x.tar", members, mode)  # type: ignore[arg-type]
    found = unpack(archive, tmp_path / "out", largest=LARGEST)
    assert found == [tmp_path / "out" / name for name in ("a/one", "two", "a/b/three")]
    assert [path.read_bytes() for path in found] == [CONTENT, b"", b"3"]


def test_only_wanted_files(tmp_path: Path) -> None:
    archive = pack(tmp_path / "x.tgz", {"a.wav": CONTENT, "huge.bin": bytes(LARGEST + 1)})
    wanted = unpack(
        archive, tmp_path / "out", lambda name: name.suffix == ".wav", largest=len(CONTENT)
    )
    assert [path.name for path in wanted] == ["a.wav"]
    assert wanted[0].parent.name == "out"
    assert len(list((tmp_path / "out").iterdir())) == 1


LINK = {"type": tarfile.SYMTYPE, "linkname": "/etc"}


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"good": CONTENT, "../evil": b"x"}, "outside the folder"),
        ({"good": CONTENT, "/evil": b"x"}, "outside the folder"),
        ({"good": CONTENT, "a/../../evil": b"x"}, "outside the folder"),
        ({"good": CONTENT, "a\\..\\evil": b"x"}, "outside the folder"),
        ({"good": CONTENT, "C:evil": b"x"}, "outside the folder"),
        ({"good": CONTENT, "link": LINK}, "link is a symbolic link"),
        ({"good": CONTENT, "link": {"type": tarfile.LNKTYPE, "linkname": "good"}}, "a hard link"),
        ({"good": CONTENT, "pipe": {"type": tarfile.FIFOTYPE}}, "a pipe"),
        ({"good": CONTENT, "device": {"type": tarfile.CHRTYPE}}, "a device"),
        ({"good": CONTENT, "disk": {"type": tarfile.BLKTYPE}}, "a device"),
        ({"good": CONTENT, "./good": b"again"}, "good twice"),
        ({"good": CONTENT, "huge": bytes(LARGEST)}, f"more than {LARGEST} bytes"),
    ],
)
def test_unsafe_archives_leave_nothing(
    tmp_path: Path, members: dict[str, bytes | dict[str, Any]], told: str
) -> None:
    archive = pack(tmp_path / "x.tgz", members)
    with pytest.raises(DataError, match=told) as error:
        unpack(archive, tmp_path / "sub" / "out", largest=LARGEST)
    assert str(archive) in str(error.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["sub", "x.tgz"]


def test_a_link_that_nobody_wants_is_passed_over(tmp_path: Path) -> None:
    archive = pack(tmp_path / "x.tgz", {"good": CONTENT, "link": LINK})
    found = unpack(
        archive, tmp_path / "out", lambda name: name == PurePosixPath("good"), largest=LARGEST
    )
    assert [path.name for path in found] == ["good"]


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_cut_off_archives_leave_nothing(tmp_path: Path, mode: str, share: float) -> None:
    content = pack(tmp_path / "x.tar", {"a": CONTENT, "b": CONTENT[::-1]}, mode).read_bytes()
    archive = tmp_path / "cut.tar"
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"cut\.tar"):
        unpack(archive, tmp_path / "out", largest=LARGEST)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_flipped_byte_is_noticed(tmp_path: Path, mode: str) -> None:
    archive = pack(tmp_path / "x.tar", {"a": CONTENT}, mode)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0x55
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.tar"):
        unpack(archive, tmp_path / "out", largest=LARGEST)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_would_fill_the_memory(tmp_path: Path, kind: bytes) -> None:
    """A kilobyte of bzip2 can hold gigabytes of zeros, and a header is read as a whole."""
    header = tarfile.TarInfo("header")
    header.type, header.size = kind, 1 << 34
    archive = tmp_path / "bomb.tar"
    archive.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DataError, match=rf"(?s)bomb\.tar.*a header of {1 << 34} bytes"):
        unpack(archive, tmp_path / "out", largest=LARGEST)
    assert not (tmp_path / "out").exists()


def test_a_long_name_is_no_bomb(tmp_path: Path) -> None:
    name = "/".join(["folder" * 20] * 10) + "/x.wav"
    found = unpack(pack(tmp_path / "x.tgz", {name: CONTENT}), tmp_path / "out", largest=LARGEST)
    assert found == [tmp_path / "out" / name]


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    """GNU tar notes holes instead of zeros: a few bytes of archive, and a disk is full."""
    member = tarfile.TarInfo("holes")
    member.type = tarfile.GNUTYPE_SPARSE
    head = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    head[483:495] = b"%011o\0" % (1 << 32)  # the size with its holes
    head[148:156] = b"        "
    head[148:156] = b"%06o\0 " % sum(head)
    (tmp_path / "x.tar").write_bytes(bytes(head) + bytes(1024))
    with pytest.raises(DataError, match="holes is a sparse file"):
        unpack(tmp_path / "x.tar", tmp_path / "out", largest=LARGEST)
    assert not (tmp_path / "out").exists()


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_text("<html>not found</html>")
    with pytest.raises(DataError, match=r"x\.tgz is no tar archive"):
        unpack(tmp_path / "x.tgz", tmp_path / "out", largest=LARGEST)
    with pytest.raises(DataError, match=r"nowhere\.tgz"):
        unpack(tmp_path / "nowhere.tgz", tmp_path / "out", largest=LARGEST)
    archive = pack(tmp_path / "good.tgz", {"a": CONTENT})
    with pytest.raises(DataError, match="in the way"):
        unpack(archive, tmp_path, largest=LARGEST)


def test_a_full_disk(tmp_path: Path, small_disk: Path) -> None:
    archive = pack(tmp_path / "x.tgz", {"a": os.urandom(100_000)})
    with pytest.raises(CacheError, match="No space left"):
        unpack(archive, small_disk / "out", largest=LARGEST)
    assert list(small_disk.iterdir()) == []


def test_an_archive_is_opened_for_as_long_as_it_is_used(tmp_path: Path) -> None:
    archive = pack(tmp_path / "x.tar", {"a/one": CONTENT, "two": b""})
    scratch = tmp_path / "scratch"
    left = tmp_path / ".part-of-a-killed-process"
    left.mkdir()
    whole = hash_file(archive)
    with opened(
        archive, scratch, lambda path: path.name != "two", largest=LARGEST, sha256=whole
    ) as folder:
        assert [path.name for path in folder.rglob("*") if path.is_file()] == ["one"]
        assert not left.exists()
    assert not scratch.exists()
    with pytest.raises(ZeroDivisionError), opened(archive, scratch, largest=LARGEST):
        raise ZeroDivisionError
    assert not scratch.exists()


def test_a_folder_is_opened_as_it_is(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    with opened(given, tmp_path / "scratch", largest=LARGEST) as folder:
        assert folder == given
    assert [path.name for path in tmp_path.iterdir()] == ["given"]


@pytest.mark.parametrize(
    ("name", "sha256", "told"),
    [
        ("nowhere", None, "nowhere does not exist: --from takes a folder or an archive"),
        ("folder", "0" * 64, "folder is a folder: --sha256 is for archives"),
        ("x.tar", "0" * 64, rf"x\.tar has SHA-256 [0-9a-f]{{64}}, expected {'0' * 64}"),
    ],
)
def test_what_is_not_opened(tmp_path: Path, name: str, sha256: str | None, told: str) -> None:
    pack(tmp_path / "x.tar", {"one": CONTENT})
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    with (
        pytest.raises(DataError, match=told),
        opened(tmp_path / name, tmp_path / "scratch", largest=LARGEST, sha256=sha256),
    ):
        pytest.fail("the block must not run")
    assert sorted(tmp_path.iterdir()) == before
