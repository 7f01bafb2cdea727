"""What scores move by where other layers or penalties than the chosen ones turn out the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.choice import REACH
from brainbench_audio.scores.weightings import WEIGHTINGS, arranged, directions

from .partition import FloatArray, IndexArray, Partition
from .responses import Responses, is_defined
from .threads import single_threaded_products
from .training_part import TrainingPart

# folds times targets treated together, in 2,000 weightings: 1.3 MB an array
_BLOCK = 160
# of what options come to in the weightings, from which errors follow that are sure to a few percent
PRECISION = np.float32

Floats = npt.NDArray[np.floating[Any]]
"""In double precision, or in the other one."""


@dataclass(frozen=True)
class Moved:
    """What correlations are in each of the `weightings`, to first order in the weights.

    Attributes
    ----------
    r : float64 array (target,)
        In the sample, with all as chosen.
    held : float64 array (weighting, target)
        What weights add to it.
    jump, change : float64 arrays (weighting, target)
        With all chosen anew: what it differs by in the sample, and what weights add to that.
    """

    r: FloatArray
    held: FloatArray
    jump: FloatArray
    change: FloatArray

    def rest(self) -> FloatArray:
        """Return what correlations move by beyond what they do with all as chosen."""
        return self.jump + self.change - self.held

    def rest_of_squares(self) -> FloatArray:
        """Return the same of their squares, 0 where a correlation is negative."""
        return _squares(self.r + self.jump, self.change) - _squares(self.r, self.held)

    def mean(self, weights: FloatArray, values: FloatArray) -> Moved:
        """Return means with weights, (target, part), moved to given values, (part,)."""
        return Moved(values, *(one @ weights for one in (self.held, self.jump, self.change)))

    def by(self, scale: FloatArray) -> Moved:
        """Return all over a scale, (target,)."""
        return Moved(*(one / scale for one in (self.r, self.held, self.jump, self.change)))


@dataclass(frozen=True)
class Rivals:
    """All layers that targets could choose from, each with three penalties.

    Attributes
    ----------
    partition : Partition
    parts : mapping of int to sequence of TrainingPart, (fold,)
        Of every layer.
    inner : float64 array (option, fold, target)
        Inner score by which an option is chosen in an outer fold; -inf where there is none. First
        each layer with its best penalty, then with the one that was tried below it, then with the
        one above.
    penalty : float64 array (option, fold, target)
    """

    partition: Partition
    parts: Mapping[int, list[TrainingPart]]
    inner: FloatArray
    penalty: FloatArray

    def first(self, targets: int) -> Rivals:
        """Return those of the first of the targets."""
        return replace(self, inner=self.inner[..., :targets], penalty=self.penalty[..., :targets])

    def moved(self, responses: npt.NDArray[Any], layer: IndexArray, targets: IndexArray) -> Moved:
        """Return what correlations move by with all as chosen, and with all chosen anew.

        In each of the `weightings` of stimuli. To first order, inner and outer scores of an option
        move with the weights of the stimuli that they are made from, so that another layer or
        penalty may be the best by inner scores, in some folds or in all.

        Parameters
        ----------
        responses : float array (stimulus, target)
        layer : int array (fold, target)
            As chosen.
        targets : int array (some,)
            Places of those that are asked for.
        """
        changes = directions(self.partition.stimuli)[:, self.partition.order].astype(PRECISION)
        size = WEIGHTINGS, len(targets)
        found = Moved(np.empty(len(targets)), *(np.empty(size) for _ in range(3)))

        def fill(block: slice) -> None:
            some = targets[block]
            measured = Responses.measure(responses[:, some], self.partition).in_own_units()
            owed = [self._owed(one, measured, some) for one in range(len(self.inner))]
            weighed = _Block.weigh(owed, measured, changes)
            r, found.held[:, block] = weighed.scores(*weighed.held(layer[:, some]))
            found.r[block] = r[0]
            anew, found.change[:, block] = weighed.scores(*weighed.choose(self.inner[..., some]))
            found.jump[:, block] = anew - r

        each = max(1, _BLOCK // self.partition.folds)
        blocks = [slice(at, at + each) for at in range(0, len(targets), each)]
        with single_threaded_products() as workers, ThreadPoolExecutor(workers) as pool:
            list(pool.map(fill, blocks))  # raises what went wrong
        return found

    def _owed(self, option: int, measured: Responses, targets: IndexArray) -> FloatArray:
        """Return what sums over a fold owe to each stimulus, (sum, stimulus, fold, target).

        Of products of predictions and responses, and of squares of predictions, see `LeftOut`.
        """
        y = measured.centred
        owed = np.empty((2, len(y), self.partition.folds, y.shape[1]))
        for fold, part in enumerate(self.parts[option % len(self.parts)]):
            penalty = self.penalty[option, fold, targets]
            training, test = self.partition.training(fold), self.partition.test(fold)
            predicted = part.predict(fold, y[training], penalty)
            change = part.scaled_residuals(y[training], penalty)
            owed[:, test, fold] = predicted * y[test], predicted**2
            owed[0, training, fold] = change * part.transposed(fold, y[test], penalty)
            owed[1, training, fold] = 2 * change * part.transposed(fold, predicted, penalty)
        return owed


@dataclass(frozen=True)
class _Block:
    """Sums over folds of all options for some targets, and what they owe to stimuli.

    What these come to in the weightings is worked out an option at a time: that of all is too large
    for a core's cache.

    Attributes
    ----------
    changes : float32 array (direction, stimulus)
        The `directions` of all weightings.
    sums : float32 array (option, sum, fold, target)
    owed : float32 array (option, sum, stimulus, fold, target)
    inner : float32 array (option, stimulus, fold, target)
        What inner scores owe to each stimulus.
    squares, own : float32 arrays (target,), (weighting, target)
        Sum of squares of responses, and what it moves by.
    """

    changes: Floats
    sums: Floats
    owed: Floats
    inner: Floats
    squares: Floats
    own: Floats

    @classmethod
    def weigh(cls, owed: Sequence[Floats], measured: Responses, changes: Floats) -> _Block:
        """Build from what the sums of each option owe to stimuli."""
        partition = measured.partition
        tests = [partition.test(fold) for fold in range(partition.folds)]
        sums = [
            np.stack([one[:, test, fold].sum(axis=1) for fold, test in enumerate(tests)], axis=1)
            for one in owed
        ]
        inner = [_of_inner(*both, tests, measured) for both in zip(owed, sums, strict=True)]
        own = arranged(changes @ np.square(measured.centred, dtype=PRECISION))
        squares = measured.squares.astype(PRECISION)
        stacked, owes, inner_owes = (
            np.stack(each, dtype=PRECISION) for each in (sums, owed, inner)
        )
        return cls(changes, stacked, owes, inner_owes, squares, own)

    def choose(self, inner: Floats) -> tuple[Floats, Floats]:
        """Return sums with options chosen by inner scores, (option, fold, target), and changes.

        Among those within reach of the best: what a poor layer moves by, to first order, may be
        far beyond what its score can be.
        """
        inner = inner.astype(PRECISION)
        best = inner.argmax(axis=0)
        spread = self._weighed(_of_options(self.inner, best)).std(axis=0)
        near = inner >= _of_options(inner, best) - REACH * spread
        highest = np.full((WEIGHTINGS, *spread.shape), -np.inf, dtype=PRECISION)
        sums, moved = (np.zeros((2, *highest.shape), dtype=PRECISION) for _ in range(2))
        for option in np.flatnonzero(near.any(axis=(1, 2))):
            anew = np.where(
                near[option], inner[option] + self._weighed(self.inner[option]), -np.inf
            )
            wins = anew > highest
            np.copyto(highest, anew, where=wins)
            np.copyto(sums, self.sums[option][:, np.newaxis], where=wins)
            np.copyto(moved, self._weighed(self.owed[option]), where=wins)
        return sums, moved

    def held(self, option: IndexArray) -> tuple[Floats, Floats]:
        """Return sums with options, (fold, target), as chosen, and what they move by."""
        sums = _of_options(self.sums, option)[:, np.newaxis]
        return sums, self._weighed(_of_options(self.owed, option))

    def scores(self, sums: Floats, moved: Floats) -> tuple[Floats, Floats]:
        """Return correlations and what they move by to first order, (weighting, target) each.

        Parameters
        ----------
        sums, moved : float64 arrays (sum, weighting, fold, target)
        """
        r, change = _moved(sums.sum(axis=2), moved.sum(axis=2), self.squares, self.own)
        return r, change

    def _weighed(self, owed: Floats) -> Floats:
        """Return what is owed to stimuli, (..., stimulus, fold, target), in each weighting."""
        *sums, stimuli, folds, targets = owed.shape
        moved = self.changes @ owed.reshape(*sums, stimuli, folds * targets)
        moved = np.moveaxis(moved.reshape(*sums, -1, folds, targets), -3, 0)
        return np.asarray(np.moveaxis(arranged(moved), 0, -3))


def _squares(r: Floats, change: Floats) -> Floats:
    """Return squares, 0 of what is negative, moved to first order."""
    return np.asarray(np.maximum(r, 0.0) * (r + 2 * change))


def _of_options(values: Floats, option: IndexArray) -> Floats:
    """Return values, (option, ..., fold, target), of one option for each fold and target."""
    chosen = np.expand_dims(option, tuple(range(values.ndim - option.ndim)))
    return np.asarray(np.take_along_axis(values, chosen, axis=0)[0])


def _of_inner(owed: Floats, sums: Floats, tests: list[slice], measured: Responses) -> Floats:
    """Return what inner scores of each fold owe to each stimulus, (stimulus, fold, target).

    As the outer scores of the other folds do, which are learned from the fold itself, too.
    """
    others = owed.sum(axis=2, keepdims=True) - owed
    own = np.repeat(np.square(measured.centred)[:, np.newaxis], len(tests), axis=1)
    for fold, test in enumerate(tests):
        others[:, test, fold] = 0.0
        own[test, fold] = 0.0
    of_others = sums.sum(axis=1, keepdims=True) - sums
    r, change = _moved(of_others, others, own.sum(axis=0), own)
    return np.asarray(2 * np.maximum(r, 0.0) * change)


def _moved(sums: Floats, moved: Floats, squares: Floats, own: Floats) -> tuple[Floats, Floats]:
    """Return a correlation, 0 where a side is constant, and its change as sums are moved."""
    products, predicted = sums
    valid = is_defined(predicted, squares)
    predicted, squares = np.where(valid, predicted, 1.0), np.where(valid, squares, 1.0)
    norm = np.sqrt(predicted * squares)
    r = np.where(valid, products / norm, 0.0)
    change = moved[0] / norm - r / 2 * (moved[1] / predicted + own / squares)
    return r, np.where(valid, change, 0.0)
