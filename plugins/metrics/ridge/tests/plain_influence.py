"""What predictions owe to each stimulus, written out with hat matrices and loops over stimuli."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from brainbench_ridge.nested import NestedRidge
from scipy.linalg import helmert

FloatArray = npt.NDArray[np.float64]


def scaled(
    train: FloatArray, test: FloatArray, zscore: bool, unit: bool
) -> tuple[FloatArray, FloatArray]:
    """Demean, and divide as the options say, features of a training part and its test fold."""
    a, b = train - train.mean(axis=0), test - train.mean(axis=0)
    if zscore:
        varies = train.std(axis=0) > 1e-12
        a, b = (side[:, varies] / train.std(axis=0)[varies] for side in (a, b))
    if unit:
        length = np.sqrt(np.mean(np.sum(a**2, axis=1)))
        a, b = a / length, b / length
    return a, b


def hats(a: FloatArray, b: FloatArray, penalty: float) -> tuple[FloatArray, FloatArray]:
    """Return what turns training responses into test predictions, and into training residuals."""
    size, features = a.shape
    if features < size - 1:
        stacked = np.vstack([a, np.sqrt(penalty) * np.eye(features)])
        weights = np.linalg.pinv(stacked)[:, :size]
        return 1 / size + b @ weights, np.eye(size) - 1 / size - a @ weights
    # residuals may be next to nothing: no difference of near numbers then
    axes = helmert(size)
    inverse = axes.T @ np.linalg.inv(axes @ a @ a.T @ axes.T + penalty * np.eye(size - 1)) @ axes
    return 1 / size + b @ a.T @ inverse, penalty * inverse


def correlation(x: FloatArray, y: FloatArray) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def plain_left_out(
    layers: Mapping[str, npt.NDArray[Any]],
    targets: FloatArray,
    folds: npt.NDArray[Any],
    found: NestedRidge,
    *,
    zscore: bool = False,
    unit: bool = False,
) -> FloatArray:
    """Return Pearson's r without each stimulus, (stimulus, target)."""
    features = [np.asarray(layer, dtype=np.float64) for layer in layers.values()]
    stimuli = len(targets)
    result = np.empty(targets.shape)
    for number, responses in enumerate(targets.T):
        y = responses - responses.mean()
        predicted, change = np.empty(stimuli), np.zeros((stimuli, stimuli))
        for place, fold in enumerate(np.unique(folds)):
            test, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            layer = features[found.layer[place, number]]
            a, b = scaled(layer[train], layer[test], zscore, unit)
            to_test, to_residuals = hats(a, b, found.penalty[place, number])
            predicted[test] = to_test @ y[train]
            own = to_residuals @ y[train] / np.diag(to_residuals) ** 0.75
            change[np.ix_(train, test)] = -(to_test * own).T
        for gone in range(stimuli):
            others = np.arange(stimuli) != gone
            result[gone, number] = correlation((predicted + change[gone])[others], y[others])
    return result


def plain_pairs(
    layers: Mapping[str, npt.NDArray[Any]],
    responses: FloatArray,
    folds: npt.NDArray[Any],
    found: NestedRidge,
    number: int,
) -> FloatArray:
    """Return what Pearson's r of a target owes to each pair of stimuli, (pair,)."""
    features = [np.asarray(layer, dtype=np.float64) for layer in layers.values()]
    stimuli = len(responses)
    y = responses - responses.mean()
    predicted = found.predictions[:, number] - found.predictions[:, number].mean()
    owed = np.zeros((stimuli, stimuli))
    for place, fold in enumerate(np.unique(folds)):
        test, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        layer = features[found.layer[place, number]]
        a, b = scaled(layer[train], layer[test], False, False)
        to_test, to_residuals = hats(a, b, found.penalty[place, number])
        own = to_residuals @ y[train] / np.diag(to_residuals) ** 0.75
        for row, held_out in enumerate(test):
            moved = predicted.copy()
            moved[held_out] += 1e-6
            slope = (correlation(moved, y) - correlation(predicted, y)) / 1e-6
            owed[held_out, train] = slope * to_test[row] * own
    return (owed + owed.T)[np.triu_indices(stimuli, 1)]


