"""The protocol of `brainbench_ridge.solver`, written out for one target and layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import config_context
from sklearn.linear_model import Ridge

FloatArray = npt.NDArray[np.float64]

PENALTIES = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 50.0)


@dataclass(frozen=True)
class Found:
    r2: float
    predictions: FloatArray
    layers: list[int]
    penalties: list[float]


def r_squared(predicted: FloatArray, measured: FloatArray) -> float:
    """Squared Pearson correlation; 0 if negative or if one side is constant but for rounding."""
    size = max(np.abs(measured).max(), np.abs(predicted).max())
    if min(np.std(predicted), np.std(measured)) <= 1e-13 * size:
        return 0.0
    correlation = np.corrcoef(predicted, measured)[0, 1]
    return float(correlation**2) if correlation > 0 else 0.0


def predict(
    train: FloatArray,
    responses: FloatArray,
    test: FloatArray,
    penalty: float,
    zscore: bool,
    unit: bool = False,
) -> FloatArray:
    return predict_each(train, responses, test, (penalty,), zscore, unit)[:, 0]


def predict_each(
    train: FloatArray,
    responses: FloatArray,
    test: FloatArray,
    penalties: tuple[float, ...],
    zscore: bool,
    unit: bool = False,
) -> FloatArray:
    """Predict with each penalty, (stimulus, penalty).

    To scikit-learn these are as many targets, all of them the same, so that it decomposes once.
    """
    mean, deviation = train.mean(axis=0), np.ones(train.shape[1])
    if zscore:
        varies = train.std(axis=0) > 1e-14 * np.abs(train).max(axis=0)
        train, test, mean = train[:, varies], test[:, varies], mean[varies]
        deviation = train.std(axis=0)
    if unit:
        deviation = np.sqrt(np.mean(np.sum((train - mean) ** 2, axis=1)))
    scaled = (train - mean) / deviation
    # Below this, scikit-learn divides rounding errors by the penalty; predictions change no more.
    safe = np.maximum(penalties, 1e-22 * float(np.square(scaled).sum()))
    model = Ridge(safe, solver="svd", fit_intercept=False)
    centred = np.repeat((responses - responses.mean())[:, None], len(penalties), axis=1)
    with config_context(assume_finite=True, skip_parameter_validation=True):
        model.fit(scaled, centred)
    predicted: FloatArray = model.predict((test - mean) / deviation) + responses.mean()
    return predicted.reshape(len(test), len(penalties))


def cross_predict(
    features: FloatArray,
    target: FloatArray,
    folds: FloatArray,
    penalty: float,
    zscore: bool,
    unit: bool = False,
) -> FloatArray:
    return cross_predict_each(features, target, folds, (penalty,), zscore, unit)[:, 0]


def cross_predict_each(
    features: FloatArray,
    target: FloatArray,
    folds: FloatArray,
    penalties: tuple[float, ...],
    zscore: bool,
    unit: bool = False,
) -> FloatArray:
    pooled = np.empty((len(target), len(penalties)))
    for fold in np.unique(folds):
        test = folds == fold
        pooled[test] = predict_each(
            features[~test], target[~test], features[test], penalties, zscore, unit
        )
    return pooled


def search(
    layers: list[FloatArray],
    target: FloatArray,
    folds: FloatArray,
    penalties: tuple[float, ...],
    zscore: bool,
    unit: bool = False,
) -> tuple[float, int]:
    def scores(tried: tuple[float, ...], layer: int) -> list[float]:
        pooled = cross_predict_each(layers[layer], target, folds, tried, zscore, unit)
        return [r_squared(column, target) for column in pooled.T]

    best, best_score = (penalties[0], 0), -1.0
    grid = [scores(penalties, layer) for layer in range(len(layers))]
    for place, penalty in enumerate(penalties):
        for layer, found in enumerate(grid):
            if found[place] > best_score:
                best, best_score = (penalty, layer), found[place]

    def walk(factor: float) -> tuple[tuple[float, int], float]:
        """Go on by a factor for as long as that is better, past an edge of the grid."""
        (penalty, layer), score = best, best_score
        # eight steps are decomposed at once
        while steps := _within_limits(penalty * factor**step for step in range(1, 9)):
            for tried, value in zip(steps, scores(steps, layer), strict=True):
                if value <= score:
                    return (penalty, layer), score
                penalty, score = tried, value
        return (penalty, layer), score

    if best[0] == min(penalties):
        best, best_score = walk(0.5)
    if best[0] == max(penalties):
        best, best_score = walk(2.0)
    return best


def _within_limits(penalties: Iterable[float]) -> tuple[float, ...]:
    return tuple(penalty for penalty in penalties if 1e-49 <= penalty <= 1e50)


def plain_ridge(
    layers: Mapping[str, npt.NDArray[Any]],
    target: FloatArray,
    folds: npt.NDArray[Any],
    *,
    penalties: tuple[float, ...] = PENALTIES,
    zscore: bool = False,
) -> Found:
    features = [np.asarray(layer, dtype=np.float64) for layer in layers.values()]
    predictions = np.empty_like(target)
    chosen_layers, chosen_penalties = [], []
    for fold in np.unique(folds):
        test = folds == fold
        inner = [layer[~test] for layer in features]
        penalty, layer = search(inner, target[~test], folds[~test], penalties, zscore)
        predictions[test] = predict(
            features[layer][~test], target[~test], features[layer][test], penalty, zscore
        )
        chosen_layers.append(layer)
        chosen_penalties.append(penalty)
    return Found(r_squared(predictions, target), predictions, chosen_layers, chosen_penalties)
