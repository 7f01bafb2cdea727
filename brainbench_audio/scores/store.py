"""Scores on disk: ``<results>/<benchmark>/<model>/<key>-<digest>.nc``, each whole or absent.

The digest is that of the file's bytes, so a damaged file gives itself away.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from brainbench_audio import settings
from brainbench_audio.errors import CacheError, DataError
from brainbench_audio.files import hash_file, hashed_file, locked, set_aside
from brainbench_audio.names import one_form
from brainbench_audio.scores.identities import ModelVersion, version_of
from brainbench_audio.scores.score import MEASURED_BY, Score, read_summary

_log = logging.getLogger(__name__)
_DIGITS = 24
_DIGEST = 16
_PATIENCE = 10.0
_TRIES = 5  # where a file is replaced while it is looked at


@dataclass(frozen=True)
class StoredScore:
    """One file of the store: its path and the JSON part of its score."""

    path: Path
    summary: dict[str, Any]

    @property
    def model(self) -> str:
        """Id of the model."""
        return str(self.summary["provenance"].get("model", self.path.parent.name))

    @cached_property
    def version(self) -> ModelVersion:
        """Which network was scored."""
        return version_of(self.summary["provenance"], self.model)

    @property
    def benchmark(self) -> str:
        """Id of the benchmark."""
        return str(self.summary["provenance"].get("benchmark", self.path.parent.parent.name))

    @property
    def created(self) -> str:
        """When it was scored, ISO 8601; empty where the score does not say it."""
        return str(self.summary["provenance"].get("created", ""))

    @property
    def measured_by(self) -> str:
        """Who measured it; empty for a score that was measured here."""
        return str(self.summary["provenance"].get(MEASURED_BY, ""))

    @property
    def age(self) -> tuple[bool, str, int]:
        """What orders scores from old to new; of one second, the file written last is newer.

        One that somebody else measured is older than any of one's own, whatever date it bears.
        """
        try:
            return not self.measured_by, self.created, self.path.stat().st_mtime_ns
        except FileNotFoundError:  # it was just removed
            return not self.measured_by, self.created, 0


def score_stem(benchmark: str, model: str, key: str) -> Path:
    """Return where a score with this key is kept, but for the digest in the file's name."""
    return settings.results_home() / folder_name(benchmark) / folder_name(model) / key[:_DIGITS]


def folder_name(identifier: str) -> str:
    """Return an id as the name of a folder, readable, whatever somebody called a model."""
    return re.sub(r"[^A-Za-z0-9._@=+-]", "_", one_form(identifier)).lstrip(".") or "_"


def find_score(stem: Path) -> Score | None:
    """Return the stored score, or None; a damaged file is set aside and reported."""
    return _found(stem, read_stored)


def find_summary(stem: Path) -> Score | None:
    """Return the stored score without its raw part, as `find_score` does."""
    return _found(stem, partial(read_stored, raw=False))


def _found(stem: Path, read: Callable[[Path], Score]) -> Score | None:
    for path in _alike(stem):
        try:
            return read(path)
        except DataError as error:
            aside = set_aside(path)
            _log.warning("%s Set aside as %s.", error, aside.name)
    return None


def read_stored(path: Path, *, raw: bool = True) -> Score:
    """Read a file of the store, after checking all its bytes; without its raw part if wanted.

    Raises
    ------
    DataError
        It is missing or damaged.
    """
    if path.is_file() and not _is_whole(path):
        raise DataError(f"{path} is damaged: its bytes do not give the digest in its name.")
    return Score.from_netcdf(path) if raw else Score.from_summary(read_summary(path))


def is_stored(stem: Path) -> bool:
    """Return whether there is a file for a score, sound or damaged."""
    return any(stem.parent.glob(f"{stem.name}-{'?' * _DIGEST}.nc"))


def stored_file(stem: Path) -> Path | None:
    """Return the file of a stored score; None if there is none."""
    return next(iter(_alike(stem)), None)


def keep_score(stem: Path, score: Score) -> Path:
    """Write a score, replacing older ones of the same key; return the file.

    Raises
    ------
    CacheError
        The store is full or cannot be written to.
    """
    # found before ours is there: without locks, two processes would remove each other's file
    replaced = _alike(stem)
    named = hashed_file(stem.with_name(f"{stem.name}.nc"), _DIGEST, score.to_netcdf)
    for older in replaced:
        if older != named:
            older.unlink(missing_ok=True)
    return named


def adopt_score(stem: Path, file: Path) -> Path:
    """Copy a score that another store wrote, byte by byte; return the new file.

    Raises
    ------
    CacheError
        The store is full or cannot be written to.
    """

    def copy(target: Path) -> None:
        shutil.copyfile(file, target)

    return hashed_file(stem.with_name(f"{stem.name}.nc"), _DIGEST, copy)


def stored_scores() -> list[StoredScore]:
    """Return all scores of the store, the newest first; damaged files are reported and left out.

    A killed run may leave two files of one key. Then it is the one that `find_score` takes.
    """
    files = settings.results_home().glob(f"*/*/*-{'?' * _DIGEST}.nc")
    found = [_entry(stem) for stem in sorted({_stem(path) for path in files})]
    return sorted(
        (entry for entry in found if entry), key=lambda entry: entry.created, reverse=True
    )


def remove_stored(path: Path) -> int:
    """Delete a score and all of the same key, while nobody writes it; return how many bytes it had.

    Raises
    ------
    CacheError
        Another process is scoring the same pair, or the folder cannot be written to.
    """
    with locked(_stem(path), timeout=_PATIENCE):
        size = 0
        for alike in _alike(_stem(path)):
            try:
                size += alike.stat().st_size
                alike.unlink(missing_ok=True)
            except OSError as error:
                raise CacheError(f"Cannot remove {alike}: {error.strerror}.") from error
    return size


def _stem(path: Path) -> Path:
    """Return the path of a score but for the digest, see `score_stem`: what a writer locks."""
    return path.with_name(path.stem.rpartition("-")[0])


def _alike(stem: Path) -> list[Path]:
    """Return the files of one key, that written last first: it is the one that counts."""
    found = []
    for path in stem.parent.glob(f"{stem.name}-{'?' * _DIGEST}.nc"):
        with suppress(FileNotFoundError):  # a writer has just removed it
            found.append((path.stat().st_mtime_ns, path.name, path))
    return [path for *_, path in sorted(found, reverse=True)]


def _entry(stem: Path) -> StoredScore | None:
    """Return the score of a key that `find_score` takes; of one file not all bytes are checked."""
    for _ in range(_TRIES):
        alike = _alike(stem)
        for path in alike:
            try:
                if len(alike) > 1 and not _is_whole(path):
                    continue
                return StoredScore(path, read_summary(path))
            except (DataError, FileNotFoundError) as error:
                if path.exists():
                    _log.warning("%s", error)
        if all(path.exists() for path in alike):
            return None
    return None


def _is_whole(path: Path) -> bool:
    return hash_file(path)[:_DIGEST] == path.stem.rpartition("-")[2]
