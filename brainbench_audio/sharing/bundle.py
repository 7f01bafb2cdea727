"""Bundles: stored scores in one file, for others to merge into their stores.

A plain tar archive, in the layout of the store. The same scores give the same bytes.

    bundle.json                                     its format
    scores/<benchmark>/<model>/<key>-<digest>.nc    each score, with the name of who measured it
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from brainbench_audio import settings
from brainbench_audio.archives import opened, pack
from brainbench_audio.errors import DataError
from brainbench_audio.files import locked
from brainbench_audio.progress import progress_bar
from brainbench_audio.scores import profiles
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import (
    StoredScore,
    adopt_score,
    find_summary,
    keep_score,
    read_stored,
    score_stem,
)
from brainbench_audio.sharing.contents import agree, checked_name, problems, with_measurer
from brainbench_audio.temporaries import temporary_path

_FORMAT = 1
_HEAD = "bundle.json"
_SCORES = "scores"
_SUFFIX = ".tar"
# bytes and scores that a bundle may hold
_LARGEST, _MOST = 1 << 36, 100_000
_MEMBER = re.compile(rf"{_SCORES}/[^/]+/[^/]+/([0-9a-f]{{24}})-[0-9a-f]{{16}}\.nc")


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A score of a bundle.

    Attributes
    ----------
    file : Path
    stem : Path
        Where the store keeps it, see `scores.store.score_stem`.
    stored : StoredScore
        What it says.
    mine : Score or None
        The score that the store has under its key, where that has other numbers.
    """

    file: Path
    stem: Path
    stored: StoredScore
    mine: Score | None = None


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What came of a bundle.

    Attributes
    ----------
    added, known, conflicts : tuple of Incoming
        Now in the store; there before, with the same numbers; there with other numbers, and left as
        they are.
    """

    added: tuple[Incoming, ...]
    known: tuple[Incoming, ...]
    conflicts: tuple[Incoming, ...]


def check_bundle_name(path: Path) -> None:
    """Raise DataError if a bundle cannot have this name."""
    if path.suffix != _SUFFIX:
        raise DataError(f"{path} must end in {_SUFFIX}: a bundle is a tar archive.")


def export_bundle(
    entries: Iterable[StoredScore], path: Path, name: str = "", *, raw: bool = True
) -> int:
    """Write stored scores to a bundle, whole or not at all; return how many.

    Parameters
    ----------
    entries : iterable of StoredScore
    path : Path
        Ends in ``.tar``.
    name : str
        Who measured them; scores of somebody else keep their name.
    raw : bool
        With their arrays; without them, the score of each layer stays.

    Raises
    ------
    DataError
        There are none, a file is damaged, or nobody says who measured them.
    CacheError
        The disk is full or cannot be written to.
    """
    check_bundle_name(path)
    entries = list(entries)
    if not entries:
        raise DataError(f"There are no scores to write to {path}.")
    if not name and any(not entry.measured_by for entry in entries):
        raise DataError("Some of these scores were measured here: say by whom, with --by NAME.")
    name = checked_name(name) if name else ""
    with temporary_path(path.absolute().parent) as folder:
        files = {}
        with progress_bar(len(entries), "export", "score") as bar:
            for entry in entries:
                file = _outgoing(entry, folder, name, raw)
                files[PurePosixPath(_SCORES) / file.relative_to(folder)] = file
                bar.update()
        head = folder / _HEAD
        head.write_text(json.dumps({"format": _FORMAT}) + "\n", encoding="utf-8")
        pack(path, {PurePosixPath(_HEAD): head, **files})
    return len(files)


def merge_bundle(path: Path) -> Merged:
    """Add the scores of a bundle to the store.

    Nothing is added unless every score of the bundle is sound. A score that is stored already stays
    as it is, whatever the bundle says, so merging twice is the same as merging once.

    Raises
    ------
    DataError
        The file is no bundle, or a score in it is damaged or does not say what it has to.
    CacheError
        The store is full or cannot be written to.
    """
    added, known, conflicts = [], [], []
    with _unpacked(path) as folder:
        for one in _incoming(folder, path):
            with locked(one.stem):
                mine = find_summary(one.stem)
                if mine is None:
                    adopt_score(one.stem, one.file)
                    added.append(one)
                elif agree(_plain(mine), one.stored.summary):
                    conflicts.append(
                        Incoming(file=one.file, stem=one.stem, stored=one.stored, mine=mine)
                    )
                else:
                    known.append(one)
    return Merged(added=tuple(added), known=tuple(known), conflicts=tuple(conflicts))


def without_arrays(score: Score) -> Score:
    """Return a score with one number a layer instead of its arrays."""
    mean = profiles.mean_profile(score.raw)
    raw = score.raw.drop_vars(list(score.raw.variables)).drop_attrs()
    if mean is not None:
        raw = raw.assign(profile=mean.reset_coords(drop=True).drop_attrs())
    return Score(**{**vars(score), "raw": raw})


def _outgoing(entry: StoredScore, folder: Path, name: str, raw: bool) -> Path:
    """Write a score as it goes into the bundle; return the file, in the layout of the store."""
    score = read_stored(entry.path)
    key = entry.path.stem.rpartition("-")[0]
    stem = folder / score_stem(entry.benchmark, entry.model, key).relative_to(
        settings.results_home()
    )
    if raw and entry.measured_by:
        return adopt_score(stem, entry.path)
    score = with_measurer(score, name)
    return keep_score(stem, score if raw else without_arrays(score))


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    if not path.is_file():
        raise DataError(f"{path} is no file: give a bundle that `results export` wrote.")
    scratch = settings.results_home() / ".bundle"
    with opened(path, scratch, largest=_LARGEST, members=_MOST) as folder:
        try:
            head = json.loads((folder / _HEAD).read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{path} is no bundle: it has no {_HEAD}.") from error
        if not isinstance(head, dict) or head.get("format") != _FORMAT:
            raise DataError(
                f"{path} is a bundle of another format, this version reads {_FORMAT}: ask for one "
                f"that this version wrote, or install a newer brainbench-audio."
            )
        yield folder


def _incoming(folder: Path, path: Path) -> list[Incoming]:
    """Return the scores of a bundle, each of which was read as a whole."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    found = []
    with progress_bar(len(files) - 1, "check", "score") as bar:
        for file in files:
            if file != folder / _HEAD:
                found.append(_checked(file, folder, path))
                bar.update()
    return found


