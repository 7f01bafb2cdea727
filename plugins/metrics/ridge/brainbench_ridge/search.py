"""Choice of a penalty for many targets at once: the grid, and the way past its edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from brainbench_audio.arrays import columns, on_host

from .decomposition import DecomposedLayer
from .inner_scores import PooledSums, RotatedBlock
from .partition import FloatArray, IndexArray

PENALTIES = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 50.0)
LOWEST_PENALTY = 1e-49
HIGHEST_PENALTY = 1e50

# Where inner scores differ by less over the whole grid, it may be far from the best penalty, and
# an inner score higher by as much shows that it is.
FLAT, GAIN = 0.01, 0.01

# The first and the last penalty of the grid, and how many are tried at first beyond them.
EDGES = (0, -1)
FIRST_STEPS = 3

# steps from the best penalty to those tried below and above it
BESIDE = (-1, 1)


class PenaltySearch:
    """Chooses a penalty for every outer fold and target, for one layer.

    Follows the code released with the paper: the first best penalty of the grid; while that is the
    lowest (highest) one tried, half (double) of it, as long as the score strictly rises and neither
    half nor double leaves [1e-49, 1e50].

    Attributes
    ----------
    layer : DecomposedLayer
    penalties : tuple of float
        The grid, rising.
    first : mapping of int to tuple of float
        The first penalties beyond each edge.
    grid_score : float64 array (fold, target)
        Inner score of the best penalty of the grid.
    position : int array (fold, target)
        Its place in the grid.
    score, penalty : float64 arrays (fold, target)
        The best inner score and its penalty, on the grid or beyond.
    beside : float64 array (2, 2, fold, target)
        Scores and penalties of those that were tried next below and above the best one; the score
        is -inf where there is none.
    flat : bool array (fold, target)
        Where all penalties of the grid score about the same, 0 for instance.
    stuck : bool array (fold, target)
        Where a penalty in the unit of the layer scores clearly better than the best found.
    """

    def __init__(self, layer: DecomposedLayer, penalties: tuple[float, ...], targets: int) -> None:
        self.layer = layer
        self.penalties = penalties
        shape = (layer.partition.folds, targets)
        self.grid_score = np.zeros(shape)
        self.position = np.zeros(shape, dtype=np.intp)
        self.score = np.zeros(shape)
        self.penalty = np.zeros(shape)
        self.beside = np.zeros((2, len(BESIDE), *shape))
        self.flat = np.zeros(shape, dtype=bool)
        self.stuck = np.zeros(shape, dtype=bool)
        self.first = {edge: next_penalties(penalties[edge], edge, FIRST_STEPS) for edge in EDGES}
        self._weights: dict[tuple[int, int, tuple[float, ...]], FloatArray] = {}

    def hold(self, outer_folds: frozenset[int]) -> None:
        """Get ready to choose for some outer folds, see `DecomposedLayer.hold`."""
        self._weights.clear()
        self.layer.hold(outer_folds)
        # What every block needs; what few targets need beyond is made when it is needed.
        every = self.penalties, *self.first.values()
        ends = list(accumulate(map(len, every), initial=0))
        for pair in self.layer.pairs:
            for outer, inner in (pair, pair[::-1]):
                if outer in outer_folds:
                    weights = self.layer.inner(outer, inner).weights(inner, sum(every, ()))
                    for tried, (start, end) in zip(every, pairwise(ends), strict=True):
                        self._weights[outer, inner, tried] = weights[start:end]

    def try_grid(self, targets: slice | IndexArray, block: RotatedBlock) -> None:
        """Choose from the grid for a block of targets and the outer folds that it is made for."""
        for outer, scores in self.grid_scores(block).items():
            self.start(outer, targets, scores)

    def grid_scores(self, block: RotatedBlock) -> dict[int, FloatArray]:
        """Return the inner scores, (penalty, target), of the grid in each outer fold of a block."""
        partition, arrays = self.layer.partition, block.responses.arrays
        count = len(block.responses.mean)
        pooled = {
            outer: PooledSums(len(self.penalties), count, arrays) for outer in block.outer_folds
        }
        for pair in self.layer.pairs:
            for outer, inner in (pair, pair[::-1]):
                if outer not in pooled:
                    continue
                pooled[outer].add(
                    self._weights[outer, inner, self.penalties],
                    block.rotated(outer, inner),
                    block.measured(inner),
                    block.scratch,
                )
        return {
            outer: sums.scores(*block.moments(outer), partition.training_size(outer))
            for outer, sums in pooled.items()
        }

    def start(self, outer: int, targets: slice | IndexArray, scores: FloatArray) -> None:
        """Choose from the grid, given its scores (penalty, target) in an outer fold."""
        scores = on_host(scores)
        best, position = scores.max(axis=0), scores.argmax(axis=0)
        self.grid_score[outer, targets] = self.score[outer, targets] = best
        self.position[outer, targets] = position
        self.beside[0, :, outer, targets] = -np.inf
        self._note_beside(outer, targets, np.asarray(self.penalties), scores, position)
        self.flat[outer, targets] = best - scores.min(axis=0) <= FLAT
        self.penalty[outer, targets] = np.asarray(self.penalties)[position]

    def options(self, targets: slice) -> tuple[FloatArray, FloatArray]:
        """Return inner scores and penalties to choose from: the best one and those beside it.

        Returns
        -------
        two float64 arrays (3, fold, target)
            Layers are compared by their scores on the grid, so that is the score of the best; of
            those beside it, less by what they score lower than the best.
        """
        scores, penalties = self.beside[..., targets]
        grid = self.grid_score[:, targets]
        beside = grid + (scores - self.score[:, targets])
        return np.stack([grid, *beside]), np.stack([self.penalty[:, targets], *penalties])

    def _note_beside(
        self,
        outer: int,
        targets: slice | IndexArray,
        tried: FloatArray,
        scores: FloatArray,
        place: IndexArray,
    ) -> None:
        """Keep what was tried next to the best place of each target.

        Parameters
        ----------
        outer : int
        targets : slice or int array (target,)
        tried : float64 array (penalty,)
            In the order in which they were tried, rising or falling.
        scores : float64 array (penalty, target)
        place : int array (target,)
            In that order. What came before the first place is known from before.
        """
        rising = tried[-1] >= tried[0]
        for step in BESIDE:
            there = place + step
            known = there < len(tried)
            there = np.where(known, there, place)
            found = np.take_along_axis(scores, np.maximum(there, 0)[np.newaxis], axis=0)[0]
            kept = self.beside[:, int((step > 0) == rising), outer]
            new = np.stack([np.where(known, found, -np.inf), tried[there]])
            kept[:, targets] = np.where(there < 0, kept[:, targets], new)

    def at_edge(self, edge: int, targets: slice) -> npt.NDArray[np.bool_]:
        """Return where (fold, target) the best penalty is the grid's first (0) or last (-1)."""
        # With one penalty, targets that halving has helped are no longer at the edge.
        found: npt.NDArray[np.bool_] = self.penalty[:, targets] == self.penalties[edge]
        return found

    def suspects(self, outer_folds: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Return where (fold, target) the search of some folds may have ended far from the best.

        It was left to an almost flat grid, or ended at its edge or at the last penalty of all.
        """
        ends = (*(self.penalties[edge] for edge in EDGES), LOWEST_PENALTY, HIGHEST_PENALTY)
        found = np.zeros(self.flat.shape, dtype=bool)
        folds = list(outer_folds)
        steps = np.log2(self.penalty[folds])
        at_end = np.any([abs(steps - np.log2(end)) < 1 for end in ends], axis=0)
        found[folds] = (self.flat[folds] | at_end) & (self.score[folds] < 1 - GAIN)
        return found

    def check(
        self, outer: int, targets: IndexArray, block: RotatedBlock, places: IndexArray
    ) -> None:
        """Note where the grid in the unit of the layer, as of `-ridge-scaled`, scores better.

        Arguments are those of `try_beyond`.
        """
        size = self.layer.outer(outer).size()
        if size > 0:
            tried = tuple(penalty * size for penalty in self.penalties)
            best = self.scores(outer, tried, block, places).max(axis=0)
            self.stuck[outer, targets] = best > self.score[outer, targets] + GAIN

    def try_beyond(
        self,
        outer: int,
        targets: IndexArray,
        tried: tuple[float, ...],
        block: RotatedBlock,
        places: IndexArray,
    ) -> IndexArray:
        """Go on from the best penalty of some targets as far as the score rises.

        Parameters
        ----------
        outer : int
        targets : int array (target,)
            All at the same penalty in this outer fold.
        tried : tuple of float
            The next penalties, in order.
        block : RotatedBlock
        places : int array (target,)
            Where in the block these targets are.

        Returns
        -------
        int array
            Targets whose score has risen up to the last penalty.
        """
        return self.go_on(outer, targets, tried, self.scores(outer, tried, block, places))

    def go_on(
        self, outer: int, targets: IndexArray, tried: tuple[float, ...], scores: FloatArray
    ) -> IndexArray:
        """Do the same, given the scores (penalty, target) of the penalties tried."""
        scores = np.concatenate([self.score[np.newaxis, outer, targets], scores])
        rises = np.diff(scores, axis=0) > 0
        steps = np.logical_and.accumulate(rises, axis=0).sum(axis=0)
        penalties = np.array([self.penalty[outer, targets[0]], *tried])
        self._note_beside(outer, targets, penalties, scores, steps)
        self.penalty[outer, targets] = penalties[steps]
        self.score[outer, targets] = np.take_along_axis(scores, steps[np.newaxis], axis=0)[0]
        survivors: IndexArray = targets[steps == len(tried)]
        return survivors

    def scores(
        self, outer: int, tried: tuple[float, ...], block: RotatedBlock, places: IndexArray
    ) -> FloatArray:
        """Return the inner scores, (penalty, target), of some targets in an outer fold."""
        partition, arrays = self.layer.partition, block.responses.arrays
        pooled, places = PooledSums(len(tried), places.size, arrays), arrays.places(places)
        for inner in partition.others(outer):
            weights = self._weights.get((outer, inner, tried))
            if weights is None:
                weights = self.layer.inner(outer, inner).weights(inner, tried)
            rotated = columns(block.rotated(outer, inner), places)
            pooled.add(weights, rotated, columns(block.measured(inner), places), block.scratch)
        mean, squares = (moment[places] for moment in block.moments(outer))
        return on_host(pooled.scores(mean, squares, partition.training_size(outer)))


def next_penalties(start: float, edge: int, count: int) -> tuple[float, ...]:
    """Return up to ``count`` penalties beyond the first (edge 0) or last (edge -1) one.

    >>> next_penalties(50.0, -1, 3)
    (100.0, 200.0, 400.0)
    """
    tried: list[float] = []
    while len(tried) < count and start / 2 >= LOWEST_PENALTY and start * 2 <= HIGHEST_PENALTY:
        start = start / 2 if edge == 0 else start * 2
        tried.append(start)
    return tuple(tried)
