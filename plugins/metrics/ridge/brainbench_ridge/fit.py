"""Fits layer after layer to all targets, and keeps the best for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from threading import local
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.arrays import Arrays, on_host

from .best import Best, Choice
from .influence import LeftOut
from .inner_scores import RotatedBlock, Scratch
from .partition import FloatArray, IndexArray, Partition
from .responses import Responses, pooled_r2
from .search import BESIDE, EDGES, FIRST_STEPS, PenaltySearch, next_penalties
from .training_part import TrainingPart

# Targets treated together: their inner predictions for all penalties fit a core's cache.
BLOCK = 512
# So few targets at an edge are better treated together with those of other blocks.
_FEW = 64
_Where = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Walk:
    """Where (fold, target) penalties are beyond an edge of the grid, or wait to go there."""

    going: _Where
    waiting: _Where


class Fit:
    """Fits layer after layer, blocks of targets in parallel."""

    def __init__(
        self,
        targets: npt.NDArray[Any],
        partition: Partition,
        best: Best,
        parallel: Callable[..., Iterable[object]],
        *,
        block: int,
        leaders: IndexArray | None,
        apart: int,
        rivals: bool,
        arrays: Arrays,
    ) -> None:
        self._leaders = leaders
        self._targets = targets
        self._partition = partition
        self._best = best
        self._parallel = parallel
        self._arrays = arrays
        self._block = block
        self._apart = apart or targets.shape[1]
        bounds = (0, self._apart, targets.shape[1])
        self._blocks = [
            slice(at, min(at + block, end))
            for start, end in pairwise(bounds)
            for at in range(start, end, block)
        ]
        self._local = local()
        # outer training parts of layers chosen so far; of all layers where there are rivals
        self.parts: dict[int, list[TrainingPart]] = {}
        # inner scores and penalties to choose from, three a layer, (2, 3, layer, fold, target)
        shape = (2, 1 + len(BESIDE), len(best.stuck), partition.folds, self._apart)
        self.rivals: FloatArray | None = np.empty(shape) if rivals else None
        self.correlations = np.zeros(targets.shape[1])
        self.left_out = np.zeros(targets.shape)

    def add_layer(self, number: int, search: PenaltySearch, groups: Sequence[range]) -> None:
        """Fit one layer, some outer folds at a time, and keep it where it is the best so far."""
        wins = np.zeros(search.penalty.shape, dtype=bool)
        for outer_folds in groups:
            search.hold(frozenset(outer_folds))
            self._choose(search, outer_folds, wins)
        self._best.stuck[number] = search.stuck.sum(axis=0)
        if self._leaders is not None:
            wins = wins[:, self._leaders]
        if self.rivals is not None:
            self.rivals[:, :, number] = search.options(slice(0, self._apart))
        self._keep(number, search, wins)

    def add_chosen(self, number: int, search: PenaltySearch, chosen: Choice) -> None:
        """Fit one layer with penalties that were chosen elsewhere, all targets alike."""
        search.penalty[:] = chosen.penalty[number][:, np.newaxis]
        here = chosen.layer == number
        self._keep(number, search, np.tile(here[:, np.newaxis], search.penalty.shape[1]))

    def _keep(self, number: int, search: PenaltySearch, wins: _Where) -> None:
        """Predict from a layer with the penalties that were found, and keep it where it wins."""
        np.copyto(self._best.layer, number, where=wins)
        np.copyto(self._best.penalty, search.penalty, where=wins)
        outer = [search.layer.outer(fold) for fold in range(self._partition.folds)]
        chosen = set(np.unique(self._best.layer).tolist())
        if self.rivals is not None:
            chosen.update(range(number + 1))
        self.parts = {
            place: parts
            for place, parts in (*self.parts.items(), (number, outer))
            if place in chosen
        }
        self._for_blocks(lambda block: self._predict(block, number, search, wins[:, block]))

    def finish(self) -> None:
        """Score the predictions, and bring them into the order and range of the responses."""

        def finish(block: slice) -> None:
            responses = self._responses(block)
            predictions = self._best.predictions[:, block]
            placed = self._arrays.put(predictions)
            self._best.r2[block] = on_host(pooled_r2(placed, responses))
            if block.start < self._apart:
                self._leave_out(block, placed, responses)
            predictions[self._partition.order] = predictions + on_host(responses.mean)

        self._for_blocks(finish)

    def _leave_out(self, block: slice, predictions: FloatArray, responses: Responses) -> None:
        """Fill in `NestedRidge.left_out` for some targets."""
        sums = LeftOut(predictions, responses)
        for fold, chosen in enumerate(self._best.layer[:, block]):
            for layer in np.unique(chosen).tolist():
                targets = np.flatnonzero(chosen == layer)
                penalty = self._best.penalty[fold, block][targets]
                sums.refit(fold, self.parts[layer][fold], targets, penalty)
        whole, without = map(on_host, sums.correlations())
        self.correlations[block] = whole
        self.left_out[self._partition.order, block] = without

    def _choose(self, search: PenaltySearch, outer_folds: range, wins: _Where) -> None:
        """Choose penalties within some outer folds."""
        walks = {edge: _Walk(np.zeros_like(wins), np.zeros_like(wins)) for edge in EDGES}
        self._for_blocks(lambda block: self._search(block, outer_folds, search, wins, walks))
        for edge in EDGES:
            self._go_on(edge, search, walks[edge])
        suspects = search.suspects(outer_folds)
        suspects[:, self._apart :] = False
        self._for_places(search, suspects, search.check)

    def _search(
        self,
        block: slice,
        folds: range,
        search: PenaltySearch,
        wins: _Where,
        walks: dict[int, _Walk],
    ) -> None:
        """Choose from the grid, and take the first steps beyond its edges."""
        rotated = RotatedBlock(search.layer, self._responses(block), folds, self._scratch)
        search.try_grid(block, rotated)
        rows = slice(folds.start, folds.stop)
        wins[rows, block] = self._best.challenge(search, rows, block)
        # With one penalty, targets try to double it once they have tried to halve it.
        few = _FEW if len(search.penalties) > 1 else 0
        for edge in EDGES:
            at_edge = search.at_edge(edge, block)
            alone = self._best.layer_r2 is None and self._leaders is None
            if alone or block.start >= self._apart:
                # Without a profile, the winners are all that matters.
                at_edge &= wins[:, block]
            for outer in folds:
                places = np.flatnonzero(at_edge[outer])
                targets = places + block.start
                if targets.size > few and search.first[edge]:
                    tried = search.first[edge]
                    survivors = search.try_beyond(outer, targets, tried, rotated, places)
                    walks[edge].going[outer, survivors] = True
                else:
                    walks[edge].waiting[outer, targets] = True

    def _go_on(self, edge: int, search: PenaltySearch, walk: _Walk) -> None:
        """Go on halving (edge 0) or doubling (edge -1) penalties as long as that helps."""
        if tried := search.first[edge]:
            self._step(tried, search, walk.waiting)
            walk.going[walk.waiting] = True
        # The few that are left are likely to go far, so each time twice as many are tried.
        count = 2 * FIRST_STEPS
        while walk.going.any() and (tried := next_penalties(tried[-1], edge, count)):
            self._step(tried, search, walk.going)
            count *= 2

    def _step(self, tried: tuple[float, ...], search: PenaltySearch, walking: _Where) -> None:
        """Try some penalties on the targets that are walking, and stop those that stop rising."""

        def step(outer: int, targets: IndexArray, block: RotatedBlock, places: IndexArray) -> None:
            survivors = search.try_beyond(outer, targets, tried, block, places)
            walking[outer, targets] = False
            walking[outer, survivors] = True

        self._for_places(search, walking, step)

    def _for_places(
        self,
        search: PenaltySearch,
        where: _Where,
        function: Callable[[int, IndexArray, RotatedBlock, IndexArray], None],
    ) -> None:
        """Call a function for each outer fold and the targets that are marked, (fold, target)."""

        def call(task: tuple[int, IndexArray]) -> None:
            outer, targets = task
            block = RotatedBlock(search.layer, self._responses(targets), [outer], self._scratch)
            function(outer, targets, block, np.arange(targets.size))

        tasks = []
        for outer, row in enumerate(where):
            targets = np.flatnonzero(row)
            pieces = range(0, targets.size, self._block)
            tasks += [(outer, targets[place : place + self._block]) for place in pieces]
        list(self._parallel(call, tasks))  # raises what went wrong

    def _predict(self, block: slice, number: int, search: PenaltySearch, wins: _Where) -> None:
        """Predict each outer fold with the penalty chosen, and keep what wins."""
        responses = self._responses(block)
        alone = self._arrays.empty(*responses.centred.shape)
        for outer in range(self._partition.folds):
            test = self._partition.test(outer)
            training = self._partition.cut(responses.centred, outer)
            penalty = search.penalty[outer, block]
            part = search.layer.outer(outer)
            alone[test] = part.predict(outer, training, penalty)
            owed = part.squared_weights(outer, penalty)
            won = np.flatnonzero(wins[outer])
            # only what is kept is brought back from a device
            here = self._arrays.places(won)
            self._best.squared_weights[outer, block][won] = on_host(owed[here])
            self._best.predictions[test, block][:, won] = on_host(alone[test][:, here])
        if self._best.layer_r2 is not None and block.start < self._apart:
            self._best.layer_r2[number, block] = on_host(pooled_r2(alone, responses))

    def _responses(self, targets: slice | IndexArray) -> Responses:
        every = self._targets
        some = every[:, targets] if isinstance(targets, slice) else every.take(targets, axis=1)
        return Responses.measure(some, self._partition, self._arrays)

    def _for_blocks(self, function: Callable[[slice], None]) -> None:
        list(self._parallel(function, self._blocks))

    @property
    def _scratch(self) -> Scratch:
        if not hasattr(self._local, "scratch"):
            self._local.scratch = Scratch(self._arrays)
        scratch: Scratch = self._local.scratch
        return scratch
