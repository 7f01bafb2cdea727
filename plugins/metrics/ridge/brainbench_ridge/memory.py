"""How much is done at a time, so that the arrays of the metric stay below a number of bytes.

Counted are the arrays that the metric makes; responses and libraries, which are there before it
starts, and the one layer that is being read come on top. So does what `Rivals.moved` takes once the
blocks of the fit are gone: with 13 layers of 165 stimuli 10 MB, and 18 MB a thread, however many
targets. A GPU has decompositions and blocks of targets in its own memory, within its own limit;
results stay in that of the CPU.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import ceil, floor
from typing import NoReturn

from brainbench_audio.errors import DataError

from .fit import BLOCK
from .search import EDGES, FIRST_STEPS, PENALTIES

# Targets times layers from which on a GPU is faster, its start included: 338,000 of 165 stimuli
# took 16 cores 8 s.
LARGE = 100_000

_DOUBLE = 8
_SMALLEST_BLOCK = 16
# Targets treated together on a GPU: larger products make it no faster.
_DEVICE_BLOCK = 32_768
# Arrays of one number a fold and target, and of one a stimulus and target of a block.
_FOLD_ARRAYS, _STIMULUS_ARRAYS = 20, 15
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
    device : int or None
        Bytes of a GPU's memory, if one computes.
    regressions : int
        How many are made one after the other, and have their results kept.
    held : int
        Layers whose inner training parts and weights are in memory together.
    kept : int
        Bytes of what else is kept.
    """

    stimuli: int
    targets: int
    layers: int
    folds: int
    limit: int | None = None
    device: int | None = None
    regressions: int = 1
    held: int = 1
    kept: int = 0

    @property
    def results(self) -> int:
        """Bytes of what is kept, most of it for every target."""
        # predictions, correlations without each stimulus, their squares, and the responses as they
        # are given and once more while they are labelled; of layers also three inner scores and
        # penalties a fold
        per_target = 5 * self.stimuli + 2 * self.layers + _FOLD_ARRAYS * self.folds
        per_target += 6 * self.layers * self.folds
        return _DOUBLE * per_target * self.targets * self.regressions + self.kept

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
        group = self.folds
        while True:
            block = min(self._fitting(group), self._largest)
            if block >= _SMALLEST_BLOCK:
                return block, group
            if group == 1:
                self._refuse()
            group = -(-group // 2)

    @property
    def _largest(self) -> int:
        return BLOCK if self.device is None else _DEVICE_BLOCK

    def _fitting(self, group: int) -> int:
        """Return how many targets of a block fit, with so many outer folds at a time."""
        return min(
            (
                int(limit - fixed) // per_target
                for limit, fixed, per_target in self._needs(group)
                if limit is not None
            ),
            default=self._largest,
        )

    def _needs(self, group: int) -> list[tuple[int | None, int, int]]:
        """Return limit, fixed bytes and bytes for each target of a block, of each memory."""
        workers = os.cpu_count() or 1
        parts = self._decomposed(group)
        working = _DOUBLE * _SQUARES * (self.stimuli + 1) ** 2 * workers
        block = _DOUBLE * self._rows(group)
        if self.device is None:
            return [(self.limit, self.results + parts + working, block * workers)]
        # what is on the way to the device and back
        moved = 2 * _DOUBLE * self.stimuli
        # the next layer is decomposed meanwhile
        parts += _DOUBLE * self._pairs(group) * self._part
        return [(self.limit, self.results + working, moved), (self.device, parts, block)]

    def _refuse(self) -> NoReturn:
        limit, least = next(
            (limit, least)
            for limit, fixed, per_target in self._needs(1)
            if limit is not None and (least := fixed + _SMALLEST_BLOCK * per_target) > limit
        )
        whose = "max_memory" if limit == self.limit else "half of the GPU's free memory"
        # rounded so that what is asked for is enough
        needed, given = ceil(least / 1e6), floor(limit / 1e6)
        raise DataError(
            f"{self.targets} targets take {needed} MB at least, and {whose} is {given} MB: allow "
            f"that much, or take fewer than {self.folds} folds of the {self.stimuli} stimuli."
        )

    def _rows(self, group: int) -> int:
        """Numbers for each target of a block."""
        return (
            self._pairs(group) * (self.stimuli + 1)  # rotated responses
            + 2 * len(PENALTIES) * (self._test + 1)  # inner predictions
            + 3 * group * len(PENALTIES)  # sums over them
            + _STIMULUS_ARRAYS * self.stimuli  # responses in pieces
        )

    def _decomposed(self, group: int) -> int:
        """Bytes of training parts, and of the weights of the penalties tried first."""
        side = self.stimuli + 1
        tried = len(PENALTIES) + len(EDGES) * FIRST_STEPS
        weights = group * (self.folds - 1) * tried * (self._test + 1) * side
        # those without one fold are kept for all layers
        parts = (self.layers * self.folds + self.held * self._pairs(group)) * self._part
        return _DOUBLE * (parts + self.held * weights)

    @property
    def _part(self) -> int:
        """Numbers of a training part."""
        side = self.stimuli + 1
        return side * (side + 2 * self._test)

    def _pairs(self, group: int) -> int:
        """Pairs of folds of which one is in a group."""
        return group * (self.folds - group) + group * (group - 1) // 2

    @property
    def _test(self) -> int:
        return -(-self.stimuli // self.folds)
