"""Nested cross-validated ridge regression of many targets on several layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from threading import local
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import ContractError

from .best import Best
from .checks import checked_features, checked_leaders, checked_penalties, checked_targets
from .decomposition import DecomposedLayer
from .influence import LeftOut
from .nested import NestedRidge
from .pairs import Pairs
from .partition import FloatArray, IndexArray, Partition
from .responses import Responses, pooled_r2
from .search import (
    EDGES,
    FIRST_STEPS,
    PENALTIES,
    PenaltySearch,
    RotatedBlock,
    Scratch,
    next_penalties,
)
from .threads import single_threaded_products
from .training_part import TrainingPart

# Targets treated together: their inner predictions for all penalties fit a core's cache.
BLOCK = 512
# So few targets at an edge are better treated together with those of other blocks.
_FEW = 64

_Where = npt.NDArray[np.bool_]


def nested_ridge(
    layers: Mapping[str, npt.NDArray[Any]],
    targets: npt.NDArray[Any],
    folds: npt.ArrayLike,
    *,
    penalties: tuple[float, ...] = PENALTIES,
    zscore: bool = False,
    unit: bool = False,
    profile: bool = True,
    leaders: npt.ArrayLike | None = None,
    progress: Callable[[int], object] | None = None,
    block: int | None = None,
    group: int | None = None,
    apart: int = 0,
) -> NestedRidge:
    r"""Predict each target from the layer and with the penalty that suit it best.

    For each target and outer fold, layer and penalty are those with the highest squared correlation
    of responses and inner predictions (each of the other folds predicted from the rest of them,
    pooled). Weights minimise

    .. math:: \lVert y - \bar y - (X - \bar X) w \rVert^2 + \alpha \lVert w \rVert^2

    over the training part, whose means are :math:`\bar X, \bar y`. They are then learned anew on
    the whole outer training part, and the outer predictions are pooled. Correlations below zero,
    and those of constants, count as 0.

    Parameters
    ----------
    layers : mapping of str to float array (stimulus, feature)
        Each is taken once, and not kept.
    targets : float array (stimulus, target)
    folds : int array (stimulus,)
        At least three different values.
    penalties : tuple of float
        The grid, rising. A best penalty on its edge is halved or doubled while that helps.
    zscore : bool
        Also divide features by their standard deviation in each training part; those that are
        constant there are left out.
    unit : bool
        Also divide all features of a layer by one number in each training part, so that the mean
        squared norm of its demeaned rows is 1: then the unit of the features does not matter.
    profile : bool
        Whether to evaluate each layer alone, too.
    leaders : int array (target,), optional
        For each target the place of another one, or its own: it takes the layers that this one has
        chosen, but chooses its own penalties. By default each target leads itself.
    progress : callable, optional
        Called with 1 after each layer.
    block : int, optional
        Number of targets treated together; bounds the memory, results do not depend on it.
    group : int, optional
        Number of outer folds treated together, all by default; bounds the memory where there are
        many folds.
    apart : int
        So many of the first targets are in blocks of their own: what is found for them does not
        depend on the others, to the last digit. Of the others only ``r2`` and what it is made from
        are found; ``stuck``, ``left_out``, ``correlations`` and ``layer_r2`` are 0. By default
        there are no others.

    Returns
    -------
    NestedRidge

    Raises
    ------
    DataError
        If features or targets are not finite, or there are fewer than three folds.
    ContractError
        If the shapes do not agree, there is no layer or no target, or penalties do not rise.

    Notes
    -----
    Section 4.3 of Pepino et al., "Better audio representations are more brain-like". Ties and
    limits as in its released code: the lowest penalty first, then the first layer.

    Examples
    --------
    >>> import numpy as np
    >>> sounds = np.random.default_rng(0).standard_normal((60, 4))
    >>> targets = sounds[:, :1] + sounds[:, 1:2]
    >>> found = nested_ridge({"first": sounds[:, 2:], "second": sounds}, targets, np.arange(60) % 5)
    >>> found.layer[:, 0].tolist(), round(float(found.r2[0]), 3)
    ([1, 1, 1, 1, 1], 1.0)
    """
    partition = Partition.from_labels(folds)
    checked = checked_targets(targets, partition)
    grid = checked_penalties(penalties)
    if not layers:
        raise ContractError("no layers to predict from; the mapping of layers is empty")
    followed = None if leaders is None else checked_leaders(leaders, checked.shape[1])
    best = Best.empty(len(layers), partition, checked.shape[1], profile=profile)
    with single_threaded_products() as workers, ThreadPoolExecutor(workers) as pool:
        fit = _Fit(
            checked, partition, best, pool, block=block or BLOCK, leaders=followed, apart=apart
        )
        size = group or partition.folds
        starts = range(0, partition.folds, size)
        groups = [range(start, min(start + size, partition.folds)) for start in starts]
        for number, name in enumerate(layers):
            features = checked_features(name, layers[name], partition)
            layer = DecomposedLayer(
                features, partition, zscore=zscore, unit=unit, parallel=pool.map
            )
            del features
            fit.add_layer(number, PenaltySearch(layer, grid, checked.shape[1]), groups)
            if progress is not None:
                progress(1)
        fit.finish()
    chosen = best.r2, best.predictions, best.layer, best.penalty
    owed = best.squared_weights, fit.correlations, fit.left_out
    made_with = Pairs(partition, fit.parts, best.layer, best.penalty)
    return NestedRidge(*chosen, *owed, best.stuck, best.layer_r2, made_with)


@dataclass(frozen=True)
class _Walk:
    """Where (fold, target) penalties are beyond an edge of the grid, or wait to go there."""

    going: _Where
    waiting: _Where


class _Fit:
    """Fits layer after layer, blocks of targets in parallel."""

    def __init__(
        self,
        targets: npt.NDArray[Any],
        partition: Partition,
        best: Best,
        pool: ThreadPoolExecutor,
        *,
        block: int,
        leaders: IndexArray | None,
        apart: int,
    ) -> None:
        self._leaders = leaders
        self._targets = targets
        self._partition = partition
        self._best = best
        self._pool = pool
        self._block = block
        self._apart = apart or targets.shape[1]
        bounds = (0, self._apart, targets.shape[1])
        self._blocks = [
            slice(at, min(at + block, end))
            for start, end in pairwise(bounds)
            for at in range(start, end, block)
        ]
        self._local = local()
        # outer training parts of the layers that some target has chosen so far
        self.parts: dict[int, list[TrainingPart]] = {}
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
        np.copyto(self._best.layer, number, where=wins)
        np.copyto(self._best.penalty, search.penalty, where=wins)
        outer = [search.layer.outer(fold) for fold in range(self._partition.folds)]
        chosen = set(np.unique(self._best.layer).tolist())
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
            self._best.r2[block] = pooled_r2(predictions, responses)
            if block.start < self._apart:
                self._leave_out(block, predictions, responses)
            predictions[self._partition.order] = predictions + responses.mean

        self._for_blocks(finish)

    def _leave_out(self, block: slice, predictions: FloatArray, responses: Responses) -> None:
        """Fill in `NestedRidge.left_out` for some targets."""
        sums = LeftOut(predictions, responses)
        for fold, chosen in enumerate(self._best.layer[:, block]):
            for layer in np.unique(chosen).tolist():
                targets = np.flatnonzero(chosen == layer)
                penalty = self._best.penalty[fold, block][targets]
                sums.refit(fold, self.parts[layer][fold], targets, penalty)
        whole, without = sums.correlations()
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
        list(self._pool.map(call, tasks))  # raises what went wrong

    def _predict(self, block: slice, number: int, search: PenaltySearch, wins: _Where) -> None:
        """Predict each outer fold with the penalty chosen, and keep what wins."""
        responses = self._responses(block)
        alone = np.empty(responses.centred.shape)
        for outer in range(self._partition.folds):
            test = self._partition.test(outer)
            training = self._partition.cut(responses.centred, outer)
            penalty = search.penalty[outer, block]
            part = search.layer.outer(outer)
            alone[test] = part.predict(outer, training, penalty)
            np.copyto(
                self._best.squared_weights[outer, block],
                part.squared_weights(outer, penalty),
                where=wins[outer],
            )
            np.copyto(self._best.predictions[test, block], alone[test], where=wins[outer])
        if self._best.layer_r2 is not None and block.start < self._apart:
            self._best.layer_r2[number, block] = pooled_r2(alone, responses)

    def _responses(self, targets: slice | IndexArray) -> Responses:
        if isinstance(targets, slice):
            return Responses.measure(self._targets[:, targets], self._partition)
        return Responses.measure(self._targets.take(targets, axis=1), self._partition)

    def _for_blocks(self, function: Callable[[slice], None]) -> None:
        list(self._pool.map(function, self._blocks))

    @property
    def _scratch(self) -> Scratch:
        if not hasattr(self._local, "scratch"):
            self._local.scratch = Scratch()
        scratch: Scratch = self._local.scratch
        return scratch
