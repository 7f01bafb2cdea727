"""What is to be learned: labels, metrics, and which clips are trained, validated and tested on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from brainbench_audio.assemblies.folds import Folds, fold_labels
from brainbench_audio.errors import DataError

from .scoring import METRICS, Predictions

Rows = npt.NDArray[np.int64]
FIXED = ("train", "valid", "test")
_TYPES = ("multiclass", "multilabel")


@dataclass(frozen=True)
class Split:
    """Places of the clips of each part.

    Attributes
    ----------
    name : str
        ``"test"``, or the fold that is tested.
    train, valid, test : int64 array (clip,)
    """

    name: str
    train: Rows
    valid: Rows
    test: Rows


@dataclass(frozen=True)
class Task:
    """Labels of clips, and how predictions of them are judged.

    Attributes
    ----------
    labels : float32 array (clip, label)
        0 or 1.
    names : list of str
        Of the labels.
    multilabel : bool
        Whether a clip may have any number of labels; else it has exactly one.
    metrics : tuple of str
        The first decides.
    """

    labels: npt.NDArray[np.float32]
    names: list[str]
    multilabel: bool
    metrics: tuple[str, ...]

    @classmethod
    def from_assembly(cls, target: xr.DataArray) -> Task:
        """Read a task from ``stimulus`` x ``label``.

        Raises
        ------
        DataError
            An attribute is missing or unknown, the first metric is unknown, a value is neither 0
            nor 1, or a clip of a multiclass task does not have exactly one label.
        """
        if target.dims != ("stimulus", "label"):
            raise DataError(f"A task has dimensions (stimulus, label), this one has {target.dims}.")
        kind = str(target.attrs.get("prediction_type"))
        if kind not in _TYPES:
            raise DataError(f"The task's attribute prediction_type is {kind!r}, not in {_TYPES}.")
        labels = np.asarray(target.values, dtype=np.float32)
        if not np.isin(labels, (0, 1)).all():
            raise DataError("The labels of a task are 0 or 1 for each clip and label.")
        wrong = np.flatnonzero(labels.sum(axis=1) != 1)
        if kind == "multiclass" and wrong.size:
            first = target["stimulus"].values[wrong[0]]
            raise DataError(
                f"{wrong.size} clips of a multiclass task do not have exactly one label, the first "
                f"is {first} with {int(labels[wrong[0]].sum())}: is the task multilabel?"
            )
        names = (
            [str(name) for name in target["label"].values]
            if "label" in target.coords
            else [str(number) for number in range(labels.shape[1])]
        )
        metrics = _known_metrics(str(target.attrs.get("evaluation", "")), names)
        return cls(labels, names, kind == "multilabel", metrics)

    def targets(self, device: str) -> torch.Tensor:
        """Return what the loss takes: label numbers (clip,), or 0 and 1 (clip, label)."""
        if self.multilabel:
            return torch.from_numpy(self.labels).to(device)
        return torch.from_numpy(self.labels.argmax(axis=1)).to(device)

    def predictions(self, rows: Rows, logits: npt.NDArray[np.floating[Any]]) -> Predictions:
        """Return predictions (clip, label) of some clips beside their labels."""
        return Predictions(self.labels[rows], logits, self.names)

    def missing(self, rows: Rows) -> list[str]:
        """Return the labels that none of some clips has."""
        present = self.labels[rows].sum(axis=0) > 0
        return [name for name, here in zip(self.names, present, strict=True) if not here]


def _known_metrics(listed: str, labels: list[str]) -> tuple[str, ...]:
    asked = [name.strip() for name in listed.split(",") if name.strip()]
    if not asked:
        raise DataError("The task's attribute evaluation names no metric.")
    usable = set(METRICS)
    if not all(map(_is_note, labels)):
        usable.discard("chroma_acc")  # needs labels that are MIDI notes
    if asked[0] not in usable:
        raise DataError(
            f"The task's first metric {asked[0]!r} decides, and is not one of "
            f"{', '.join(sorted(usable))}."
        )
    for name in asked:
        if name not in usable:
            warnings.warn(f"Metric {name!r} of the task is not known: left out.", stacklevel=2)
    return tuple(dict.fromkeys(name for name in asked if name in usable))


def _is_note(label: str) -> bool:
    try:
        int(label)
    except ValueError:
        return False
    return True


def splits(folds: Folds | npt.ArrayLike, clips: int | None = None) -> list[Split]:
    """Return the parts of each round of training and testing.

    Folds named train, valid and test are one round. Other folds take turns, sorted by name: each
    is tested once, validated on is the one after it (after the last the first), and the rest is
    trained on.

    Parameters
    ----------
    folds : Folds or int array (clip,)
        Numbers from 0 on.
    clips : int, optional
        How many there are to be.

    Raises
    ------
    DataError
        As `fold_labels`, they are no such numbers, a part is missing, or there are fewer than three
        folds.
    """
    labels = fold_labels(folds, clips)
    whole = labels.dtype.kind in "iu"
    wrong = [label for label in labels.tolist() if not whole or label < 0]
    if wrong:
        raise DataError(
            f"Folds of a task are whole numbers from 0 on, got {wrong[0]!r}: number them 0, 1, …"
        )
    used = np.unique(labels).tolist()
    names = list(getattr(folds, "names", ())) or [f"fold{number:02d}" for number in used]
    rows = {
        name: np.flatnonzero(labels == number) for number, name in zip(used, names, strict=True)
    }
    if set(names) & set(FIXED):
        lacking = [name for name in FIXED if name not in names or not rows[name].size]
        if lacking:
            raise DataError(
                f"The task has no part {', '.join(lacking)}; its parts are {', '.join(names)}. "
                f"Settings are chosen on valid and scored on test."
            )
        return [Split("test", *(rows[name] for name in FIXED))]
    if len(names) < 3:
        raise DataError(
            f"{len(names)} folds cannot be trained, validated and tested on: three are needed."
        )
    order = sorted(names)
    found = []
    for place, test in enumerate(order):
        valid = order[(place + 1) % len(order)]
        others = [rows[name] for name in order if name not in (test, valid)]
        found.append(Split(test, np.sort(np.concatenate(others)), rows[valid], rows[test]))
    return found
