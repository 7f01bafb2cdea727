"""Remembers the hashes of large sets of files, so that unchanged files are not read again.

    <cache>/hashes/<hash of the folder's path>.json    {name: [mark, SHA-256]}

The mark is size, modification time, change time, inode and device: a file counts as unchanged while
it is the same. A file that was changed within two seconds before it was hashed is not remembered:
another change may fall on the same tick of the file system's clock. What leaves the mark alone is
not noticed: a program that goes on writing through a memory map, or somebody who writes to the disk
itself. `forget_hashes` is for that.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from brainbench_audio import settings
from brainbench_audio.errors import CacheError
from brainbench_audio.files import atomic_file, explained, hash_file, hash_json, locked
from brainbench_audio.progress import progress_bar

_log = logging.getLogger(__name__)
_SETTLED = 2_000_000_000  # nanoseconds
_SAVED_EVERY = 20_000  # files: an interrupted run need not read all of them again
_Mark = list[int]


def hash_files(files: Sequence[Path], description: str = "hashing") -> list[str]:
    """Return the SHA-256 of each file, read only if it has changed since it was last hashed.

    Parameters
    ----------
    files : sequence of Path
        Existing files.
    description : str
        For the progress bar.
    """
    by_folder: dict[Path, list[Path]] = {}
    for file in files:
        by_folder.setdefault(file.parent, []).append(file)
    known: dict[Path, str] = {}
    with progress_bar(len(files), description, "file") as bar, ThreadPoolExecutor() as pool:
        for folder, wanted in by_folder.items():
            store = _store(folder)
            remembered = _remembered(store)
            for start in range(0, len(wanted), _SAVED_EVERY):
                part = wanted[start : start + _SAVED_EVERY]
                fresh: dict[str, list[Any]] = {}
                for file, (sha256, mark) in zip(
                    part, pool.map(partial(_hashed, remembered), part), strict=True
                ):
                    known[file] = sha256
                    if mark is not None:
                        fresh[file.name] = [mark, sha256]
                    bar.update()
                if fresh:
                    _remember(store, fresh)
    return [known[file] for file in files]


def forget_hashes() -> int:
    """Forget all hashes, so that every file is read again; return how many bytes that frees.

    Raises
    ------
    CacheError
        They cannot be removed.
    """
    folder, freed = settings.cache_home() / "hashes", 0
    for store in folder.glob("*.json"):
        with locked(store), explained(store):
            freed += store.stat().st_size if store.exists() else 0
            store.unlink(missing_ok=True)
    return freed


def _hashed(remembered: Mapping[str, list[Any]], file: Path) -> tuple[str, _Mark | None]:
    """Return a file's hash, and its mark if that is new and can be relied on."""
    started = time.time_ns()
    before = _mark(file)
    entry = remembered.get(file.name)
    if entry is not None and entry[0] == before:
        return str(entry[1]), None
    sha256 = hash_file(file)
    settled = started - max(before[1], before[2]) >= _SETTLED
    return sha256, before if settled and _mark(file) == before else None


def _mark(file: Path) -> _Mark:
    status = file.stat()
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return [status.st_size, *times, status.st_ino, status.st_dev]


def _store(folder: Path) -> Path:
    return settings.cache_home() / "hashes" / f"{hash_json(os.fspath(folder.resolve()))[:32]}.json"


def _remembered(store: Path) -> dict[str, list[Any]]:
    """Return what is stored; a damaged file is as good as none."""
    try:
        content = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: entry for name, entry in content.items() if _well_formed(entry)}


def _well_formed(entry: Any) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[1], str)
        and len(entry[1]) == 64
    )


def _remember(store: Path, fresh: Mapping[str, list[Any]]) -> None:
    try:
        with locked(store):
            together = {**_remembered(store), **fresh}  # another process may have added some
            with atomic_file(store) as temporary:
                temporary.write_text(json.dumps(together), encoding="utf-8")
    except CacheError as error:  # it only saves time
        _log.debug("%s", error)
