"""The stimuli of each fold, and of what is left when one or two folds are held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brainbench_audio.arrays import namespace
from brainbench_audio.assemblies.folds import fold_labels
from brainbench_audio.errors import DataError

IndexArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Partition:
    """Stimuli grouped by fold.

    All arrays that the solver keeps are in ``order``, where a fold is one slice; so a training part
    is the same arrays with one or two slices cut out.

    Attributes
    ----------
    order : int array (stimulus,)
        Stimuli sorted by fold.
    bounds : tuple of int, (fold + 1,)
        Fold ``f`` is ``order[bounds[f]:bounds[f + 1]]``.
    """

    order: IndexArray
    bounds: tuple[int, ...]

    @classmethod
    def from_labels(cls, folds: npt.ArrayLike) -> Partition:
        """Build from one label a stimulus; folds are numbered in the order of their labels.

        Raises
        ------
        DataError
            As `fold_labels`, or if there are fewer than three different labels: one fold is held
            out, a second one chooses, a third one is needed to learn from.
        """
        labels = fold_labels(folds)
        values, sizes = np.unique(labels, return_counts=True)
        if values.size < 3:
            raise DataError(
                f"Nested cross-validation needs at least 3 folds, got {values.size} "
                f"in {labels.size} stimuli: give other folds."
            )
        order = np.argsort(labels, kind="stable").astype(np.intp)
        return cls(order, (0, *(int(end) for end in np.cumsum(sizes))))

    @classmethod
    def without(cls, folds: npt.ArrayLike, held_out: npt.NDArray[np.bool_]) -> Partition:
        """Build with some stimuli, or none, as fold 0, and the others in their own folds.

        Raises
        ------
        DataError
            If the others are in fewer than two folds: one chooses, a second one is learned from.
        """
        labels = np.unique(folds, return_inverse=True)[1] + 1
        labels[held_out] = 0
        first, *rest = np.bincount(labels, minlength=1).tolist()
        sizes = [first, *filter(None, rest)]
        if len(sizes) < 3:
            raise DataError(
                f"Cross-validation needs at least 2 folds, got {len(sizes) - 1} in the "
                f"{np.count_nonzero(labels)} stimuli that are not held out: give other folds."
            )
        order = np.argsort(labels, kind="stable").astype(np.intp)
        return cls(order, (0, *(int(end) for end in np.cumsum(sizes))))

    @property
    def folds(self) -> int:
        """Number of folds."""
        return len(self.bounds) - 1

    @property
    def stimuli(self) -> int:
        """Number of stimuli."""
        return self.bounds[-1]

    def test(self, fold: int) -> slice:
        """Return the place of a fold in ``order``."""
        return slice(self.bounds[fold], self.bounds[fold + 1])

    def size(self, fold: int) -> int:
        """Return the number of stimuli in a fold."""
        return self.bounds[fold + 1] - self.bounds[fold]

    def training_size(self, outer: int) -> int:
        """Return the number of stimuli outside a fold."""
        return self.stimuli - self.size(outer)

    def others(self, *held_out: int) -> list[int]:
        """Return the folds that are not held out."""
        return [fold for fold in range(self.folds) if fold not in held_out]

    def training(self, *held_out: int) -> IndexArray:
        """Return the places in ``order`` that are in none of these folds."""
        kept = np.ones(self.stimuli, dtype=bool)
        for fold in held_out:
            kept[self.test(fold)] = False
        return np.flatnonzero(kept)

    def cut(self, rows: FloatArray, *held_out: int) -> FloatArray:
        """Return the rows (stimulus, target), in ``order``, that are in none of these folds."""
        pieces = [rows[self.test(fold)] for fold in self.others(*held_out)]
        rest: FloatArray = namespace(rows).concatenate(pieces)
        return rest
