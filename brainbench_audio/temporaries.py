"""Temporary files and folders, each held by a lock for as long as its process needs it.

    .part-<unique><suffix>     what is being written
    .part-<unique>.lock        the lock of whoever writes it

What a killed process leaves has a lock that nobody holds. So it is told from what another process
is writing, however long that takes.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from brainbench_audio.errors import CacheError
from brainbench_audio.locks import Lock

TEMPORARY = ".part-"


@contextmanager
def temporary_path(folder: Path, suffix: str = "") -> Iterator[Path]:
    """Yield a free path that is this process's own; what is there at the end is removed.

    Parameters
    ----------
    folder : Path
        Where it is; made if needed.
    suffix : str
        What the name ends with, which some writers look at.

    Raises
    ------
    OSError
        The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem, lock = _held(folder)
    # not tempfile: its files are private, and a store on a shared folder is read by the group
    path = folder / f"{stem.name}{suffix}"
    try:
        yield path
    finally:
        _remove(path)
        lock.discard()


def remove_leftovers(folder: Path, *, deep: bool = True) -> int:
    """Delete what killed processes left in ``folder``; return how many files and folders.

    Parameters
    ----------
    folder : Path
    deep : bool
        Search its subfolders, too.
    """
    removed = 0
    for place, folders, files in os.walk(folder):
        names = [name for name in (*folders, *files) if name.startswith(TEMPORARY)]
        # what is below one goes with it
        folders[:] = [name for name in folders if deep and not name.startswith(TEMPORARY)]
        for stem in {Path(place, _stem(name)) for name in names}:
            removed += _remove_unheld(stem, names)
    return removed


def _held(folder: Path) -> tuple[Path, Lock]:
    while True:
        stem = folder / f"{TEMPORARY}{uuid.uuid4().hex}"
        lock = Lock(stem, timeout=0)
        try:
            lock.acquire()
        except CacheError:  # taken for a leftover before it was held
            continue
        if lock.is_there():
            return stem, lock
        lock.release()


def _remove_unheld(stem: Path, names: list[str]) -> int:
    """Remove what begins with a stem, unless somebody holds its lock."""
    lock = Lock(stem, timeout=0)
    try:
        lock.acquire()
    except (CacheError, OSError):  # in use, or not ours to remove
        return 0
    left = [name for name in names if _stem(name) == stem.name]
    left = [name for name in left if not name.startswith(f"{stem.name}.lock")]
    for name in left:
        _remove(stem.with_name(name))
    lock.discard()
    return len(left)


def _stem(name: str) -> str:
    """Return a name without its suffix, as far as a lock knows it."""
    return f".{name.split('.')[1]}"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
