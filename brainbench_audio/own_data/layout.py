"""Names of files as BIDS has them: ``sub-01_ses-2_responses.npy``, and the tables beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from brainbench_audio.errors import DataError
from brainbench_audio.names import one_form

TABLES = (".csv", ".tsv", ".txt")
ARRAYS = (".npy", ".npz", ".mat", ".h5", ".hdf5")
IMAGES = (".nii", ".nii.gz")
RESPONSES = "responses"
_KEYS = ("sub", "ses", "run")
_ENTITY = re.compile(r"([a-z]+)-([A-Za-z0-9]+)")
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class DataFile:
    """A file and what its name says.

    Attributes
    ----------
    path : Path
    entities : mapping of str to str
        ``{"sub": "01", "ses": "2"}`` of ``sub-01_ses-2_responses.npy``.
    extension : str
        In lower case, e.g. ``.npy`` or ``.nii.gz``.
    """

    path: Path
    entities: Mapping[str, str]
    extension: str

    @property
    def order(self) -> list[list[int | str]]:
        """What files are sorted by: subject, session and run, ``2`` before ``10``."""
        return [natural_order(self.entities.get(key, "")) for key in _KEYS]

    @property
    def subject(self) -> list[int | str] | None:
        """What tells subjects apart, ``sub-01`` and ``sub-1`` being the same; None where unsaid."""
        label = self.entities.get("sub")
        return None if label is None else natural_order(label)

    def goes_with(self, other: DataFile) -> bool:
        """Return whether all that this name says is said by another, too, ``01`` being ``1``."""
        return all(
            key in other.entities and natural_order(label) == natural_order(other.entities[key])
            for key, label in self.entities.items()
        )


def response_files(folder: Path) -> list[DataFile]:
    """Return the files with responses: subject by subject, each in the order of measurement.

    Raises
    ------
    DataError
        There is none, a name is not made of ``sub-``, ``ses-`` and ``run-``, or two files are of
        the same measurement.
    """
    found = sorted(_files(folder, RESPONSES, (*TABLES, *ARRAYS, *IMAGES)), key=lambda f: f.order)
    if not found:
        listed = ", ".join(sorted(path.name for path in folder.iterdir())[:8])
        raise DataError(
            f"{folder} has no responses{', only ' * bool(listed)}{listed}. Name the file "
            f"responses.csv, or sub-01_ses-1_responses.csv and so on; it may also be "
            f"{', '.join((*TABLES[1:2], *ARRAYS, *IMAGES))}."
        )
    for one, other in pairwise(found):
        if one.order == other.order:
            raise DataError(
                f"{one.path} and {other.path.name} are of the same subject, session and run: "
                f"keep one of them."
            )
    if len({"sub" in one.entities for one in found}) > 1:
        unnamed = next(one for one in found if "sub" not in one.entities)
        raise DataError(
            f"{unnamed.path} does not say whose responses it holds, other files do: put sub-NAME_ "
            f"before its name."
        )
    return found


def natural_order(label: str) -> list[int | str]:
    """Return what labels are sorted and compared by: ``2`` before ``10``, ``01`` as ``1``.

    Examples
    --------
    >>> natural_order("2") < natural_order("10"), natural_order("01") == natural_order("1")
    (True, True)
    """
    return [int(part) if part.isdecimal() else part for part in _DIGITS.split(label)]


def beside(file: DataFile, suffix: str, extensions: tuple[str, ...] = TABLES) -> Path | None:
    """Return the file that goes with one of responses; None if there is none.

    It has the name of the responses with another last word, e.g. ``sub-01_voxels.csv``, which also
    goes with ``sub-1_responses.npy``. Without ``ses-`` or ``sub-`` it is for all of them; the one
    that says more is taken.

    Raises
    ------
    DataError
        Two files fit equally well.
    """
    others = _files(file.path.parent, suffix, extensions)
    fitting = [other for other in others if other.goes_with(file)]
    most = max((len(other.entities) for other in fitting), default=0)
    best = sorted(other.path for other in fitting if len(other.entities) == most)
    if len(best) > 1:
        raise DataError(
            f"{best[0]} and {best[1].name} both go with {file.path.name}: keep one of them."
        )
    return best[0] if best else None


def _files(folder: Path, suffix: str, extensions: tuple[str, ...]) -> Iterator[DataFile]:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: give one with sounds/ and responses in it.")
    for path in sorted(folder.iterdir()):
        name = one_form(path.name)
        # `name.nii.gz` ends in two extensions
        extension = next((one for one in extensions if name.lower().endswith(one)), None)
        if extension is None or name.startswith(".") or not path.is_file():
            continue
        *parts, last = name[: -len(extension)].split("_")
        if last == suffix:
            yield DataFile(path, _entities(path, parts), extension)


def _entities(path: Path, parts: list[str]) -> dict[str, str]:
    matches = [_ENTITY.fullmatch(part) for part in parts]
    entities = {match[1]: match[2] for match in matches if match}
    if len(entities) != len(parts) or not entities.keys() <= set(_KEYS):
        raise DataError(
            f"{path}: the name may have sub-, ses- and run- before its last word, each once, as "
            f"in sub-01_ses-2_responses.npy: rename it."
        )
    return entities
