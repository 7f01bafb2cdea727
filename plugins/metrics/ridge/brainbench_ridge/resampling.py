"""R² over stimuli drawn with replacement, predictions held fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.progress import progress_bar
from brainbench_audio.scores.statistics import squared_pearson

from .correction import Correction, divisor
from .memory import Memory
from .partition import FloatArray, IndexArray
from .targets import Targets, median


@dataclass(frozen=True)
class BootstrapR2:
    """The parts of the score in each draw.

    Attributes
    ----------
    targets : Targets
    predictions : float64 array (stimulus, target)
    correction : Correction or None
        Its reliabilities are held fixed, too.
    memory : Memory
        Says how many draws are made at a time.
    """

    targets: Targets
    predictions: FloatArray
    correction: Correction | None
    memory: Memory

    def __call__(self, counts: FloatArray) -> FloatArray:
        """Return the parts, (draw, part), from how often each draw takes each stimulus."""
        subjects = self.targets.subjects
        everything = np.arange(self.predictions.shape[1])
        groups = [everything] if subjects is None else list(subjects.values())
        size = max(len(group) for group in groups)
        step = self.memory.draws(size)
        starts = range(0, len(counts), step)
        pieces = []
        with progress_bar(len(groups) * len(starts), "bootstrap", "step", smoothing=0) as bar:
            for group in groups:
                drawn = []
                for start in starts:
                    drawn.append(self._part(counts[start : start + step], group))
                    bar.update()
                pieces.append(np.concatenate(drawn))
        return np.concatenate(pieces, axis=1)

    def _part(self, counts: FloatArray, group: IndexArray) -> FloatArray:
        """Return (draw, 1), the median over a subject's targets, or (draw, component)."""
        measured: npt.NDArray[Any] = self.targets.responses[:, group]
        r2 = squared_pearson(measured, self.predictions[:, group], counts)
        if self.correction is not None:
            r2 /= divisor(self.correction.measured[group], self.correction.predicted[group])
        if self.targets.subjects is None:
            return self.targets.parts(r2)
        return median(r2)[:, np.newaxis]
