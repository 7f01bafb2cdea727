"""Where the files of the 165 sounds are: brought by the user, downloaded before, or published."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from brainbench_audio import settings
from brainbench_audio.archives import opened
from brainbench_audio.download import Remote, fetch_all, fetch_folder, find_folder
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, hash_file

COMMIT = "b41b99ff620d7997dbf278fc770f58566707726a"
REPOSITORY = "https://raw.githubusercontent.com/snormanhaignere/natsound165-neuron2015"
FOLDER = "natsound165"
DESCRIPTION = "165 natural sounds"
LABELS = "category_labels.csv"
COMPONENTS = "components.mat"
_LARGEST = 1 << 28  # bytes of the sounds together; the published ones have 29 MB
SHA256 = {
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
        Remote(name, (f"{base}/{_PUBLISHED[name]}",), sha256) for name, sha256 in SHA256.items()
    ]
    return tables + sounds


def find_sounds() -> Path | None:
    """Return the folder that holds the sounds and their categories, components or not."""
    return find_folder(FOLDER, _of_sounds())


def sounds_folder() -> Path:
    """Return the folder that holds the sounds and their categories, downloaded if need be.

    Raises
    ------
    DataError
        ``BRAINBENCH_DATA`` has a part of the files only, or they cannot be downloaded.
    """
    return fetch_folder(FOLDER, _of_sounds(), DESCRIPTION)


def install(given: Path, wanted: Sequence[Remote]) -> Path:
    """Install files below the data home; return their folder.

    Parameters
    ----------
    given : Path
        A folder in the layout of the README; the archive of the voxel responses or what it
        unpacks to, if the sounds are in it.
    wanted : sequence of Remote

    Raises
    ------
    DataError
        A file is missing or has another checksum.
    """
    target = settings.data_home() / FOLDER
    names = {Path(remote.name).name for remote in remotes()}
    scratch = settings.data_home() / f"{FOLDER}.unpacked"
    with opened(given, scratch, lambda path: path.name in names, largest=_LARGEST) as folder:
        _copy(folder, target, wanted)
    return target


def install_sounds(given: Path) -> Path:
    """Install sounds and categories below the data home; return their folder.

    Parameters
    ----------
    given : Path
        Folder or archive that may hold them, unchanged; otherwise they are downloaded.

    Raises
    ------
    DataError
        They are not there and cannot be downloaded.
    """
    try:
        return install(given, _of_sounds())
    except DataError:  # it is not known whether the published archive has the sounds
        target = settings.data_home() / FOLDER
        try:
            fetch_all(_of_sounds(), target, DESCRIPTION)
        except DataError as error:
            raise DataError(
                f"The responses are installed, but {given} has not all of the 165 sounds as "
                f"published, and the rest cannot be had: {error}"
            ) from error
    return target


def _of_sounds() -> list[Remote]:
    return [remote for remote in remotes() if remote.name != COMPONENTS]


def _copy(given: Path, target: Path, wanted: Sequence[Remote]) -> None:
    """Copy the files wanted, wherever they lie below ``given``, each with its checksum."""
    found: dict[str, list[Path]] = {}
    for path in sorted(given.rglob("*")):
        found.setdefault(path.name, []).append(path)
    checked = []
    for remote in wanted:
        name = Path(remote.name).name
        if name == LABELS and name not in found and COMPONENTS in found:
            continue
        places = found.get(name, [given / remote.name])
        checked.append((_unchanged(places, remote.sha256), target / remote.name))
    for path, place in checked:
        with atomic_file(place) as temporary:
            shutil.copyfile(path, temporary)
    if len(checked) < len(wanted):
        _write_labels(_unchanged(found[COMPONENTS], SHA256[COMPONENTS]), target / LABELS)


def _unchanged(places: Sequence[Path], expected: str | None) -> Path:
    given = places[0]
    if not given.is_file():
        raise DataError(f"{given} is missing: the folder or archive given is not complete.")
    for place in places:
        if hash_file(place) == expected:
            return place
    raise DataError(
        f"{given} has SHA-256 {hash_file(given)}, expected {expected}: not the published file."
    )


def _write_labels(components: Path, target: Path) -> None:
    """Write the table of categories, which the archive has only inside ``components.mat``."""
    import scipy.io

    content = scipy.io.loadmat(components, variable_names=("stim_names", "category_labels"))
    columns = [
        [str(np.asarray(cell).item()) for cell in content[name].ravel()]
        for name in ("stim_names", "category_labels")
    ]
    with atomic_file(target) as temporary:
        temporary.write_text("\n".join(map(",".join, zip(*columns, strict=True))), "utf-8")