def plain_moved(
    layers: Mapping[str, npt.NDArray[Any]],
    responses: FloatArray,
    folds: npt.NDArray[Any],
    found: NestedRidge,
    number: int,
    changes: FloatArray,
    some: slice,
) -> FloatArray:
    """Return what r and R² of a target move by with all chosen anew, (some weightings, 2)."""
    assert found.rivals is not None
    places, y = np.unique(folds), responses - responses.mean()
    # by option, a layer and a penalty, and fold: sums over its stimuli, and what they owe to each
    sums, owed = {}, {}
    for place, features in enumerate([*layers.values()] * 3):
        for fold, label in enumerate(places):
            test, train = np.flatnonzero(folds == label), np.flatnonzero(folds != label)
            a, b = scaled(features[train], features[test], False, False)
            to_test, to_residuals = hats(a, b, found.rivals.penalty[place, fold, number])
            p = to_test @ y[train]
            e = to_residuals @ y[train] / np.diag(to_residuals) ** 0.75
            each = np.zeros((2, len(y)))
            each[:, test] = p * y[test], p * p
            for one, stimulus in enumerate(train):
                moved = to_test[:, one] * e[one]
                each[:, stimulus] = moved @ y[test], 2 * moved @ p
            sums[place, fold], owed[place, fold] = np.array([p @ y[test], p @ p]), each

    def pooled(chosen: Mapping[int, int], change: FloatArray, kept: Any) -> tuple[float, float]:
        products, squares = sum(sums[layer, fold] for fold, layer in chosen.items())
        more = sum(owed[layer, fold] for fold, layer in chosen.items()) @ (change * kept)
        own = np.sum(y[kept] ** 2)
        r = products / np.sqrt(squares * own)
        slope = more[0] / np.sqrt(squares * own)
        return r, slope - r / 2 * (more[1] / squares + y[kept] ** 2 @ change[kept] / own)

    scores = found.rivals.inner[:, :, number]

    def of_inner(place: int, fold: int, change: FloatArray) -> float:
        others = {other: place for other in range(len(places)) if other != fold}
        r, slope = pooled(others, change, folds != places[fold])
        return 2 * max(r, 0.0) * slope

    near = []  # of each fold, the options within four deviations of the best
    for fold in range(len(places)):
        best = int(scores[:, fold].argmax())
        spread = np.std([of_inner(best, fold, change) for change in changes])
        near.append(np.flatnonzero(scores[:, fold] >= scores[best, fold] - 4 * spread).tolist())
    result = np.empty((len(changes[some]), 2))
    for row, change in enumerate(changes[some]):
        anew = {}
        for fold, within in enumerate(near):
            moved = [scores[place, fold] + of_inner(place, fold, change) for place in within]
            anew[fold] = within[int(np.argmax(moved))]
        every = np.ones(len(y), dtype=bool)
        (r, more), (own, fixed) = (
            pooled(chosen, change, every)
            for chosen in (anew, dict(enumerate(found.layer[:, number].tolist())))
        )
        result[row] = r + more - own - fixed, max(r, 0.0) * (r + 2 * more)
        result[row, 1] -= max(own, 0.0) * (own + 2 * fixed)
    return result


def refitted(
    layers: Mapping[str, npt.NDArray[Any]],
    targets: FloatArray,
    folds: npt.NDArray[Any],
    found: NestedRidge,
    *,
    zscore: bool = False,
    unit: bool = False,
) -> FloatArray:
    """Return Pearson's r without each stimulus, (stimulus, target), all weights learned anew.

    What features are divided by stays as it was.
    """
    features = [np.asarray(layer, dtype=np.float64) for layer in layers.values()]
    stimuli = len(targets)
    result = np.empty(targets.shape)
    for number, responses in enumerate(targets.T):
        for gone in range(stimuli):
            predicted = np.full(stimuli, np.nan)
            for place, fold in enumerate(np.unique(folds)):
                test, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
                layer = features[found.layer[place, number]]
                a, b = scaled(layer[train], layer[test], zscore, unit)
                kept, mean = train != gone, a[train != gone].mean(axis=0)
                to_test, _ = hats(a[kept] - mean, b - mean, found.penalty[place, number])
                predicted[test] = to_test @ responses[train[kept]]
            others = np.arange(stimuli) != gone
            result[gone, number] = correlation(predicted[others], responses[others])
    return result
