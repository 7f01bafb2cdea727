"""Unpacks tar archives from the web: all wanted files or none, and nothing outside the folder."""

from __future__ import annotations

import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from brainbench_audio.errors import CacheError, DataError
from brainbench_audio.files import atomic_file, atomic_folder, hash_file, locked
from brainbench_audio.progress import progress_bar
from brainbench_audio.temporaries import remove_leftovers, temporary_path

_BLOCK = 1 << 20
_MEMBERS = 1_000_000
# an archive may unpack to so many times its size, or to so much; sounds compress 20 times at most
_RATIO, _SMALL = 200, 1 << 26
_LONGEST_HEADER = 1 << 16  # bytes; it holds a name and the like, and is read into memory
_MOST_HEADERS = 8  # before one member; tarfile calls itself for each
# `tarfile` of Python 3.11.7 searches numbers of n digits in n² steps
_LONG_NUMBER = re.compile(rb"[0-9]{100}")
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
    tarfile.REGTYPE: "a sparse file",
}


# OverflowError: a place beyond the end of any file
_DAMAGED = (tarfile.TarError, EOFError, ValueError, OverflowError, zlib.error, lzma.LZMAError)


@contextmanager
def opened(
    given: Path,
    scratch: Path,
    wanted: Callable[[PurePosixPath], bool] = lambda _: True,
    *,
    largest: int,
    members: int = _MEMBERS,
    sha256: str | None = None,
) -> Iterator[Path]:
    """Yield a folder of the user's as it is, or what an archive of theirs is unpacked to meanwhile.

    Parameters
    ----------
    given : Path
        Folder, or archive as `unpack` takes it.
    scratch : Path
        Where an archive is unpacked, under a name beside this one; other processes wait. It is gone
        when the block ends, and what killed processes left there is removed first.
    wanted, largest, members
        See `unpack`.
    sha256 : str, optional
        What the archive must have.

    Raises
    ------
    DataError
        Nothing is there, it has another checksum or is a folder, which has none; or see `unpack`.
    CacheError
        The disk is full or cannot be written to.
    """
    if given.is_dir():
        if sha256 is not None:
            raise DataError(f"{given} is a folder: --sha256 is for archives.")
        yield given
        return
    if not given.is_file():
        raise DataError(f"{given} does not exist: --from takes a folder or an archive.")
    if sha256 is not None and (found := hash_file(given)) != sha256:
        raise DataError(f"{given} has SHA-256 {found}, expected {sha256}. Nothing was installed.")
    with locked(scratch), temporary_path(scratch.parent) as folder:
        remove_leftovers(scratch.parent, deep=False)
        unpack(given, folder, wanted, largest=largest, members=members)
        yield folder


def unpack(
    archive: Path,
    folder: Path,
    wanted: Callable[[PurePosixPath], bool] = lambda _: True,
    *,
    largest: int,
    members: int = _MEMBERS,
) -> list[Path]:
    """Unpack regular files of a tar archive into a new folder.

    Owners, permissions and times are not taken over. An archive that names a place outside the
    folder is refused as a whole; links, devices, pipes and sparse files are refused where they are
    wanted and never made.

    Parameters
    ----------
    archive : Path
        Tar, plain or compressed with gzip, bzip2 or xz.
    folder : Path
        Must not exist; made when everything has arrived.
    wanted : callable
        Whether to unpack the file of this name (without a leading ``./``); all by default.
    largest : int
        Bytes that all wanted files may have together: more is a mistake or an attack.
    members : int
        How many wanted files there may be.

    Returns
    -------
    list of Path
        The files, below ``folder``, in the archive's order.

    Raises
    ------
    DataError
        The archive is damaged, cut off, unsafe or too large.
    CacheError
        The disk is full or cannot be written to, or files are gone again.
    """
    if folder.exists():
        raise DataError(f"{folder} is in the way of {archive.name}: remove it.")
    unpacked: dict[PurePosixPath, int] = {}
    total = 0
    with (
        _explained(archive),
        _Tar.open(archive, tarinfo=_Member) as tar,
        progress_bar(archive.stat().st_size, archive.name, "B", unit_scale=True) as bar,
        atomic_folder(folder) as temporary,
    ):
        largest = min(largest, _most(archive))
        for member in _safe_members(archive, tar, wanted):
            name = PurePosixPath(member.name)
            if name in unpacked:
                raise DataError(f"{archive} has {name} twice; it is not clear which is meant.")
            unpacked[name] = member.size
            total += member.size
            if total > largest or len(unpacked) > members:
                most = f"{largest} bytes" if total > largest else f"{members} files"
                raise DataError(
                    f"{archive} would unpack to more than {most} (at {name}). It is not the "
                    f"published archive."
                )
            _copy(archive, tar, member, temporary / name)
            bar.update(member.size)
        # tar stops at its end mark; the checksum of the compression comes after it
        while tar.fileobj is not None and tar.fileobj.read(_BLOCK):
            pass
        check_complete(temporary, unpacked)
    return [folder / name for name in unpacked]


