"""Layer after layer is fitted to all voxels; each voxel keeps the best one in each split."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.assemblies.assembly import real_numbers
from brainbench_audio.errors import DataError

from .correlation import correlations
from .memory import BLOCK
from .runs import FloatArray, IndexArray
from .solver import PIECES, TrainingPart
from .voxels import Problem, Split, Voxels


class Fits:
    """What was found so far.

    Parameters
    ----------
    voxels : Voxels
    layers : int
        How many there will be.
    relearn : bool
        Whether to find `relearned`, where there is one split.

    Attributes
    ----------
    block : int
        Voxels treated together.
    problems : list of Problem
        Of the voxels.
    layer_score : float64 array (layer, voxel)
        Correlation of predictions from each layer alone.
    layer, penalty, gain : arrays (split, voxel)
        Place of the layer chosen, its penalty, and what it takes off the squared error when runs
        are held out.
    prediction : float32 array (row that is predicted, voxel)
        From the layers chosen.
    relearned : float64 array (piece, voxel) or None
        Correlations when a piece of what is learned from is left out, see `TrainingPart.relearned`.
    """

    def __init__(self, voxels: Voxels, layers: int, *, relearn: bool = False) -> None:
        self._voxels = voxels
        self.block = BLOCK
        self.problems = list(voxels.problems())
        # the common order to the rows that are predicted
        self.tested = voxels.runs.places(voxels.runs.tested)
        self._place = np.zeros(voxels.runs.rows, dtype=np.intp)
        self._place[self.tested] = np.arange(self.tested.size)
        count, splits = voxels.kept.size, len(self.problems[0].splits)
        self.gain = np.full((splits, count), -np.inf)
        self.layer = np.zeros((splits, count), dtype=np.int32)
        self.penalty = np.zeros((splits, count))
        self.prediction = np.zeros((self.tested.size, count), dtype=np.float32)
        self.layer_score = np.zeros((layers, count))
        self.relearned = np.zeros((PIECES, count)) if relearn and splits == 1 else None

    def add(self, number: int, design: FloatArray) -> None:
        """Fit one more layer, delayed, see `Runs.design`."""
        for problem in self.problems:
            alone = np.empty((self.tested.size, problem.columns.size), dtype=np.float32)
            for place, split in enumerate(problem.splits):
                part = TrainingPart.of(design, split)
                rows = self._place[split.test]
                for some, columns in self.blocks(problem):
                    alone[rows, some] = self._fit(number, part, place, split, columns)
            for some, columns in self.blocks(problem):
                measured = self._voxels.responses(columns)[self.tested]
                self.layer_score[number, columns] = correlations(alone[:, some], measured)

    def add_to_some(self, number: int, design: FloatArray, here: npt.NDArray[np.bool_]) -> None:
        """Fit one more layer, delayed, where, (split, voxel), it counts; it gets no score alone."""
        for problem in self.problems:
            for place, split in enumerate(problem.splits):
                if not here[place, problem.columns].any():
                    continue
                part = TrainingPart.of(design, split)
                for _, columns in self.blocks(problem):
                    if (some := columns[here[place, columns]]).size:
                        self._fit(number, part, place, split, some)

    def add_fitted(self, number: int, other: Fits) -> None:
        """Take predictions over where those of others, of the same voxels, are better."""
        for problem in self.problems:
            for place, split in enumerate(problem.splits):
                rows = self._place[split.test]
                for _, columns in self.blocks(problem):
                    predicted = other.prediction[np.ix_(rows, columns)]
                    gain, penalty = other.gain[place, columns], other.penalty[place, columns]
                    won = self._keep_better(
                        number, place, rows, columns, (gain, penalty, predicted)
                    )
                    if self.relearned is not None and other.relearned is not None:
                        self.relearned[:, columns[won]] = other.relearned[:, columns[won]]

    def _fit(
        self, number: int, part: TrainingPart, place: int, split: Split, columns: IndexArray
    ) -> FloatArray:
        """Fit some voxels in a split; return the predictions, (row that is predicted, voxel)."""
        responses = self._voxels.responses(columns)
        learned, measured = responses[split.train], responses[split.test]
        del responses  # as large as the two, and not needed while a part is fitted
        _, penalty, predicted = found = part.fit(learned)
        won = self._keep_better(number, place, self._place[split.test], columns, found)
        if self.relearned is not None and won.any():
            every = part.relearned(learned[:, won], penalty[won], predicted[:, won])
            measured = measured[:, won]
            self.relearned[:, columns[won]] = [correlations(one, measured) for one in every]
        return predicted

    def _keep_better(
        self,
        number: int,
        place: int,
        rows: IndexArray,
        columns: IndexArray,
        found: tuple[FloatArray, FloatArray, npt.NDArray[np.floating[Any]]],
    ) -> npt.NDArray[np.bool_]:
        """Keep what is better than before; return of which columns it is."""
        gain, penalty, predicted = found
        better = gain > self.gain[place, columns]
        won = columns[better]
        self.gain[place, won] = gain[better]
        self.layer[place, won] = number
        self.penalty[place, won] = penalty[better]
        self.prediction[np.ix_(rows, won)] = predicted[:, better]
        return np.asarray(better)

    def blocks(self, problem: Problem) -> Iterator[tuple[slice, IndexArray]]:
        """Yield voxels that are treated together: their places in the problem, and in all."""
        pieces = -(-problem.columns.size // self.block)
        bounds = np.linspace(0, problem.columns.size, pieces + 1).astype(int).tolist()
        for start, stop in pairwise(bounds):
            yield slice(start, stop), problem.columns[start:stop]

    def measured(self) -> Iterator[tuple[IndexArray, FloatArray]]:
        """Yield voxels, and their responses to what is predicted, (row, voxel)."""
        for problem in self.problems:
            for _, columns in self.blocks(problem):
                yield columns, self._voxels.responses(columns)[self.tested]

    def checked(self, name: str, features: npt.ArrayLike) -> npt.NDArray[np.floating[Any]]:
        """Return a layer, (row of the assembly, feature), as numbers.

        Raises
        ------
        DataError
            Its rows do not fit, it has no feature, or it is not finite.
        """
        values = real_numbers(features, f"Features of layer {name!r}")
        rows = sum(
            len(rows) for every in self._voxels.runs.presentations.values() for rows in every
        )
        if values.ndim != 2 or len(values) != rows or not values.shape[1]:
            raise DataError(
                f"Layer {name} is {values.shape}, the responses have {rows} rows: give (row, "
                f"feature) for the same rows in the same order."
            )
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise DataError(
                f"Layer {name} has NaN or infinite features, the first in row {row}, feature "
                f"{column}: extract it again or leave it out."
            )
        return values
