"""Runs that are single sounds: errors and the test against chance are over them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from brainbench_audio.scores.chance import orders
from brainbench_audio.scores.influence import SOUNDS
from brainbench_audio.scores.score import MATCHED

from .correlation import Blocks
from .runs import FloatArray, IndexArray

# fewer of one length have no 19 other orders
_LEAST = 4


class Sounds(Blocks):
    """The rows that are predicted, a block for each sound."""

    kind: ClassVar[str] = SOUNDS
    how: ClassVar[str] = MATCHED

    @property
    def counted(self) -> dict[str, int]:
        """Nothing more than runs."""
        return {}

    def relearned(self, first: FloatArray, second: FloatArray, owed: FloatArray) -> FloatArray:
        """Return Pearson's r without each sound, in what is learned from, too, (sound, column).

        Parameters
        ----------
        first, second : float64 arrays (row, column)
            Predictions and responses.
        owed : float64 array (3, sound, column)
            From `relearning.owed`; squares of changes are left out, as they are small.
        """
        starts = self.starts
        count = len(first) - np.array(self.runs)[:, np.newaxis]

        def without(values: FloatArray) -> FloatArray:
            left: FloatArray = values.sum(axis=0) - np.add.reduceat(values, starts, axis=0)
            return left

        one, other = without(first) + owed[0], without(second)
        products = without(first * second) + owed[2] - one * other / count
        sizes = without(first**2) + 2 * owed[1] - one**2 / count
        norms = sizes * (without(second**2) - other**2 / count)
        defined = norms > 0
        return np.where(defined, products / np.sqrt(np.where(defined, norms, 1.0)), 0.0)

    def rearranged(self, first: FloatArray, second: FloatArray) -> list[FloatArray]:
        """Return what pairs of a sound's prediction and another one's responses add to r.

        Returns
        -------
        list of float64 array (sound, sound)
            One for each length of sounds.
        """
        return [
            sum(
                (first[starts + row] @ second[starts + row].T for row in range(rows)),
                np.zeros((len(starts), len(starts))),
            )
            for rows, starts in self._of_one_length()
        ]

    def by_chance(self, tables: list[FloatArray], number: int, seed: int) -> FloatArray:
        """Return the score of responses to sounds in random orders, (draw,).

        A sound gets the responses to another one of the same length. None where no four sounds
        are equally long.

        Parameters
        ----------
        tables : list of float64 array (sound, sound)
            From `rearranged`.
        number, seed : int
        """
        if max(map(len, tables)) < _LEAST:
            return np.zeros(0)
        scores = np.zeros(number)
        for table in tables:
            scores += table[np.arange(len(table)), orders(len(table), number, seed)].sum(axis=1)
        return scores

    def _of_one_length(self) -> Iterator[tuple[int, IndexArray]]:
        """Yield the lengths of sounds, and the first rows of those that are so long."""
        lengths = np.array(self.runs)
        starts = np.cumsum(lengths) - lengths
        for rows in dict.fromkeys(self.runs):
            yield rows, starts[lengths == rows]
