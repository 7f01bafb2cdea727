"""How much is done at a time, so that the arrays of the metric stay below a number of bytes.

Counted are the arrays that the metric makes; responses and libraries, which are there before it
starts, and the one layer that is being read come on top.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from brainbench_audio.errors import DataError

from .search import EDGES, FIRST_STEPS, PENALTIES
from .solver import BLOCK

_DOUBLE = 8
_SMALLEST_BLOCK = 16
# Arrays of one number a fold and target, and of one a stimulus and target of a block.
_FOLD_ARRAYS, _STIMULUS_ARRAYS = 16, 12
# square matrices of stimuli that a thread needs to decompose one training part
_SQUARES = 6


@dataclass(frozen=True)
class Memory:
    """What a problem of some size takes.

    Attributes
    ----------
    stimuli, targets, layers, folds : int
    limit : int or None
        Bytes; None: what is fastest.
    """

    stimuli: int
    targets: int
    layers: int
    folds: int
    limit: int | None = None

    @property
    def results(self) -> int:
        """Bytes of what is kept for every target."""
        # predictions, correlations without each stimulus, their squares, and the responses as they
        # are given and once more while they are labelled
        per_target = 5 * self.stimuli + 2 * self.layers + _FOLD_ARRAYS * self.folds
        return _DOUBLE * per_target * self.targets

    def block(self) -> int:
        """Return how many targets a thread treats together.

        Raises
        ------
        DataError
            The limit is too low for the smallest block.
        """
        return self.share()[0]

    def fits(self) -> bool:
        """Return whether the limit is enough for the smallest block and one outer fold."""
        try:
            self.share()
        except DataError:
            return False
        return True

    def share(self) -> tuple[int, int]:
        """Return how many targets a thread, and how many outer folds all, treat together.

        Fewer outer folds at a time cost time: what two of them share is then made twice.

        Raises
        ------
        DataError
            The limit is too low for the smallest block and one outer fold.
        """
        if self.limit is None:
            return BLOCK, self.folds
        group = self.folds
        while True:
            per_target = _DOUBLE * self._rows(group) * (os.cpu_count() or 1)
            fixed = self.results + self._decomposed(group)
            block = (self.limit - fixed) // per_target
            if block >= _SMALLEST_BLOCK:
                return min(block, BLOCK), group
            if group == 1:
                least = fixed + _SMALLEST_BLOCK * per_target
                raise DataError(
                    f"{self.targets} targets take {least / 1e6:.0f} MB at least, and max_memory is "
                    f"{self.limit / 1e6:.0f} MB: allow that much, or take fewer than {self.folds} "
                    f"folds of the {self.stimuli} stimuli."
                )
            group = -(-group // 2)

    def _rows(self, group: int) -> int:
        """Numbers for each target of a block."""
        return (
            self._pairs(group) * (self.stimuli + 1)  # rotated responses
            + 2 * len(PENALTIES) * (self._test + 1)  # inner predictions
            + 3 * group * len(PENALTIES)  # sums over them
            + _STIMULUS_ARRAYS * self.stimuli  # responses in pieces
        )

    def _decomposed(self, group: int) -> int:
        """Bytes of a layer's training parts, and of the weights of the penalties tried first."""
        side = self.stimuli + 1
        part = side * (side + 2 * self._test)
        tried = len(PENALTIES) + len(EDGES) * FIRST_STEPS
        weights = group * (self.folds - 1) * tried * (self._test + 1) * side
        working = _SQUARES * side * side * (os.cpu_count() or 1)
        # those without one fold are kept for all layers
        parts = (self.layers * self.folds + self._pairs(group)) * part
        return _DOUBLE * (parts + weights + working)

    def _pairs(self, group: int) -> int:
        """Pairs of folds of which one is in a group."""
        return group * (self.folds - group) + group * (group - 1) // 2

    @property
    def _test(self) -> int:
        return -(-self.stimuli // self.folds)
