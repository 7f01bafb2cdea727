"""A folder of results that a group keeps, in git or not: small text files, and no server.

results/<benchmark>/<model>/<version>.json    see `record`
models/<model>.json                           see `declared`
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file
from brainbench_audio.scores.store import StoredScore
from brainbench_audio.sharing.contents import agree, checked_name
from brainbench_audio.sharing.declared import card_text, place_of_card, read_card
from brainbench_audio.sharing.record import RESULTS, parsed, place_of, read_record, record_text


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What goes into a folder.

    Attributes
    ----------
    files : mapping of PurePosixPath to str
        New files and what they hold: records, and cards of their models.
    known : int
        Records that the folder has already, with the same numbers.
    conflicts : tuple of (PurePosixPath, float, float)
        Records that it has with other numbers: which, its value and ours. They stay as they are.
    """

    files: dict[PurePosixPath, str]
    known: int
    conflicts: tuple[tuple[PurePosixPath, float, float], ...]


def plan_submission(folder: Path, entries: Iterable[StoredScore], name: str) -> Submission:
    """Return what stored scores add to a folder of results; nothing is written.

    Parameters
    ----------
    folder : Path
    entries : iterable of StoredScore
    name : str
        Who measured them; scores of somebody else keep their name.

    Raises
    ------
    DataError
        A stored score is damaged or says too little, or a record of the folder is of no use.
    """
    files: dict[PurePosixPath, str] = {}
    known, conflicts = 0, []
    name = checked_name(name)
    for entry in entries:
        text, place = record_text(entry, name), place_of(entry)
        if is_inside(folder, place):
            before = read_record(folder / place).summary
            mine = parsed(text, str(entry.path))
            if agree(before, mine):
                conflicts.append((place, before["value"], mine["value"]))
            else:
                known += 1
            continue
        files[place] = text
        card = place_of_card(entry.model)
        if card not in files and not is_inside(folder, card):
            files[card] = card_text(entry)
    return Submission(files=files, known=known, conflicts=tuple(conflicts))


def write_submission(folder: Path, submission: Submission) -> None:
    """Write the files of a submission.

    Raises
    ------
    CacheError
        The folder cannot be written to or is full.
    """
    for place, text in submission.files.items():
        with atomic_file(folder / place) as temporary:
            temporary.write_text(text, encoding="utf-8")


def unfinished(folder: Path, submission: Submission) -> list[str]:
    """Return what is to be filled in by hand in the cards of a submission that was written."""
    found = []
    for place in submission.files:
        if place.parts[0] != RESULTS:
            try:
                read_card(folder / place)
            except DataError as error:
                found.append(str(error))
    return found


def is_inside(folder: Path, place: PurePosixPath) -> bool:
    """Return whether a folder has a file.

    Raises
    ------
    DataError
        The way to it leads through a link, out of the folder.
    """
    at = folder
    for part in place.parts:
        at /= part
        if at.is_symlink():
            raise DataError(f"{at} is a link: a folder of results holds files. Remove it.")
    return at.exists()


def records(folder: Path) -> Iterator[Path]:
    """Yield all files below ``results/``, sorted; links as they are, never what they lead to.

    Raises
    ------
    DataError
        There is no such folder.
    """
    top = folder / RESULTS
    if top.is_symlink() or not top.is_dir():
        raise DataError(
            f"{folder} is no folder of results: it has no folder {RESULTS}/. "
            f"`brainbench new results NAME` makes one."
        )
    yield from _below(top)


def read_folder(folder: Path) -> list[StoredScore]:
    """Return all records of a folder, in the order of their places.

    Raises
    ------
    DataError
        There is no folder of results, or a file in it is of no use.
    """
    found = []
    for path in records(folder):
        entry = read_record(path)
        if (place := place_of(entry)) != PurePosixPath(path.relative_to(folder).as_posix()):
            raise DataError(f"{path} is not where it belongs: move it to {folder / place}.")
        found.append(entry)
    return found


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name == ".gitkeep":
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)
        else:
            yield path
