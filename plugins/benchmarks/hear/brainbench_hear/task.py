"""Reads what a task folder says about itself: metadata, label vocabulary, labels of each split."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from brainbench_audio.errors import DataError
from brainbench_audio.names import one_form
from brainbench_audio.tables import read_text, split_rows

METADATA = "task_metadata.json"
VOCABULARY = "labelvocabulary.csv"
FIXED_SPLITS = ("train", "valid", "test")
_PREDICTIONS = ("multiclass", "multilabel")
_FOLD_MODES = ("presplit_kfold", "new_split_kfold")
_MOST_FOLDS = 10_000
_FOLD = re.compile(r"fold\d{2,}")


@dataclass(frozen=True)
class Metadata:
    """What ``task_metadata.json`` says.

    Attributes
    ----------
    name, version : str
        Of the task.
    prediction_type : str
        ``multiclass``: one label a clip; ``multilabel``: any number.
    split_mode : str
        ``trainvaltest``, ``presplit_kfold`` or ``new_split_kfold``.
    splits : tuple of str
        ``("train", "valid", "test")`` or ``("fold00", …)``.
    evaluation : tuple of str
        Metrics; the first decides.
    """

    name: str
    version: str
    prediction_type: str
    split_mode: str
    splits: tuple[str, ...]
    evaluation: tuple[str, ...]


@dataclass(frozen=True)
class Clip:
    """One sound of a task: the split and the file it is in, and its labels."""

    split: str
    file: str
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the stimulus; the same file name may occur in several splits."""
        return f"{self.split}/{self.file}"


@dataclass(frozen=True)
class Task:
    """A task folder, but for its sounds.

    Attributes
    ----------
    folder : Path
    metadata : Metadata
    vocabulary : tuple of str
        Labels in the order of their ``idx``.
    clips : tuple of Clip
        Split after split, each in the order of its file.
    """

    folder: Path
    metadata: Metadata
    vocabulary: tuple[str, ...]
    clips: tuple[Clip, ...]


def read_task(folder: Path) -> Task:
    """Read and check everything in a task folder but its sounds.

    Raises
    ------
    DataError
        Naming the file and what is wrong with it.
    """
    metadata = read_metadata(folder)
    vocabulary = read_vocabulary(folder / VOCABULARY)
    clips: list[Clip] = []
    for split in metadata.splits:
        clips += _read_split(folder / f"{split}.json", split, set(vocabulary), metadata)
    return Task(folder, metadata, vocabulary, tuple(clips))


def read_metadata(folder: Path) -> Metadata:
    """Read ``task_metadata.json`` and find out which splits there are.

    Raises
    ------
    DataError
        The file is missing or damaged, a field is missing or has an unknown value, or the splits
        that it names are not those in the folder.
    """
    file = folder / METADATA
    if not file.is_file():
        raise DataError(f"{folder} is no folder in HEAR format: it has no {METADATA}.")
    content = _read_json(file)
    if not isinstance(content, dict):
        raise DataError(f"{file} holds no JSON object.")
    try:  # half a surrogate pair is JSON, but no text that can be written or hashed
        json.dumps(content, ensure_ascii=False).encode()
    except ValueError as error:
        raise DataError(f"{file} is damaged ({error}). Fetch the task again.") from error
    if content.get("embedding_type", "scene") != "scene":
        raise DataError(
            f"{file}: embedding_type {content['embedding_type']!r} is not supported, only 'scene' "
            f"is: tasks that label moments within a clip need activations over time."
        )
    prediction_type = _chosen(file, content, "prediction_type", _PREDICTIONS)
    split_mode = _chosen(file, content, "split_mode", ("trainvaltest", *_FOLD_MODES))
    evaluation = content.get("evaluation")
    if not _are_strings(evaluation) or not evaluation:
        raise DataError(f"{file}: evaluation is {evaluation!r}, expected a list of metrics.")
    name = content.get("task_name")
    if not isinstance(name, str) or not name:
        raise DataError(f"{file}: task_name is {name!r}, expected a name.")
    splits = _splits(file, content, split_mode)
    missing = [split for split in splits if not (folder / f"{split}.json").is_file()]
    if missing:
        raise DataError(
            f"{folder} lacks {missing[0]}.json: {split_mode} needs the splits "
            f"{', '.join(splits)}. Fetch the task again."
        )
    version = str(content.get("version", ""))
    return Metadata(name, version, prediction_type, split_mode, splits, tuple(evaluation))