def pack(archive: Path, files: Mapping[PurePosixPath, Path]) -> None:
    """Write files to a plain tar archive, whole or not at all.

    The same files give the same bytes: no times, owners or permissions are kept.

    Parameters
    ----------
    archive : Path
    files : mapping of PurePosixPath to Path
        Name in the archive to file.

    Raises
    ------
    CacheError
        The disk is full or cannot be written to.
    """
    with (
        atomic_file(archive) as temporary,
        tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in sorted(files.items()):
            member = tarfile.TarInfo(str(name))
            member.size = path.stat().st_size
            member.mode = 0o644
            with path.open("rb") as file:
                tar.addfile(member, file)


def check_complete(folder: Path, sizes: Mapping[PurePosixPath, int]) -> None:
    """Hold a folder that was just written to the files that belong there, and their bytes.

    Raises
    ------
    CacheError
        Somebody removed or changed one.
    """
    for name, size in sizes.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != size:
            raise CacheError(
                f"{name} is missing or not as it was written to {folder}: another program removes "
                f"files there. Nothing was installed; try again when it has ended."
            )


class _Tar(tarfile.TarFile):
    """Counts the further headers before a member."""

    headers = 0


class _Member(tarfile.TarInfo):
    """Refuses headers that would fill the memory or hang the parser; `tarfile` has no limit."""

    def _proc_member(self, archive: Any) -> Any:
        if self.size < 0:
            raise tarfile.ReadError(f"a member of {self.size} bytes")
        archive.headers = archive.headers + 1 if self.type in _HEADERS else 0
        if self.type in _HEADERS and self.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        if archive.headers > _MOST_HEADERS:
            raise tarfile.ReadError(f"more than {_MOST_HEADERS} headers in a row")
        if self.type in _PAX:
            at = archive.fileobj.tell()
            _check_records(archive.fileobj.read(self.size))
            archive.fileobj.seek(at)
        return super()._proc_member(archive)  # type: ignore[misc]


def _check_records(header: bytes) -> None:
    """Hold a pax header to its form: lines of ``<length> <keyword>=<value>``.

    Raises
    ------
    ReadError
        It is none, or one whose parsing would take for ever.
    """
    at = 0
    while at < len(header) and header[at]:  # zeros fill the rest
        digits, space, _ = header[at : at + 7].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        record = header[at : at + length]
        if len(record) != length or b"=" not in record or record[-1:] != b"\n":
            raise tarfile.ReadError("a header that is no list of records")
        at += length
    if _LONG_NUMBER.search(header):
        raise tarfile.ReadError("a header with a number of more than 100 digits")


def _safe_members(
    archive: Path, tar: tarfile.TarFile, wanted: Callable[[PurePosixPath], bool]
) -> Iterator[tarfile.TarInfo]:
    skipped = 0
    for number, member in enumerate(tar):
        name = PurePosixPath(member.name)
        if number >= _MEMBERS:
            raise DataError(f"{archive} has more than {_MEMBERS} members.")
        windows = PureWindowsPath(member.name)
        if name.is_absolute() or ".." in name.parts or windows.drive or "\\" in member.name:
            raise DataError(
                f"{archive} has a member that lies outside the folder it is unpacked to: "
                f"{member.name!r}. Nothing was unpacked; do not trust this archive."
            )
        if member.isdir() or not name.parts or not wanted(name):
            skipped += member.size
            if skipped > _most(archive):
                raise DataError(f"{archive} holds more than {_RATIO} times its size (at {name}).")
            continue
        if not member.isreg() or member.issparse():
            kind = _KINDS.get(member.type, f"of type {member.type!r}")
            raise DataError(f"{archive}: {name} is {kind}, not a file. Nothing was unpacked.")
        yield member


def _most(archive: Path) -> int:
    return max(_SMALL, _RATIO * archive.stat().st_size)


def _copy(archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = tar.extractfile(member)
    if source is None:
        raise DataError(f"{archive}: {member.name} cannot be read.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("xb") as file:
        while block := source.read(_BLOCK):
            file.write(block)
        if file.tell() != member.size:
            raise DataError(f"{archive} is cut off in {member.name}. Fetch it again.")


@contextmanager
def _explained(archive: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise DataError(
            f"{archive} is no tar archive, or damaged or cut off: {error}. Fetch it again."
        ) from error
    except OSError as error:
        raise DataError(f"{archive} cannot be read: {error}. Fetch it again.") from error
