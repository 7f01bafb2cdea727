"""Where the files of the 165 sounds are: brought by the user, downloaded before, or published."""

from __future__ import annotations

import csv
import shutil
from functools import cache
from importlib.resources import files
from pathlib import Path

from brainbench_audio import settings
from brainbench_audio.cards import DatasetCard
from brainbench_audio.download import Remote, fetch_all
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, hash_file

COMMIT = "b41b99ff620d7997dbf278fc770f58566707726a"
REPOSITORY = "https://raw.githubusercontent.com/snormanhaignere/natsound165-neuron2015"
FOLDER = "natsound165"
LABELS = "category_labels.csv"
COMPONENTS = "components.mat"
_SHA256 = {
    LABELS: "747c213ec40ede8ccac7af2ba2d0ecc9d6dfbccbe5befeb6888beb5201b35fbc",
    COMPONENTS: "a34f9a4c648de56d075f249a0f09f67281cde024d0ca184347436e540ab0a66e",
}
_PUBLISHED = {LABELS: "sounds/category_labels.csv", COMPONENTS: "data/components.mat"}


@cache
def registry() -> tuple[tuple[str, int, str], ...]:
    """Return name, published fold and SHA-256 of each sound, in the order of the responses.

    The folds are those released with "Better audio representations are more brain-like".
    """
    text = files("brainbench_natsound165").joinpath("registry.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple((row["stimulus"], int(row["fold"]), row["sha256"]) for row in rows)


def remotes(base: str = f"{REPOSITORY}/{COMMIT}") -> list[Remote]:
    """Return all published files with their checksums."""
    sounds = [
        Remote(f"wav/{name}.wav", (f"{base}/sounds/wav/{name}.wav",), sha256)
        for name, _, sha256 in registry()
    ]
    tables = [
        Remote(name, (f"{base}/{_PUBLISHED[name]}",), sha256) for name, sha256 in _SHA256.items()
    ]
    return tables + sounds


def locate(_card: DatasetCard) -> Path | None:
    """Return the folder that holds all files, the user's own first; None if there is none."""
    return next((folder for folder in _candidates() if not _lacking(folder)), None)


def folder(card: DatasetCard) -> Path:
    """Return the folder that holds all files, downloaded if need be.

    Raises
    ------
    DataError
        ``BRAINBENCH_DATA`` has a part of the files only, or they cannot be downloaded.
    """
    if found := locate(card):
        return found
    brought = settings.brought_data()
    if brought and (brought / FOLDER).is_dir():
        lacking = _lacking(brought / FOLDER)
        raise DataError(
            f"{brought / FOLDER} (BRAINBENCH_DATA) lacks {len(lacking)} files, the first is "
            f"{lacking[0]}. Complete the folder, or unset BRAINBENCH_DATA to download the data."
        )
    return download(card, None)


def download(_card: DatasetCard, source: str | None) -> Path:
    """Install the files below the data home, from the web or from a folder; return the folder.

    Parameters
    ----------
    source : str or None
        A folder in the layout of the README; None: the published files.

    Raises
    ------
    DataError
        A file is missing or has another checksum.
    """
    target = settings.data_home() / FOLDER
    if source is None:
        fetch_all(remotes(), target, "165 natural sounds")
        return target
    for remote in remotes():
        _copy(Path(source) / remote.name, target / remote.name, remote.sha256)
    return target


def _copy(given: Path, target: Path, expected: str | None) -> None:
    if not given.is_file():
        raise DataError(f"{given} is missing: the folder given with --from is not complete.")
    if (found := hash_file(given)) != expected:
        raise DataError(
            f"{given} has SHA-256 {found}, expected {expected}: not the published file."
        )
    with atomic_file(target) as temporary:
        shutil.copyfile(given, temporary)


def _candidates() -> list[Path]:
    brought = settings.brought_data()
    return [*([brought / FOLDER] if brought else []), settings.data_home() / FOLDER]


def _lacking(folder: Path) -> list[str]:
    return [remote.name for remote in remotes() if not (folder / remote.name).is_file()]
