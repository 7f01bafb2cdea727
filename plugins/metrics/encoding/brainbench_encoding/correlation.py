"""Correlations of predicted and measured responses: whole, without blocks of time, and shifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.influence import LEAST_STIMULI

from .runs import FloatArray, IndexArray

# deviation that is but rounding, beside the largest value
_ROUNDING = 1e-13


def correlations(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> FloatArray:
    """Return Pearson's r over rows of each column, (column,); 0 where a side is constant."""
    return np.asarray((unit(first) * unit(second)).sum(axis=0))


def signed_squares(r: FloatArray) -> FloatArray:
    """Return r |r|: squares with signs, so that those of noise are 0 on average."""
    return np.asarray(r * np.abs(r))


def unit(values: npt.NDArray[Any]) -> FloatArray:
    """Return columns of mean 0 and norm 1; constant ones become 0."""
    exact = np.asarray(values, dtype=np.float64)
    size = np.abs(exact).max(axis=0)
    centred = exact - exact.mean(axis=0)
    norm = np.linalg.norm(centred, axis=0)
    constant = norm <= _ROUNDING * size * np.sqrt(len(exact))
    centred /= np.where(constant, 1.0, norm)
    centred[:, constant] = 0.0
    return np.asarray(centred)


@dataclass(frozen=True)
class Blocks:
    """The rows that are predicted, cut into blocks of time.

    Attributes
    ----------
    runs : tuple of int
        Rows of each run, one run after another.
    length : int
        Rows of a block at least; the rows of a run are shared evenly.
    """

    # what errors are over, and what chance is, in words
    kind: ClassVar[str] = "blocks of time"
    how: ClassVar[str] = "responses turned in time"

    runs: tuple[int, ...]
    length: int

    @classmethod
    def of(cls, runs: tuple[int, ...], shortest: int) -> Self:
        """Cut runs into blocks that are as long as an error allows, three times as long at most.

        Neighbouring rows are alike, so that of more and shorter blocks, errors would be too small.
        """
        for length in range(3 * shortest, shortest, -1):
            if (found := cls(runs, length)).starts.size >= LEAST_STIMULI:
                return found
        return cls(runs, shortest)

    @property
    def starts(self) -> IndexArray:
        """First row of each block."""
        found, start = [], 0
        for rows in self.runs:
            pieces = max(1, rows // self.length)
            found.append(start + np.arange(pieces) * rows // pieces)
            start += rows
        return np.concatenate(found)

    @property
    def counted(self) -> dict[str, int]:
        """How many blocks there are, by a name; runs are counted elsewhere."""
        return {"block": len(self.starts)}

    def without(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return Pearson's r without each block, (block, column), of columns made by `unit`."""
        starts = self.starts
        rows = np.diff(starts, append=sum(self.runs))
        left = np.maximum(sum(self.runs) - rows[:, np.newaxis], 1)  # of one block nothing is left

        def sums(values: FloatArray) -> FloatArray:
            found: FloatArray = values.sum(axis=0) - np.add.reduceat(values, starts, axis=0)
            return found

        one, other = sums(first), sums(second)
        products = sums(first * second) - one * other / left
        norms = (sums(first**2) - one**2 / left) * (sums(second**2) - other**2 / left)
        defined = norms > _ROUNDING**2
        return np.where(defined, products / np.sqrt(np.where(defined, norms, 1.0)), 0.0)

    def rearranged(self, first: FloatArray, second: FloatArray) -> list[FloatArray]:
        """Return what each run adds to the sum of r, the second side turned by 0, 1, … rows.

        The end of a run follows its start, so that all of it keeps its order but for one seam.

        Returns
        -------
        list of float64 array (shift,)
            One a run.
        """
        found, start = [], 0
        for rows in self.runs:
            here = slice(start, start + rows)
            start += rows
            spectra = np.fft.rfft(first[here], axis=0).conj() * np.fft.rfft(second[here], axis=0)
            found.append(np.fft.irfft(spectra.sum(axis=1), rows))
        return found

    def by_chance(self, tables: list[FloatArray], number: int, seed: int) -> FloatArray:
        """Return the score of runs that are turned, each by another number of rows.

        A run is turned by a block at least: neighbouring rows are much alike.

        Parameters
        ----------
        tables : list of float64 array (shift,)
            From `rearranged`.
        number : int
            Of draws; where one run has fewer shifts, each of them is taken once.
        seed : int

        Returns
        -------
        float64 array (draw,)
        """
        allowed = [table[self.length : len(table) - self.length + 1] for table in tables]
        if not all(map(len, allowed)):
            return np.zeros(0)
        if len(allowed) == 1 and len(allowed[0]) <= number:
            return allowed[0]
        generator = np.random.default_rng([seed, *self.runs])
        return np.asarray(sum(generator.choice(one, number) for one in allowed))
