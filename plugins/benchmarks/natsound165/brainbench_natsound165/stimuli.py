"""The sounds, their categories and the published folds."""

from __future__ import annotations

import csv
from pathlib import Path

from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.errors import DataError
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_natsound165.files import LABELS, registry

SAMPLE_RATE = 44100


def stimulus_set(folder: Path) -> StimulusSet:
    """Return the 165 sounds in the order of the number in their names.

    Raises
    ------
    DataError
        The category table is damaged or lacks a sound.
    """
    names = tuple(name for name, _, _ in registry())
    categories = _categories(folder / LABELS)
    unlabelled = [name for name in names if name not in categories]
    if unlabelled:
        raise DataError(f"{folder / LABELS} has no category for {unlabelled[0]}.")
    return StimulusSet(
        "natsound165",
        names,
        tuple(folder / "wav" / f"{name}.wav" for name in names),
        tuple(categories[name] for name in names),
        SAMPLE_RATE,
    )


def published_folds() -> Folds:
    """Return the five folds of 33 sounds that were released with the paper."""
    entries = registry()
    names, folds = (tuple(entry[column] for entry in entries) for column in (0, 1))
    return Folds(tuple(map(str, names)), tuple(map(int, folds)), "published")


def _categories(file: Path) -> dict[str, str]:
    try:
        rows = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
        return dict(rows)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is no table of stimulus,category: {error}.") from error
