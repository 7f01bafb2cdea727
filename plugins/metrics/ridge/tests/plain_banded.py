"""The protocol of `-ridge-unique`, written out for one target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .plain_loop import PENALTIES, predict, r_squared, search

FloatArray = npt.NDArray[np.float64]

SHARES = (0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class Found:
    model: float
    given: float
    both: float
    predictions: FloatArray
    # of each outer fold: the two layers and the place of the share
    chosen: list[tuple[int, int, int]]
    penalties: list[float]


def beside(first: FloatArray, second: FloatArray, share: float) -> FloatArray:
    """Put two layers beside each other, one with this share of the mean squared norm."""
    scaled = []
    for features, part in ((first, share), (second, 1 - share)):
        centred = features - features.mean(axis=0)
        size = np.mean(np.sum(centred**2, axis=1))
        scaled.append(np.sqrt(part / size) * centred)
    return np.hstack(scaled)


def plain_unique(
    layers: list[FloatArray],
    given: list[FloatArray],
    target: FloatArray,
    folds: npt.NDArray[np.int64],
) -> Found:
    predictions = {name: np.empty_like(target) for name in ("model", "given", "both")}
    chosen, penalties = [], []
    for fold in np.unique(folds):
        test = folds == fold

        def fitted(name: str, some: list[FloatArray], test: npt.NDArray[np.bool_] = test):  # type: ignore[no-untyped-def]
            inner = [features[~test] for features in some]
            penalty, place = search(inner, target[~test], folds[~test], PENALTIES, False, True)
            predictions[name][test] = predict(
                inner[place], target[~test], some[place][test], penalty, False, True
            )
            return penalty, place

        _, first = fitted("model", layers)
        _, second = fitted("given", given)
        pairs = [beside(layers[first], given[second], share) for share in SHARES]
        penalty, place = fitted("both", pairs)
        chosen.append((first, second, place))
        penalties.append(penalty)
    r2 = {name: r_squared(values, target) for name, values in predictions.items()}
    return Found(**r2, predictions=predictions["both"], chosen=chosen, penalties=penalties)
