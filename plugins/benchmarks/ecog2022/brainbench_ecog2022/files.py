"""Where the file of responses is: brought by the user, downloaded before, or published."""

from __future__ import annotations

import shutil
from pathlib import Path

from brainbench_natsound165.files import find_sounds, install_sounds

from brainbench_audio import settings
from brainbench_audio.download import Remote, fetch_folder
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, hash_file

FOLDER = "ecog2022"
RESPONSES = "ecog_component_responses.mat"
COMMIT = "03bb41e95d04c191acd3b76b1c11d7185096f1f3"
REPOSITORY = "https://raw.githubusercontent.com/snormanhaignere/song-ecog-current-biology"
PUBLISHED = Remote(
    RESPONSES,
    (f"{REPOSITORY}/{COMMIT}/data/{RESPONSES}",),
    "daea9503c0315cbea6e03029b6a7ad3322432bc35a082b7edbf5db4e582adbd9",
)


def responses_file() -> Path:
    """Return the file of responses, downloaded if need be.

    Raises
    ------
    DataError
        ``BRAINBENCH_DATA`` has a folder for it without it, or it cannot be downloaded.
    """
    return fetch_folder(FOLDER, [PUBLISHED], "ECoG responses") / RESPONSES


def install(given: Path) -> Path:
    """Install the responses from the file, or a folder in which it lies anywhere; return theirs.

    The sounds, unless they are here, are taken from that folder, too, if they are all there.

    Raises
    ------
    DataError
        A file is missing or has another checksum.
    """
    target = settings.data_home() / FOLDER
    file = _below(given)
    found = hash_file(file)
    if found != PUBLISHED.sha256:
        raise DataError(
            f"{file} has SHA-256 {found}, expected {PUBLISHED.sha256}: not the published file. To "
            f"use it as it is, set BRAINBENCH_DATA to a folder that has it as {FOLDER}/{RESPONSES}."
        )
    with atomic_file(target / RESPONSES) as temporary:
        shutil.copyfile(file, temporary)
    if find_sounds() is None:
        install_sounds(given if given.is_dir() else given.parent)
    return target


def _below(given: Path) -> Path:
    if given.is_file():
        return given
    found = sorted(given.rglob(RESPONSES))
    if not found:
        raise DataError(f"{given} does not exist, or has no {RESPONSES}: give it, or its folder.")
    return found[0]
