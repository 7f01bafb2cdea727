"""What predictions come to, gathered from block after block of voxels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.ceilings import GROUPS, bounded

from .ceiling import reachable, tenths
from .correlation import Blocks, unit
from .runs import FloatArray, IndexArray
from .sounds import Sounds
from .voxels import Voxels

Predictions = npt.NDArray[np.floating[Any]]


class Evaluation:
    """Correlations of voxels, and of their parts: subjects or components.

    Attributes
    ----------
    kind : str
        What errors are over, in words.
    r, determination : float64 arrays (voxel,)
        Pearson's r, and 1 less the squared error over the squared deviation.
    reliability, reachable : float64 arrays (voxel,)
        Of the mean over presentations, and the highest r that this allows; NaN if not known.
    left_out : float64 array (block, part)
        Mean r of each part without each block of time, or of what ``measure`` makes of r.
    rearranged : list of float64 array
        What is added to the mean over parts when responses are another one's, see
        `Blocks.rearranged`.
    """

    def __init__(
        self,
        voxels: Voxels,
        blocks: Blocks,
        measure: Callable[[FloatArray], FloatArray] = np.asarray,
    ) -> None:
        self._blocks = blocks
        self.kind = blocks.kind
        self._measure = measure
        self._parts = list(voxels.parts.values())
        self._part = np.zeros(voxels.kept.size, dtype=np.intp)
        for number, places in enumerate(self._parts):
            self._part[places] = number
        self._sizes = np.bincount(self._part)
        self.r, self.determination = np.zeros((2, voxels.kept.size))
        self.reliability, self.reachable = np.full((2, voxels.kept.size), np.nan)
        self._tenths = np.full((GROUPS, voxels.kept.size), np.nan)
        self.left_out = np.zeros((blocks.starts.size, len(self._parts)))
        self.rearranged: list[FloatArray] = []

    def add(
        self,
        columns: IndexArray,
        measured: FloatArray,
        predicted: Predictions,
        owed: FloatArray | None = None,
    ) -> None:
        """Compare responses of some voxels, (row, voxel), with their predictions.

        Parameters
        ----------
        columns : int array (voxel,)
        measured, predicted : float arrays (row, voxel)
        owed : float64 array (3, sound, voxel), optional
            What predictions owe to sounds, see `relearning.owed`; else weights are held fixed.
        """
        errors = np.square(measured - predicted).sum(axis=0)
        deviation = np.square(measured - measured.mean(axis=0)).sum(axis=0)
        # presentations may cancel
        undefined = np.full_like(errors, np.nan)
        ratio = np.divide(errors, deviation, out=undefined, where=deviation > 0)
        self.determination[columns] = 1 - ratio
        first, second = unit(predicted), unit(measured)
        self.r[columns] = (first * second).sum(axis=0)
        if owed is not None and isinstance(self._blocks, Sounds):
            without = self._blocks.relearned(predicted.astype(np.float64), measured, owed)
        else:
            without = self._blocks.without(first, second)
        without = self._measure(without)
        part = self._part[columns]
        for number in np.unique(part):
            total = without[:, part == number].sum(axis=1)
            self.left_out[:, number] += total / self._sizes[number]
        # each part counts as much as any other
        first *= 1 / (self._sizes[part] * len(self._parts))
        more = self._blocks.rearranged(first, second)
        before = self.rearranged or [np.zeros_like(one) for one in more]
        self.rearranged = [one + other for one, other in zip(before, more, strict=True)]

    def add_ceiling(self, columns: IndexArray, presentations: FloatArray) -> None:
        """Find what noise allows, from the presentations, (row, voxel, presentation)."""
        self.reliability[columns], self.reachable[columns] = reachable(presentations)
        self._tenths[:, columns] = tenths(presentations)

    def by_part(self, values: FloatArray) -> FloatArray:
        """Return the mean over the voxels of each part, (..., part), NaN left out."""
        known = np.isfinite(values)
        found = np.full((*values.shape[:-1], len(self._parts)), np.nan)
        for number, places in enumerate(self._parts):
            count = known[..., places].sum(axis=-1)
            total = np.where(known[..., places], values[..., places], 0.0).sum(axis=-1)
            np.divide(total, count, out=found[..., number], where=count > 0)
        return found

    def ceiling(self) -> tuple[float | None, FloatArray]:
        """Return the ceiling, None if not known, and what it is without each tenth of the time.

        Mean over the parts of which it is known. A root of an estimate is too low on average, the
        more so the less time there is: the jackknife tells by how much (Quenouille 1956, Biometrika
        43).
        """
        every = self.by_part(np.vstack([self.reachable, self._tenths]))
        known = np.isfinite(every).all(axis=0)
        if not known.any():
            return None, np.zeros(0)
        means = every[:, known].mean(axis=1)
        return bounded(GROUPS * means[0] - (GROUPS - 1) * float(means[1:].mean())), means[1:]
