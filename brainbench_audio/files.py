"""Files that are either whole or absent: atomic writes, locks, content hashes."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from brainbench_audio import settings
from brainbench_audio.errors import CacheError, DataError, NoText
from brainbench_audio.locks import Lock
from brainbench_audio.names import printable
from brainbench_audio.temporaries import temporary_path

_BLOCK = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write into an error that says what to do.

    Parameters
    ----------
    path : Path
        What the block writes.

    Raises
    ------
    CacheError
        The folder cannot be written to or is full.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) or not error.errno:
            raise
        raise CacheError(
            f"Cannot write {path}: {error.strerror}. {_advice(path, error.errno)} Nothing was left "
            f"half-written."
        ) from error


def _advice(path: Path, number: int) -> str:
    homes = (settings.cache_home(), settings.results_home(), settings.data_home())
    if _is_temporary(path):
        elsewhere = "choose another folder with TMPDIR or BRAINBENCH_HOME"
    elif any(path.absolute().is_relative_to(home.absolute()) for home in homes):
        elsewhere = "choose another folder with BRAINBENCH_HOME"
    else:
        elsewhere = "choose another folder"
    if number in _FULL:
        return f"Free some space or {elsewhere}."
    if number in _FORBIDDEN:
        return f"You may not write there: {elsewhere}."
    return f"Look at the disk, or {elsewhere}."


def _is_temporary(path: Path) -> bool:
    try:
        return path.absolute().is_relative_to(tempfile.gettempdir())
    except FileNotFoundError:  # no folder for temporary files can be written to
        return True


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that becomes ``path`` when the block ends well.

    A reader sees the old file or the new one, never a part of it; after an exception or a kill the
    old one is still there. The temporary name keeps the suffix, which some writers look at.

    Parameters
    ----------
    path : Path
        Where the finished file goes; its folder is made if needed.

    Raises
    ------
    CacheError
        The folder cannot be written to or is full.
    """
    with _part_of(path) as temporary:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)


@contextmanager
def _part_of(path: Path) -> Iterator[Path]:
    with explained(path), temporary_path(path.parent, path.suffix) as temporary:
        temporary.touch(exist_ok=False)
        yield temporary


def hashed_file(path: Path, digits: int, write: Callable[[Path], None]) -> Path:
    """Write a file whose name ends with the digest of its bytes; return its path.

    Processes that write the same thing at the same time do not get in each other's way, locks or
    not.

    Parameters
    ----------
    path : Path
        Without the digest: ``chunk.nc`` becomes ``chunk-<digest>.nc``.
    digits : int
        Of the digest.
    write : callable
        Writes the file that it is given.

    Raises
    ------
    CacheError
        The folder cannot be written to or is full.
    """
    with _part_of(path) as temporary:
        write(temporary)
        _flush(temporary)
        named = path.with_name(f"{path.stem}-{hash_file(temporary)[:digits]}{path.suffix}")
        os.replace(temporary, named)
    return named


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that becomes ``path`` when the block ends well.

    If another process has made ``path`` meanwhile, its folder stays and ours is dropped.

    Raises
    ------
    CacheError
        The parent folder cannot be written to or is full.
    """
    with explained(path), temporary_path(path.parent) as temporary:
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _flush(file)
        try:
            temporary.rename(path)
        except OSError:
            if not path.is_dir():
                raise


@contextmanager
def locked(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold an inter-process lock on ``path`` (a file ``<path>.lock`` beside it) for the block.

    Parameters
    ----------
    path : Path
        What the lock protects.
    timeout : float
        Seconds to wait; negative waits as long as it takes, and says so, see `locks.Lock`.

    Raises
    ------
    CacheError
        The lock was not free in time, or its folder cannot be written to.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = Lock(path, timeout)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def set_aside(path: Path) -> Path:
    """Rename a damaged file or folder to a free name ending in ``.corrupt``; return that name."""
    for attempt in range(1000):
        aside = path.with_name(f"{path.name}.{attempt}.corrupt")
        if not aside.exists():
            with suppress(FileNotFoundError):  # another process was faster
                path.rename(aside)
            return aside
    raise CacheError(f"{path.parent} holds 1,000 damaged copies of {path.name}: delete them.")


def hash_file(path: Path, kind: str = "sha256") -> str:
    """Return a hash of a file's bytes in hex digits: SHA-256, or ``md5`` where others tell that.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    digest = hashlib.new(kind, usedforsecurity=kind != "md5")
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()


def size_in_words(size: int) -> str:
    """Return bytes with a unit.

    Examples
    --------
    >>> size_in_words(30_000_000)
    '30.0 MB'
    """
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def hash_json(value: Any) -> str:
    """Return the SHA-256 of a JSON-able value, independent of the order of its keys.

    Raises
    ------
    NoText
        It holds a name that is no text in UTF-8.

    Examples
    --------
    >>> hash_json({"a": 1, "b": 2}) == hash_json({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return hashlib.sha256(text.encode()).hexdigest()
    except UnicodeEncodeError as error:
        # what Python makes of bytes in the name of a file or in an argument that are no UTF-8
        start, end = text.rfind('"', 0, error.start) + 1, text.find('"', error.start)
        raise NoText(
            f"The name {printable(text[start:end])} is no text in UTF-8: rename it, or spell it as "
            f"your terminal does."
        ) from error


def json_ready(value: Any) -> Any:
    """Return a value as JSON can say it: numpy numbers become plain ones, NaN and infinity None.

    Examples
    --------
    >>> json_ready({"a": (1.0, float("nan"))})
    {'a': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(name): json_ready(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(inner) for inner in value]
    if hasattr(value, "tolist"):
        return json_ready(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def hash_sources(folder: Path) -> str:
    """Return one SHA-256 over the names and contents of all Python files below ``folder``."""
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]
    return hash_json([(file.relative_to(folder).as_posix(), hash_file(file)) for file in files])


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
