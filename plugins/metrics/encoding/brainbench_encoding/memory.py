"""How many voxels are treated together, so that arrays of the metric stay below some bytes.

Counted are the arrays that the metric makes; responses, and the layer that is being read, come on
top.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

from brainbench_audio.errors import DataError

from .reduction import FEATURES, ROWS
from .timing import Timing

_DOUBLE, _SINGLE = 8, 4
# more voxels at a time save little, fewer cost: weights of held-out rows are made for each block
BLOCK = 10_000
_SMALLEST = 16
# of rows that are predicted, where nothing is known but sizes
_TESTED = 0.1


def needed(
    rows: int,
    columns: int,
    features: int,
    step: float,
    *,
    delays: tuple[int, ...] | None = None,
    components: int | None = None,
    **others: Any,
) -> int:
    """Return about how many bytes the metric takes, see `cards.MetricCard`."""
    del others  # they change little
    timing = Timing.of(step, delays, components)
    delayed = timing.delayed(features)
    size = Memory(
        rows=rows,
        tested=int(_TESTED * rows),
        presentations=1,
        features=delayed,
        reduced=timing.may_reduce(delayed),
        voxels=columns,
        layers=1,
        splits=1,
    )
    return size.whole(min(BLOCK, columns))


@dataclass(frozen=True)
class Memory:
    """What a problem of some size takes.

    Attributes
    ----------
    rows, tested : int
        Rows of all runs and of those that are predicted, repeated ones counted once.
    presentations : int
        Largest number of presentations of a run.
    features : int
        Delayed features of the largest layer.
    reduced : bool
        Whether they are of principal components.
    voxels, layers, splits : int
    fits : int
        Of a model, or of two and both together, whose results are kept.
    owing : int
        Single sounds of which it is kept what predictions owe to them, see `relearning.owed`.
    limit : int or None
        Bytes; None: what is fastest.
    """

    rows: int
    tested: int
    presentations: int
    features: int
    reduced: bool
    voxels: int
    layers: int
    splits: int
    fits: int = 1
    owing: int = 0
    limit: int | None = None

    def block(self) -> int:
        """Return how many voxels are treated together.

        Raises
        ------
        DataError
            The limit is too low for the smallest block.
        """
        if self.limit is None:
            return BLOCK
        block = int(self.limit - self._fixed) // self._per_voxel
        if block < _SMALLEST:
            # rounded so that what is asked for is enough
            least, given = ceil(self.whole(_SMALLEST) / 1e6), floor(self.limit / 1e6)
            raise DataError(
                f"{self.voxels} voxels, {self.rows} rows and {self.features} delayed features take "
                f"{least} MB at least, and max_memory is {given} MB: allow that much."
            )
        return min(block, BLOCK)

    def whole(self, block: int) -> int:
        """Return the bytes of all arrays, if so many voxels are treated together."""
        return self._fixed + block * self._per_voxel

    @property
    def _fixed(self) -> int:
        """Bytes of results, and of a layer and its decomposition."""
        results = (
            self.fits
            * self.voxels
            * (2 * _SINGLE * self.tested + _DOUBLE * (self.layers + 4 * self.splits + 8))
        )
        results += _DOUBLE * 3 * self.owing * self.voxels
        side = min(self.rows, self.features)
        # the layer delayed, its rows that are learned from, and their coordinates
        layer = self.rows * (2 * self.features + side) + 3 * side**2 + 3 * self.rows * side
        if self.reduced:
            # features that are standardised together, with what that takes; rows by rows
            layer = max(layer, 6 * self.rows * FEATURES + 3 * min(self.rows, ROWS) ** 2)
        return results + _DOUBLE * layer

    @property
    def _per_voxel(self) -> int:
        side = min(self.rows, self.features)
        learning = 3 * self.rows + 3 * side
        repeated = 8 * self.tested * self.presentations
        # without each sound: responses and predictions with their products, sums of each sound
        owing = 6 * self.tested + 12 * self.owing if self.owing else 0
        return _DOUBLE * max(learning, repeated, owing)
