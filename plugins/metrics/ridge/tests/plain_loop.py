"""The protocol of `brainbench_ridge.solver`, written out for one target, layer and penalty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    mean, deviation = train.mean(axis=0), np.ones(train.shape[1])
    if zscore:
        varies = train.std(axis=0) > 1e-14 * np.abs(train).max(axis=0)
        train, test, mean = train[:, varies], test[:, varies], mean[varies]
        deviation = train.std(axis=0)
    if unit:
        deviation = np.sqrt(np.mean(np.sum((train - mean) ** 2, axis=1)))
    scaled = (train - mean) / deviation
    # Below this, scikit-learn divides rounding errors by the penalty; predictions change no more.
    safe = max(penalty, 1e-22 * float(np.square(scaled).sum()))
    model = Ridge(safe, solver="svd", fit_intercept=False)
    with config_context(assume_finite=True, skip_parameter_validation=True):
        model.fit(scaled, responses - responses.mean())
    predicted: FloatArray = model.predict((test - mean) / deviation) + responses.mean()
    return predicted


def cross_predict(
    features: FloatArray,
    target: FloatArray,
    folds: FloatArray,
    penalty: float,
    zscore: bool,
    unit: bool = False,
) -> FloatArray:
    pooled = np.empty_like(target)
    for fold in np.unique(folds):
        test = folds == fold
        pooled[test] = predict(
            features[~test], target[~test], features[test], penalty, zscore, unit
        )
    return pooled


def grid(layers: list[FloatArray], penalties: tuple[float, ...]) -> Iterator[tuple[float, int]]:
    for penalty in penalties:
        for layer in range(len(layers)):
            yield penalty, layer


def search(
    layers: list[FloatArray],
    target: FloatArray,
    folds: FloatArray,
    penalties: tuple[float, ...],
    zscore: bool,
    unit: bool = False,
) -> tuple[float, int]:
    def score(penalty: float, layer: int) -> float:
        return r_squared(cross_predict(layers[layer], target, folds, penalty, zscore, unit), target)

    best, best_score = (penalties[0], 0), -1.0
    for candidate in grid(layers, penalties):
        if (found := score(*candidate)) > best_score:
            best, best_score = candidate, found
    low, high = min(penalties), max(penalties)
    while best[0] in (low, high) and best[0] / 2 >= 1e-49 and best[0] * 2 <= 1e50:
        if best[0] == low:
            low = tried = best[0] / 2
        else:
            high = tried = best[0] * 2
        if (found := score(tried, best[1])) > best_score:
            best, best_score = (tried, best[1]), found
    return best


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
