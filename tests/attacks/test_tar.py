"""Archives that would hang the parser, fill the disk, or hold more than the data set has."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from brainbench_audio.archives import unpack
from brainbench_audio.errors import DataError

LARGEST = 1 << 24
SECONDS = 5.0


def header(name: str, kind: bytes, content: bytes, size: int | None = None) -> bytes:
    """Return a member as bytes; its size may be a lie."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content) if size is None else size
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def record(text: bytes) -> bytes:
    """Return a record of a pax header."""
    length = len(text) + 2
    while len(b"%d %s\n" % (length, text)) != length:
        length += 1
    return b"%d %s\n" % (length, text)


def file(content: bytes = b"x") -> bytes:
    return header("data/a.txt", tarfile.REGTYPE, content)


def negative() -> bytes:
    info = bytearray(file())
    info[124:136] = b"\xff" * 12  # -1 in base 256
    info[148:156] = b"%06o\0 " % (sum(info[:148]) + 8 * 32 + sum(info[156:512]))
    return bytes(info)


def sparse_map() -> bytes:
    """A gigabyte that is a hole, in the form of GNU tar."""
    info = bytearray(header("data/hole", tarfile.GNUTYPE_SPARSE, b""))
    info[386:398] = b"%011o\0" % ((1 << 30) - 1)
    info[398:410] = b"%011o\0" % 1
    info[483:495] = b"%011o\0" % (1 << 30)
    info[124:136] = b"%011o\0" % 1
    info[148:156] = b"%06o\0 " % (sum(info[:148]) + 8 * 32 + sum(info[156:512]))
    return bytes(info) + b"x" + bytes(511)


def pax(content: bytes) -> bytes:
    return header("pax", tarfile.XHDTYPE, content) + file()


SPARSE_10 = (
    record(b"GNU.sparse.major=1")
    + record(b"GNU.sparse.minor=0")
    + record(b"GNU.sparse.name=data/hole")
    + record(b"GNU.sparse.realsize=1073741824")
)
ARCHIVES = {
    "900 kB of digits": pax(b"1" * 900_000),
    "64 kB of digits": pax(b"1" * 65_536),
    "a value of digits": pax(record(b"comment=" + b"1" * 60_000)),
    "no record": pax(b"10 a"),
    "records in records": pax(b"2 " * 30_000 + b"="),
    "a record that ends beyond the header": pax(b"99 a=b\n"),
    "global headers without end": header("g", tarfile.XGLTYPE, record(b"a=b")) * 5000 + file(),
    "long names without end": header("l", tarfile.GNUTYPE_LONGNAME, b"a\0") * 5000 + file(),
    "a negative size": negative(),
    "a hole": sparse_map(),
    "a hole in a pax header": pax(SPARSE_10),
    "a hole in an old pax header": pax(
        record(b"GNU.sparse.size=1073741824") + record(b"GNU.sparse.map=0,1,1073741823,1")
    ),
    "a place beyond any file": pax(record(b"size=" + b"9" * 90)),
}


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_refused_at_once(tmp_path: Path, name: str, suffix: str) -> None:
    import gzip

    content = ARCHIVES[name] + bytes(1024)
    given = tmp_path / f"given.{suffix}"
    given.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    started = time.perf_counter()
    with pytest.raises(DataError, match=r"given\.tar"):
        unpack(given, tmp_path / "out", largest=LARGEST)
    assert time.perf_counter() - started < SECONDS
    assert [path.name for path in tmp_path.iterdir()] == [given.name]


def packed(path: Path, members: Iterable[tuple[str, int]]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, size in members:
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, io.BytesIO(bytes(size)))
    return path


def test_more_files_than_the_data_set_has(tmp_path: Path) -> None:
    given = packed(tmp_path / "given.tar.gz", [(f"data/{number}", 1) for number in range(40)])
    with pytest.raises(DataError, match="more than 39 files"):
        unpack(given, tmp_path / "out", largest=LARGEST, members=39)
    assert len(unpack(given, tmp_path / "out", largest=LARGEST, members=40)) == 40


@pytest.mark.parametrize("wanted", [True, False])
def test_zeros_without_end(tmp_path: Path, wanted: bool) -> None:
    """Also where nobody wants them: they would be read."""
    given = packed(tmp_path / "given.tar.gz", [("data/zeros", 100_000_000)])
    with pytest.raises(DataError, match="more than"):
        unpack(given, tmp_path / "out", lambda _: wanted, largest=1 << 40)
    assert [path.name for path in tmp_path.iterdir()] == [given.name]


def test_long_names_and_pax_headers_of_honest_archives_are_read(tmp_path: Path) -> None:
    name = "/".join(["data", *["folder-" * 12] * 20, "é" * 40])
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        given = tmp_path / f"{form}.tar"
        with tarfile.open(given, "w", format=form) as tar:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 1, 1.5
            info.pax_headers = {"comment": "12345678901234567890 = a\nb"}
            tar.addfile(info, io.BytesIO(b"x"))
        (found,) = unpack(given, tmp_path / str(form), largest=LARGEST)
        assert found.read_bytes() == b"x"
