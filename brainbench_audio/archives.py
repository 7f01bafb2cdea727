"""Unpacks tar archives from the web: all wanted files or none, and nothing outside the folder."""

from __future__ import annotations

import lzma
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_folder, hash_file, locked
from brainbench_audio.progress import progress_bar

_BLOCK = 1 << 20
_MEMBERS = 1_000_000
_LONGEST_HEADER = 1 << 20  # bytes; it holds a name and the like, and is read into memory
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


@contextmanager
def opened(
    given: Path,
    scratch: Path,
    wanted: Callable[[PurePosixPath], bool] = lambda _: True,
    *,
    largest: int,
    sha256: str | None = None,
) -> Iterator[Path]:
    """Yield a folder of the user's as it is, or what an archive of theirs is unpacked to meanwhile.

    Parameters
    ----------
    given : Path
        Folder, or archive as `unpack` takes it.
    scratch : Path
        Where an archive is unpacked; other processes wait. It is gone when the block ends, and
        what a killed process left there is removed first.
    wanted, largest
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
    with locked(scratch):
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            unpack(given, scratch, wanted, largest=largest)
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def unpack(
    archive: Path,
    folder: Path,
    wanted: Callable[[PurePosixPath], bool] = lambda _: True,
    *,
    largest: int,
) -> list[Path]:
    """Unpack regular files of a tar archive into a new folder.

    Owners, permissions and times are not taken over. An archive that names a place outside the
    folder is refused as a whole; links, devices and pipes are refused where they are wanted and
    never made.

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

    Returns
    -------
    list of Path
        The files, below ``folder``, in the archive's order.

    Raises
    ------
    DataError
        The archive is damaged, cut off, unsafe or too large.
    CacheError
        The disk is full or cannot be written to.
    """
    if folder.exists():
        raise DataError(f"{folder} is in the way of {archive.name}: remove it.")
    unpacked: dict[PurePosixPath, int] = {}
    total = 0
    with (
        _explained(archive),
        tarfile.open(archive, tarinfo=_Member) as tar,
        progress_bar(archive.stat().st_size, archive.name, "B", unit_scale=True) as bar,
        atomic_folder(folder) as temporary,
    ):
        for member in _safe_members(archive, tar, wanted):
            name = PurePosixPath(member.name)
            if name in unpacked:
                raise DataError(f"{archive} has {name} twice; it is not clear which is meant.")
            unpacked[name] = member.size
            total += member.size
            if total > largest:
                raise DataError(
                    f"{archive} would unpack to more than {largest} bytes (at {name}). It is not "
                    f"the published archive."
                )
            _copy(archive, tar, member, temporary / name)
            bar.update(member.size)
        # tar stops at its end mark; the checksum of the compression comes after it
        while tar.fileobj is not None and tar.fileobj.read(_BLOCK):
            pass
    return [folder / name for name in unpacked]


class _Member(tarfile.TarInfo):
    """Refuses a further header that would fill the memory; `tarfile` has no limit."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in _HEADERS and self.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[misc]


def _safe_members(
    archive: Path, tar: tarfile.TarFile, wanted: Callable[[PurePosixPath], bool]
) -> Iterator[tarfile.TarInfo]:
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
            continue
        if not member.isreg():
            kind = _KINDS.get(member.type, f"of type {member.type!r}")
            raise DataError(f"{archive}: {name} is {kind}, not a file. Nothing was unpacked.")
        yield member


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
    except (tarfile.TarError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise DataError(
            f"{archive} is no tar archive, or damaged or cut off: {error}. Fetch it again."
        ) from error
    except OSError as error:
        raise DataError(f"{archive} cannot be read: {error}. Fetch it again.") from error
