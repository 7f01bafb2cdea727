"""The metric once more, as plain loops over voxels, layers, penalties and folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

Array = npt.NDArray[np.float64]
# relative to the mean squared norm of a row
PENALTIES = 10 ** np.linspace(-2, 5, 10)
DELAYS = (1, 2, 3, 4)


def score(
    layers: Mapping[str, npt.NDArray[np.floating[Any]]], target: xr.DataArray, folds: npt.ArrayLike
) -> float:
    """Return the value for volumes of passages without gaps, sessions and subjects."""
    names, repeats = target["run"].values.astype(str), target["repeat"].values
    times, labels = target["time"].values, np.asarray(folds)
    rows = {
        run: [
            np.flatnonzero((names == run) & (repeats == one))[
                np.argsort(times[(names == run) & (repeats == one)])
            ]
            for one in np.unique(repeats[names == run])
        ]
        for run in dict.fromkeys(names.tolist())
    }
    features = {
        layer: {run: _delayed(np.asarray(values)[every[0]]) for run, every in rows.items()}
        for layer, values in layers.items()
    }
    fold = {run: labels[every[0][0]] for run, every in rows.items()}
    repeated = [run for run, every in rows.items() if len(every) > 1]
    held_out = (
        [repeated]
        if repeated
        else [[run for run in rows if fold[run] == one] for one in dict.fromkeys(fold.values())]
    )
    found = []
    for voxel in range(target.shape[1]):
        response = {
            run: np.mean([_zscored(target.values[one, voxel]) for one in every], axis=0)
            for run, every in rows.items()
        }
        predicted: dict[str, Array] = {}
        for test in held_out:
            learned = [run for run in rows if run not in test]
            predicted |= _predict(features, response, fold, learned, test)
        tested = [run for run in rows if run in predicted]
        first, second = (
            np.concatenate([side[run] for run in tested]) for side in (predicted, response)
        )
        found.append(np.corrcoef(first, second)[0, 1] if np.ptp(first) else 0.0)
    return float(np.mean(found))


def _predict(
    features: Mapping[str, Mapping[str, Array]],
    response: Mapping[str, Array],
    fold: Mapping[str, Any],
    learned: list[str],
    test: list[str],
) -> dict[str, Array]:
    best, choice = -np.inf, ("", 0.0)
    for layer, runs in features.items():
        size = np.square(np.vstack([runs[run] for run in learned])).sum(axis=1).mean()
        for penalty in PENALTIES * size:
            error = 0.0
            for one in {fold[run] for run in learned}:
                inner = [run for run in learned if fold[run] != one]
                weights = _ridge(runs, response, inner, penalty)
                for run in learned:
                    if fold[run] == one:
                        error += float(np.square(response[run] - runs[run] @ weights).sum())
            if -error > best:
                best, choice = -error, (layer, penalty)
    layer, penalty = choice
    weights = _ridge(features[layer], response, learned, penalty)
    return {run: features[layer][run] @ weights for run in test}


def _ridge(
    features: Mapping[str, Array], response: Mapping[str, Array], runs: list[str], penalty: float
) -> Array:
    x = np.vstack([features[run] for run in runs])
    y = np.concatenate([response[run] for run in runs])
    found: Array = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
    return found


def _delayed(features: npt.NDArray[np.floating[Any]]) -> Array:
    values = _zscored(features)
    pieces = [np.zeros((delay, values.shape[1])) for delay in DELAYS]
    return np.hstack([np.vstack([zeros, values[: -len(zeros)]]) for zeros in pieces])


def _zscored(values: npt.NDArray[np.floating[Any]]) -> Array:
    exact = np.asarray(values, dtype=np.float64)
    found: Array = (exact - exact.mean(axis=0)) / exact.std(axis=0)
    return found
