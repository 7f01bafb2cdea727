"""Makes small tasks in HEAR format: labels of which the sounds can be told apart.

For tests and timings; nothing else imports it. Each label is a tone of its own pitch; a clip is the
sum of the tones of its labels, in noise.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from brainbench_hear.task import METADATA, VOCABULARY

LABELS = ("low", "middle", "high")
Labels = dict[str, list[str]]


@dataclass
class Maker:
    """Writes one task; every part can be changed before it is written.

    Attributes
    ----------
    name, version, mode : str
        Give the folder its name.
    prediction_type : str
        ``multiclass`` or ``multilabel``.
    folds : int
        0 for train, valid and test.
    clips : int
        In each split.
    seconds : float
        Of each clip.
    rates : sequence of int
        Sample rates (Hz) that the sounds are written at.
    labels : sequence of str
    evaluation : sequence of str
    metadata : mapping
        Fields that are put over those above; None takes a field out.
    splits : mapping of str to mapping
        Split to file name to labels; made on the spot, to be changed.
    """

    name: str = "tones"
    version: str = "v1.0"
    mode: str = "small"
    prediction_type: str = "multiclass"
    folds: int = 0
    clips: int = 6
    seconds: float = 0.1
    rates: Sequence[int] = (16000,)
    labels: Sequence[str] = LABELS
    evaluation: Sequence[str] = ("top1_acc", "d_prime", "aucroc")
    metadata: Mapping[str, Any] = field(default_factory=dict)
    splits: dict[str, Labels] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [f"fold{index:02d}" for index in range(self.folds)]
        for split in names or ["train", "valid", "test"]:
            self.splits[split] = {
                f"clip{index:04d}.wav": self._labels(index) for index in range(self.clips)
            }

    def _labels(self, index: int) -> list[str]:
        first = self.labels[index % len(self.labels)]
        if self.prediction_type == "multiclass" or index % 2 == 0:
            return [first]
        return [first, self.labels[(index + 1) % len(self.labels)]]

    @property
    def content(self) -> dict[str, Any]:
        """What ``task_metadata.json`` will hold."""
        found = {
            "task_name": self.name,
            "version": self.version,
            "embedding_type": "scene",
            "prediction_type": self.prediction_type,
            "split_mode": "presplit_kfold" if self.folds else "trainvaltest",
            "sample_duration": self.seconds,
            "evaluation": list(self.evaluation),
            "splits": list(self.splits),
            **({"nfolds": self.folds} if self.folds else {}),
            **self.metadata,
        }
        return {name: value for name, value in found.items() if value is not None}

    def write(self, parent: Path) -> Path:
        """Write the task below a folder; return its own folder."""
        folder = parent / f"{self.name}-{self.version}-{self.mode}"
        folder.mkdir(parents=True)
        (folder / METADATA).write_text(json.dumps(self.content))
        rows = "".join(f"{index},{label}\n" for index, label in enumerate(self.labels))
        (folder / VOCABULARY).write_text(f"idx,label\n{rows}")
        generator = np.random.default_rng(0)
        for split, clips in self.splits.items():
            (folder / f"{split}.json").write_text(json.dumps(clips))
            for name, labels in clips.items():
                for rate in self.rates:
                    file = folder / str(rate) / split / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    soundfile.write(file, self._sound(labels, rate, generator), rate, "PCM_16")
        return folder

    def _sound(
        self, labels: Sequence[str], rate: int, generator: np.random.Generator
    ) -> npt.NDArray[np.float64]:
        time = np.arange(round(self.seconds * rate)) / rate
        pitches = [200.0 * 2 ** self.labels.index(label) for label in labels]
        tones = sum((np.sin(2 * np.pi * pitch * time) for pitch in pitches), np.zeros(len(time)))
        return 0.2 * tones + 0.05 * generator.standard_normal(len(time))


def pack(archive: Path, folder: Path) -> Path:
    """Pack a task folder as the published archives do."""
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, f"hear-2021.0.6/tasks/{folder.name}")
    return archive
