"""What a score was made from: counted and labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from .scoring import Predictions
from .settings import Setting
from .task import Split, Task
from .training import Trained

_LARGEST = 4_000_000  # numbers of test predictions that are still kept


@dataclass(frozen=True)
class Round:
    """One round of training and testing.

    Attributes
    ----------
    split : Split
    trained : list of Trained
        All settings, or only the chosen one where another round chose it.
    chosen : Trained
    predictions : Predictions
        Of the test clips.
    """

    split: Split
    trained: list[Trained]
    chosen: Trained
    predictions: Predictions


def counts(rounds: Sequence[Round], task: Task) -> dict[str, int]:
    """Return how many clips and labels there are; parts are those of the first round.

    ``label_without_training`` and ``label_without_test`` count labels that are absent in at least
    one round.
    """
    first = rounds[0].split
    absent = {label for one in rounds for label in task.missing(one.split.train)}
    untested = {label for one in rounds for label in task.missing(one.split.test)}
    return {
        "train": len(first.train),
        "valid": len(first.valid),
        "test": len(first.test),
        "fold": len(rounds),
        "label": len(task.names),
        "label_without_training": len(absent),
        "label_without_test": len(untested),
    }


def label(
    rounds: Sequence[Round],
    task: Task,
    *,
    settings: Sequence[Setting],
    layers: Sequence[str],
    stimuli: npt.NDArray[Any],
) -> xr.Dataset:
    """Label everything finer than the score.

    Curves by setting are those of the first round, in which settings are chosen; curves by fold
    are those of the chosen setting. Both are NaN after training stopped.
    """
    first = rounds[0]
    metrics = [[one.predictions.score(name) for one in rounds] for name in task.metrics]
    variables: dict[str, Any] = {
        "layer_weights": (("fold", "layer"), [one.chosen.layer_weights for one in rounds]),
        "learning_curve": (("setting", "epoch"), _rows([t.validation for t in first.trained])),
        "training_loss": (("setting", "epoch"), _rows([t.loss for t in first.trained])),
        "setting_layer_weights": (("setting", "layer"), _weights(first.trained, len(layers))),
        "validation": ("setting", [_best(one) for one in first.trained]),
        "best_epoch": ("setting", [one.best_epoch for one in first.trained]),
        "epochs": ("setting", [len(one.loss) for one in first.trained]),
        "metrics": (("metric", "fold"), metrics),
        "fold_learning_curve": (
            ("fold", "fold_epoch"),
            _rows([one.chosen.validation for one in rounds]),
        ),
        "fold_training_loss": (
            ("fold", "fold_epoch"),
            _rows([one.chosen.loss for one in rounds]),
        ),
        "fold_validation": ("fold", [one.chosen.best for one in rounds]),
    }
    coordinates: dict[str, Any] = {
        "fold": [one.split.name for one in rounds],
        "layer": list(layers),
        "metric": list(task.metrics),
        "hidden_layers": ("setting", [setting.hidden_layers for setting in settings]),
        "learning_rate": ("setting", [setting.learning_rate for setting in settings]),
        "initialisation": ("setting", [setting.initialisation for setting in settings]),
    }
    tested = np.concatenate([one.split.test for one in rounds])
    if len(tested) * len(task.names) <= _LARGEST:
        logits = np.concatenate([one.predictions.logits for one in rounds])
        largest = np.finfo(np.float16).max
        variables["logit"] = (
            ("test_stimulus", "label"),
            # netCDF has no half precision; rounded to it, the numbers compress well
            np.clip(logits, -largest, largest).astype(np.float16).astype(np.float32),
        )
        coordinates |= {"test_stimulus": stimuli[tested], "label": task.names}
    return xr.Dataset(variables, coordinates, {"chosen_setting": first.chosen.place})


def _rows(curves: Sequence[Sequence[float]]) -> npt.NDArray[np.float64]:
    found = np.full((len(curves), max(len(curve) for curve in curves)), np.nan)
    for row, curve in zip(found, curves, strict=True):
        row[: len(curve)] = curve
    return found


def _weights(trained: Sequence[Trained], layers: int) -> npt.NDArray[np.float64]:
    """Return the layer weights of each setting; NaN where training diverged at once."""
    found = np.full((len(trained), layers), np.nan)
    for row, one in zip(found, trained, strict=True):
        if one.parameters:
            row[:] = one.layer_weights
    return found


def _best(trained: Trained) -> float:
    return trained.best if trained.parameters else float("nan")