def _checked(file: Path, folder: Path, path: Path) -> Incoming:
    place = file.relative_to(folder).as_posix()
    found = _MEMBER.fullmatch(place)
    if found is None:
        raise DataError(f"{path} has {place!a}, which is no score. Nothing was merged.")
    try:
        summary = _plain(read_stored(file))
    except DataError as error:
        raise DataError(f"{path}: {error} Nothing was merged.") from error
    stored = StoredScore(file, summary)
    wrong = problems(summary)
    stem = None
    if not wrong:
        stem = score_stem(stored.benchmark, stored.model, found[1])
        home = settings.results_home()
        if stem.parent.relative_to(home) != file.parent.relative_to(folder / _SCORES):
            wrong = [f"it is a score of {stored.model} on {stored.benchmark}"]
        if str(summary["provenance"].get("key", found[1]))[:24] != found[1]:
            wrong = ["its key is another"]
    if wrong or stem is None:
        raise DataError(f"{path}: {place!a} cannot be taken: {wrong[0]}. Nothing was merged.")
    return Incoming(file=file, stem=stem, stored=stored)


def _plain(score: Score) -> dict[str, Any]:
    """Return the fields of a score but its arrays, as `read_summary` does."""
    fields = dict(vars(score))
    del fields["raw"]
    interval = fields["interval"]
    return {**fields, "interval": None if interval is None else list(interval)}