def read_vocabulary(file: Path) -> tuple[str, ...]:
    """Read ``labelvocabulary.csv`` (columns idx and label); return the labels in order of idx.

    They are in `names.one_form`.

    Raises
    ------
    DataError
        The file is missing or damaged, or indices or labels are repeated or left out.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist. Fetch the task again.")
    try:
        head, *rows = split_rows(read_text(file))[0]
        index, label = head.index("idx"), head.index("label")
        numbered = {int(row[index]): one_form(row[label]) for row in rows}
    except (IndexError, ValueError, csv.Error) as error:
        raise DataError(
            f"{file} is damaged ({error!r}): it needs the columns idx (a number) and label."
        ) from error
    labels = tuple(numbered[index] for index in sorted(numbered))
    if len(rows) < 2 or sorted(numbered) != list(range(len(rows))):
        raise DataError(f"{file}: idx must be 0, 1, … for two labels or more, each once.")
    if not all(labels) or len(set(labels)) != len(labels):
        raise DataError(f"{file}: labels are empty or repeated.")
    return labels


def _splits(file: Path, content: dict[str, Any], split_mode: str) -> tuple[str, ...]:
    """Return the names of the splits; metadata and files have to agree."""
    named = content.get("splits")
    if named is not None and not _are_strings(named):
        raise DataError(f"{file}: splits is {named!r}, expected a list of names.")
    if split_mode == "trainvaltest":
        if named is not None and set(named) != set(FIXED_SPLITS):
            raise DataError(
                f"{file}: splits are {', '.join(named)}, but trainvaltest has "
                f"{', '.join(FIXED_SPLITS)}."
            )
        return FIXED_SPLITS
    there = sorted(path.stem for path in file.parent.glob("fold*.json") if _FOLD.match(path.stem))
    number = content.get("nfolds", len(named or there))
    if not isinstance(number, int) or number < 3:
        raise DataError(f"{file}: nfolds is {number!r}, expected a number of at least 3.")
    if number > _MOST_FOLDS:
        raise DataError(f"{file}: nfolds is more than {_MOST_FOLDS}.")
    expected = [f"fold{index:02d}" for index in range(number)]
    if sorted(named or expected) != expected:
        raise DataError(
            f"{file}: nfolds is {number}, so the splits are {expected[0]} to {expected[-1]}; it "
            f"names {', '.join(named or ())}."
        )
    if len(there) > number:
        raise DataError(
            f"{file}: nfolds is {number}, but the folder has {len(there)} folds ({there[0]} to "
            f"{there[-1]}). Correct nfolds, or remove the files that do not belong to it."
        )
    return tuple(expected)


def _read_split(file: Path, split: str, vocabulary: set[str], metadata: Metadata) -> list[Clip]:
    content = _read_json(file)
    if not isinstance(content, dict) or not content:
        raise DataError(f"{file} names no clips: it maps each sound file to its labels.")
    clips = []
    for name, given in content.items():
        _check_name(file, name)
        labels = _labels(file, name, given)
        unknown = [label for label in labels if label not in vocabulary]
        if unknown:
            raise DataError(
                f"{file}: {name} has the label {unknown[0]!r}, which {VOCABULARY} does not have."
            )
        if metadata.prediction_type == "multiclass" and len(labels) != 1:
            raise DataError(
                f"{file}: {name} has {len(labels)} labels, a multiclass task has one for each clip."
            )
        clips.append(Clip(split, name, labels))
    return clips


def _check_name(file: Path, name: str) -> None:
    """Refuse names that lead out of the split's folder."""
    path, windows = PurePosixPath(name), PureWindowsPath(name)
    if (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or windows.drive
        or "\\" in name
        or "\0" in name
    ):
        raise DataError(
            f"{file}: {name!r} is no name of a file in the split's folder. Do not trust this task."
        )


def _labels(file: Path, name: str, given: Any) -> tuple[str, ...]:
    listed = given if isinstance(given, list) else [given]
    if any(isinstance(label, bool) or not isinstance(label, (str, int)) for label in listed):
        raise DataError(f"{file}: {name} has the labels {given!r}, expected a list of labels.")
    return tuple(dict.fromkeys(one_form(str(label)) for label in listed))


def _chosen(file: Path, content: dict[str, Any], field: str, known: tuple[str, ...]) -> str:
    value = content.get(field)
    if value not in known:
        raise DataError(f"{file}: {field} is {value!r}, expected {' or '.join(known)}.")
    return str(value)


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"), object_pairs_hook=_unique)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} is damaged ({error}). Fetch the task again.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dictionary; a key that occurs twice would silently lose the first."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} occurs twice")
        found[key] = value
    return found
