"""A task as a data set: sounds, which labels each has, and its splits."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import xarray as xr

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import LoadedDataset
from brainbench_hear.cards import TASKS
from brainbench_hear.installed import InstalledTasks
from brainbench_hear.sounds import stimulus_set
from brainbench_hear.task import Task, read_task


class ListeningTasks(InstalledTasks):
    """Gets and loads tasks in HEAR format.

    Their ``assembly`` is uint8, ``stimulus`` x ``label``: 1 where a clip has the label. Its
    attributes are ``prediction_type``, ``evaluation`` (metrics with commas between them, the first
    decides) and ``task`` (name and version).
    """

    def load(self, card: DatasetCard, subset: str | None = None) -> LoadedDataset:
        """Load a task that is on this machine.

        Raises
        ------
        DataError
            It is not here, or not in HEAR format.
        """
        return _loaded(card, read_task(self.task_folder(card, subset)))

    def read_folder(self, card: DatasetCard, folder: Path) -> tuple[str, LoadedDataset]:
        """Load any folder in HEAR format; return its name as a subset, and the task.

        The name is the ``task_name``, or what this package calls the published task of that name.

        Raises
        ------
        DataError
            It is not in HEAR format.
        """
        task = read_task(folder)
        published = {known.task_name: subset for subset, known in TASKS.items()}
        name = published.get(task.metadata.name, task.metadata.name)
        # an id is split at dots and hyphens
        return re.sub(r"[^A-Za-z0-9_]", "_", name), _loaded(card, task)


def _loaded(card: DatasetCard, task: Task) -> LoadedDataset:
    names = tuple(clip.name for clip in task.clips)
    splits = task.metadata.splits
    number = {split: index for index, split in enumerate(splits)}
    assignment = tuple(number[clip.split] for clip in task.clips)
    folds = Folds(names, assignment, task.metadata.split_mode, splits)
    return LoadedDataset(card, stimulus_set(task), label_assembly(task), folds)


def label_assembly(task: Task) -> xr.DataArray:
    """Return which clip has which label: uint8, ``stimulus`` x ``label``."""
    column = {label: index for index, label in enumerate(task.vocabulary)}
    values = np.zeros((len(task.clips), len(task.vocabulary)), np.uint8)
    for row, clip in enumerate(task.clips):
        for label in clip.labels:
            values[row, column[label]] = 1
    metadata = task.metadata
    return build(
        values,
        [clip.name for clip in task.clips],
        "label",
        {"label": list(task.vocabulary)},
        {
            "prediction_type": metadata.prediction_type,
            "evaluation": ",".join(metadata.evaluation),
            "task": f"{metadata.name}-{metadata.version}",
        },
    )
