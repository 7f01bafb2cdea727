"""Runs of continuous sound: which rows of an assembly belong to which, in time order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.continuous import presentations, repetition_time
from brainbench_audio.assemblies.folds import fold_labels
from brainbench_audio.errors import DataError

from .reduction import principal_components

IndexArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.float64]
# s: runs that are shorter are single sounds
SOUND = 10.0


@dataclass(frozen=True)
class Runs:
    """The runs of an assembly, each with the rows of its presentations.

    Every run has a place in a common order of rows, `rows`, once, however often it was presented.

    Attributes
    ----------
    presentations : dict of str to list of int arrays
        For each run, for each time that it was presented, rows of the assembly in time order.
    folds : dict of str to int
    step : float
        Seconds from one row to the next.
    """

    presentations: dict[str, list[IndexArray]]
    folds: dict[str, int]
    step: float

    @classmethod
    def of(cls, target: xr.DataArray, folds: npt.ArrayLike) -> Runs:
        """Read them from an assembly in time, see `assemblies.continuous`.

        Raises
        ------
        DataError
            As `fold_labels`, a run is in several folds, or what `repetition_time` finds.
        """
        step = repetition_time(target)
        labels = fold_labels(folds, len(target))
        if labels.dtype.kind not in "iuf":
            raise DataError(
                f"Folds need one number a row: {len(target)} rows, {labels.dtype} of labels."
            )
        every: dict[str, list[IndexArray]] = {}
        for (run, _), rows in presentations(target).items():
            every.setdefault(run, []).append(rows)
        for run, parts in every.items():
            if np.ptp(labels[np.concatenate(parts)]):
                raise DataError(
                    f"Run {run} is in several folds, so that it would be learned from and tested "
                    f"on: give all its rows one fold."
                )
        return cls(every, {run: int(labels[parts[0][0]]) for run, parts in every.items()}, step)

    @property
    def repeated(self) -> list[str]:
        """Runs that were presented more than once."""
        return [run for run, every in self.presentations.items() if len(every) > 1]

    @property
    def tested(self) -> list[str]:
        """Runs that are predicted: the repeated ones; where there are none, all in turn."""
        return self.repeated or list(self.presentations)

    @property
    def rows(self) -> int:
        """Rows, repeated ones counted once."""
        return sum(len(every[0]) for every in self.presentations.values())

    @property
    def are_sounds(self) -> bool:
        """Whether every run is a single sound of less than 10 s, and no passage.

        What z-scoring takes from a passage is drift; from a sound it would be the response itself.
        """
        return max(len(first) for first, *_ in self.presentations.values()) * self.step < SOUND

    def places(self, runs: Sequence[str]) -> IndexArray:
        """Return the places of some runs in the common order, in the order they are given."""
        start, found = 0, {}
        for run, every in self.presentations.items():
            found[run] = np.arange(start, start + len(every[0]))
            start += len(every[0])
        return np.concatenate([found[run] for run in runs]) if runs else np.arange(0)

    def standardised(self, features: npt.NDArray[Any]) -> FloatArray:
        """Return features, (row of the assembly, feature), in the common order, z-scored.

        In each run; sounds all together.
        """
        every = [first for first, *_ in self.presentations.values()]
        if self.are_sounds:
            return zscored(features[np.concatenate(every)])
        return np.concatenate([zscored(features[first]) for first in every])

    def design(
        self, features: npt.NDArray[Any], delays: Sequence[int], components: int = 0
    ) -> FloatArray:
        """Return features as they were 1, 2, … rows ago, `standardised`.

        Parameters
        ----------
        features : float array (row of the assembly, feature)
        delays : sequence of int
            Rows; before a run starts, features are 0, as their mean is; before a sound they are
            those of its first row, which is silence or next to it.
        components : int
            Of more features, so many principal components are delayed; 0: all features are.

        Returns
        -------
        float64 array (row, delay x feature), in the common order
        """
        if 0 < components < features.shape[1]:
            base = principal_components(self.standardised, features, components)
        else:
            base = self.standardised(features)
        width = base.shape[1]
        found = np.zeros((self.rows, len(delays) * width))
        start = 0
        for first, *_ in self.presentations.values():
            values = base[start : start + len(first)]
            for place, delay in enumerate(delays):
                columns = slice(place * width, (place + 1) * width)
                if delay < len(first):  # else the run ends before it is seen
                    found[start + delay : start + len(first), columns] = values[: -delay or None]
                if self.are_sounds:
                    found[start : start + min(delay, len(first)), columns] = values[0]
            start += len(first)
        return found


def zscored(values: npt.NDArray[Any]) -> FloatArray:
    """Return columns of mean 0 and deviation 1; what is constant but for rounding becomes 0.

    Parameters
    ----------
    values : float array (row, column)
        A column with a NaN stays NaN.
    """
    exact = np.asarray(values, dtype=np.float64)
    size = np.maximum(np.abs(exact).max(axis=0), np.finfo(np.float64).tiny)
    constant = np.ptp(exact, axis=0) <= 4.0 * np.finfo(values.dtype).eps * size
    # of unit size first: squares of responses in tesla, or of 1e30, are beyond what floats hold
    centred = (exact - exact.mean(axis=0)) / size
    deviation = centred.std(axis=0)
    centred /= np.where(constant, 1.0, deviation)
    centred[:, constant] = 0.0
    return np.asarray(centred)
