"""Held-out predictions, the layer chosen on other stimuli; and those without some stimuli."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from brainbench_ridge.responses import correlation_slopes

from brainbench_audio.scores.influence import LEAST_STIMULI

from .maps import Array, Map

Features = npt.NDArray[np.floating[Any]]
Places = npt.NDArray[np.intp]
# so many groups of stimuli are left out in turn: each costs as many fits as there are folds
GROUPS = 33


@dataclass(frozen=True)
class Nested:
    """What was predicted.

    Attributes
    ----------
    predictions : float64 array (stimulus, target)
        Of held-out stimuli, each fold by the layer that was chosen on the other folds.
    layer : int array (fold,)
        Its place.
    layer_r2 : float64 array (layer, target)
        R² of each layer alone.
    features : mapping of int to float64 array
        Coordinates of the layers that were chosen, see `reduced`.
    """

    predictions: Array
    layer: Places
    layer_r2: Array
    features: Mapping[int, Array]

    def r2(self, responses: Array) -> Array:
        """Return R² of each target."""
        return squared_correlation(self.predictions, responses)

    def r(self, responses: Array) -> Array:
        """Return Pearson's r of each target."""
        return correlation(self.predictions, responses)


@dataclass(frozen=True)
class Problem:
    """Responses and folds.

    Attributes
    ----------
    responses : float64 array (stimulus, target)
    folds : int array (stimulus,)
        Counted from 0.
    learn : callable
        See `maps`.
    aggregate : callable
        From R² of targets, (..., target), to one number, (...).
    """

    responses: Array
    folds: Places
    learn: Map
    aggregate: Callable[[Array], Array]

    def solve(self, layers: Iterable[Features], progress: Callable[[], Any]) -> Nested:
        """Predict each fold.

        Parameters
        ----------
        layers : iterable of float array (stimulus, feature)
            At least one.
        progress : callable
            Called after each layer.
        """
        coordinates, turn = reduced(self.responses)
        count = int(self.folds.max()) + 1
        outer, inner, each = [], [], []
        read = []
        for layer in layers:
            features = reduced(layer)[0]
            read.append(features)
            pairs = self._pairs(features, coordinates, count)
            learned = [self.folds != fold for fold in range(count)]
            inner.append(
                [
                    self.aggregate(squared_correlation(one[rows] @ turn, self.responses[rows]))
                    for one, rows in zip(pairs, learned, strict=True)
                ]
            )
            predicted = np.empty_like(coordinates)
            for fold in range(count):
                test = self.folds == fold
                predicted[test] = self.learn(features[~test], coordinates[~test], features[test])
            outer.append(predicted)
            each.append(squared_correlation(predicted @ turn, self.responses))
            progress()
        # of equals the first
        chosen = np.array(inner).argmax(axis=0)
        final = np.empty_like(coordinates)
        for fold, place in enumerate(chosen):
            final[self.folds == fold] = outer[place][self.folds == fold]
        predictions = final @ turn + self.responses.mean(axis=0)
        used = {place: read[place] for place in set(chosen.tolist())}
        return Nested(predictions, chosen, np.stack(each), used)

    def without(self, found: Nested) -> tuple[Array, Array | None]:
        """Return r without each of some groups of stimuli, weights learned anew; and pairs of them.

        A group is of one fold. Layers stay as they were chosen.

        Returns
        -------
        float64 array (group, target)
            r without the group.
        float64 array (pair, target) or None
            What r owes to each pair of groups, of which one was learned from to predict the other,
            to first order in the predictions: upper triangle of groups by rows. None where there
            was a layer to choose: what the choice adds, which is not counted, is about as much.
        """
        coordinates, turn = reduced(self.responses)
        groups = list(self._groups())
        pairs = None
        if len(found.layer_r2) == 1:
            pairs = _Pairs.of_none(groups, found.predictions, self.responses)
        left = []
        for number, group in enumerate(groups):
            kept = np.setdiff1d(np.arange(len(self.folds)), group)
            predicted = found.predictions.copy()
            for fold, place in enumerate(found.layer):
                if fold == self.folds[group[0]]:
                    continue
                train, test = kept[self.folds[kept] != fold], self.folds == fold
                one = found.features[int(place)]
                anew = self.learn(one[train], coordinates[train], one[test])
                predicted[test] = anew @ turn + self.responses.mean(axis=0)
            left.append(correlation(predicted[kept], self.responses[kept]))
            if pairs is not None:
                pairs.add(number, found.predictions - predicted)
        return np.stack(left), None if pairs is None else pairs.owed

    def _pairs(self, features: Array, coordinates: Array, count: int) -> Array:
        """Return inner predictions, (fold, stimulus, coordinate), NaN for the outer fold itself."""
        found = np.full((count, *coordinates.shape), np.nan)
        for pair in combinations(range(count), 2):
            train = ~np.isin(self.folds, pair)
            tests = [self.folds == fold for fold in pair]
            both = self.learn(features[train], coordinates[train], features[tests[0] | tests[1]])
            of_first = self.folds[tests[0] | tests[1]] == pair[0]
            found[pair[1], tests[0]], found[pair[0], tests[1]] = both[of_first], both[~of_first]
        return found

    def _groups(self) -> Iterator[Places]:
        """Yield the places of stimuli that are left out together."""
        sizes = np.bincount(self.folds)
        counts = sizes
        # rounded in each fold, so of 34 stimuli there may be 16 pairs, too few for an error
        for together in range(max(1, -(-len(self.folds) // GROUPS)), 0, -1):
            counts = np.maximum(1, np.rint(sizes / together).astype(int))
            if counts.sum() >= LEAST_STIMULI:
                break
        for fold, count in enumerate(counts.tolist()):
            yield from np.array_split(np.flatnonzero(self.folds == fold), count)


@dataclass(frozen=True)
class _Pairs:
    """What r owes to pairs of groups, (pair, target), added up a group after the other."""

    order: Places
    starts: Places
    numbers: Places
    slopes: Array
    owed: Array

    @classmethod
    def of_none(cls, groups: list[Places], predictions: Array, responses: Array) -> _Pairs:
        """Begin, with the (group, group) numbers of pairs."""
        first, second = np.triu_indices(len(groups), 1)
        numbers = np.zeros((len(groups), len(groups)), dtype=np.intp)
        numbers[first, second] = numbers[second, first] = np.arange(first.size)
        centred = responses - responses.mean(axis=0)
        slopes = correlation_slopes(predictions, centred, np.square(centred).sum(axis=0))
        starts = np.cumsum([0, *(len(group) for group in groups[:-1])])
        owed = np.zeros((first.size, responses.shape[1]))
        return cls(np.concatenate(groups), starts, numbers, slopes, owed)

    def add(self, number: int, lost: Array) -> None:
        """Add what predictions, (stimulus, target), owe to a group that was learned from."""
        changes = np.add.reduceat((self.slopes * lost)[self.order], self.starts)
        others = np.arange(len(changes)) != number
        self.owed[self.numbers[number, others]] += changes[others]


def reduced(values: Features) -> tuple[Array, Array]:
    """Return few coordinates, (stimulus, coordinate), and what turns them back into columns.

    Both maps are the same for coordinates as for columns: lengths and angles are kept. Columns are
    demeaned and, as their unit does not matter, divided by the largest.
    """
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    centred = np.asarray(values, dtype=np.float64) / largest
    centred -= centred.mean(axis=0)
    if centred.shape[1] <= len(centred):
        return centred, np.eye(centred.shape[1]) * largest
    orthonormal, triangle = np.linalg.qr(centred.T)
    return np.ascontiguousarray(triangle.T), orthonormal.T * largest


def squared_correlation(predicted: Array, measured: Array) -> Array:
    """Return Pearson's r squared of each column; 0 where it is negative or a side constant."""
    squares, positive = _squares(predicted, measured)
    return np.where(positive, squares, 0.0)


def correlation(predicted: Array, measured: Array) -> Array:
    """Return Pearson's r of each column; 0 where a side is constant."""
    squares, positive = _squares(predicted, measured)
    return np.where(positive, 1.0, -1.0) * np.sqrt(squares)


def _squares(predicted: Array, measured: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return Pearson's r squared of each column, and whether r is positive."""
    one, other = (side - side.mean(axis=0) for side in (predicted, measured))
    products = (one * other).sum(axis=0)
    squares = np.square(one).sum(axis=0) * np.square(other).sum(axis=0)
    # predictions that differ by rounding only are constant
    scale = np.square(np.abs(predicted).max(axis=0, initial=0.0))
    known = (squares > 0) & (np.square(one).mean(axis=0) > 1e-24 * scale)
    r2 = np.zeros(predicted.shape[1])
    np.divide(np.square(products), squares, out=r2, where=known)
    return np.minimum(r2, 1.0), products > 0
