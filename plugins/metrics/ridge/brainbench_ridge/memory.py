"""How much is done at a time, so that the arrays of the metric stay below a number of bytes.

Counted are the arrays that the metric makes; responses and libraries, which are there before it
starts, and the one layer that is being read come on top.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from brainbench_audio.errors import DataError

from .search import PENALTIES
from .solver import BLOCK

_DOUBLE = 8
_SMALLEST_BLOCK = 16
# Arrays of one number a fold and target, and of one a draw and target, that exist at a time.
_FOLD_ARRAYS, _DRAW_ARRAYS, _STIMULUS_ARRAYS = 16, 12, 8
_DRAWS_BYTES = 256 * 2**20


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
        # predictions, and the responses as they are given and once more while they are labelled
        per_target = 3 * self.stimuli + 2 * self.layers + _FOLD_ARRAYS * self.folds
        return _DOUBLE * per_target * self.targets

    def block(self) -> int:
        """Return how many targets a thread treats together.

        Raises
        ------
        DataError
            The limit is too low for the smallest block.
        """
        if self.limit is None:
            return BLOCK
        pairs = self.folds * (self.folds - 1) // 2
        test = -(-self.stimuli // self.folds)
        rows = (
            pairs * (self.stimuli + 1)  # rotated responses
            + 2 * len(PENALTIES) * (test + 1)  # inner predictions
            + 3 * self.folds * len(PENALTIES)  # sums over them
            + _STIMULUS_ARRAYS * self.stimuli  # responses in pieces
        )
        per_target = _DOUBLE * rows * (os.cpu_count() or 1)
        block = (self.limit - self.results) // per_target
        if block < _SMALLEST_BLOCK:
            least = self.results + _SMALLEST_BLOCK * per_target
            raise DataError(
                f"{self.targets} targets take {least / 1e6:.0f} MB at least, and max_memory is "
                f"{self.limit / 1e6:.0f} MB: allow that much."
            )
        return min(block, BLOCK)

    def draws(self, targets: int) -> int:
        """Return how many draws of the bootstrap are made at a time for some of the targets."""
        free = _DRAWS_BYTES if self.limit is None else self.limit - self.results
        free -= _DOUBLE * _STIMULUS_ARRAYS * self.stimuli * targets
        return max(1, free // (_DOUBLE * _DRAW_ARRAYS * targets))
