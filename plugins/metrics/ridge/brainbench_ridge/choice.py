"""One layer and one penalty for all targets, chosen on the responses of another data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.arrays import HOST, Arrays, on_host

from .best import Choice
from .checks import checked_features, checked_targets
from .decomposition import DecomposedLayer, signal
from .fit import BLOCK
from .inner_scores import RotatedBlock, Scratch
from .partition import FloatArray, Partition
from .responses import Responses
from .search import EDGES, FIRST_STEPS, PENALTIES, PenaltySearch, next_penalties
from .threads import single_threaded_products

_Parallel = Callable[[Callable[[slice], None], list[slice]], Any]
# the mean over targets is searched for as if it were one target
_MEAN = np.zeros(1, dtype=np.intp)


def choose(
    layers: Mapping[str, npt.NDArray[Any]],
    targets: npt.NDArray[Any],
    folds: npt.ArrayLike,
    held_out: npt.NDArray[np.bool_],
    *,
    block: int | None = None,
    group: int | None = None,
    arrays: Arrays = HOST,
    progress: Callable[[int], object] | None = None,
) -> Choice:
    r"""Choose a layer and a penalty by the mean over targets of their inner scores.

    .. math:: (l, \alpha) = \arg\max \frac{1}{m} \sum_t R^2_t(l, \alpha)

    where :math:`R^2_t` is what `solver.nested_ridge` scores layers and penalties by, of features in
    the unit of `-ridge-scaled`: stimuli that are held out are in no part of it, each fold of the
    others is predicted from the rest of them, pooled. Of equals the lowest penalty, then the first
    layer; a best penalty on the edge of the grid is halved or doubled while the mean rises.

    Parameters
    ----------
    layers : mapping of str to float array (stimulus, feature)
        Each is taken once.
    targets : float array (stimulus, target)
    folds : int array (stimulus,)
    held_out : bool array (fold, stimulus)
        Stimuli that no outer fold of the data to be predicted may choose by, a row for each.
    block, group, arrays, progress
        See `nested_ridge`.

    Raises
    ------
    DataError
        If features or targets are not finite, or too few folds are left.
    ContractError
        If the shapes do not agree.
    """
    whole = Partition.without(folds, np.zeros(held_out.shape[1], dtype=bool))
    checked = checked_targets(targets, whole)
    different, which = np.unique(held_out, axis=0, return_inverse=True)
    shape = len(layers), len(different)
    grid, position, penalty, score = (np.zeros(shape) for _ in range(4))
    partitions = list(_partitions(np.asarray(folds), different))
    with single_threaded_products() as workers, ThreadPoolExecutor(workers) as pool:
        parallel = pool.map if arrays.on_host else map
        mean = _Mean(checked, block or BLOCK, parallel, arrays)
        for number, name in enumerate(layers):
            points = signal(checked_features(name, layers[name], whole))
            for partition, places in partitions:
                layer = DecomposedLayer(
                    points, partition, zscore=False, unit=True, parallel=pool.map, arrays=arrays
                )
                search = PenaltySearch(layer, PENALTIES, 1)
                size = group or len(places)
                for start in range(0, len(places), size):
                    mean.search(search, [*places][start : start + size])
                for fold, place in places.items():
                    grid[number, place] = search.grid_score[fold, 0]
                    position[number, place] = search.position[fold, 0]
                    penalty[number, place] = search.penalty[fold, 0]
                    score[number, place] = search.score[fold, 0]
            if progress is not None:
                progress(1)
    best = np.lexsort((position, -grid), axis=0)[0]
    which = which.ravel()
    return Choice(best[which], penalty[:, which], score[:, which])


def _partitions(
    folds: npt.NDArray[Any], held_out: npt.NDArray[np.bool_]
) -> Iterator[tuple[Partition, dict[int, int]]]:
    """Yield partitions, and the fold of each that is held out to the row that asks for it.

    Rows that are folds of the data themselves share one, and with it training parts.
    """
    own: dict[int, int] = {}
    for fold, value in enumerate(np.unique(folds).tolist()):
        for row in np.flatnonzero((held_out == (folds == value)).all(axis=1)).tolist():
            own[fold] = row
    if own:
        yield Partition.from_labels(folds), own
    for row, some in enumerate(held_out):
        if row not in own.values():
            yield Partition.without(folds, some), {0: row}


class _Mean:
    """Searches penalties for the mean over targets, blocks of these in parallel."""

    def __init__(
        self, targets: npt.NDArray[Any], block: int, parallel: _Parallel, arrays: Arrays
    ) -> None:
        self._targets = targets
        self._parallel = parallel
        self._arrays = arrays
        count = targets.shape[1]
        self._blocks = [slice(at, min(at + block, count)) for at in range(0, count, block)]
        self._local = local()

    def search(self, search: PenaltySearch, folds: list[int]) -> None:
        """Choose a penalty in each of some outer folds."""
        search.hold(frozenset(folds))
        kept = {fold: self._empty(search.penalties) for fold in folds}

        def grid(some: slice) -> None:
            for fold, scores in search.grid_scores(self._rotated(search, some, folds)).items():
                kept[fold][:, some] = on_host(scores)

        list(self._parallel(grid, self._blocks))  # raises what went wrong
        for fold, scores in kept.items():
            search.start(fold, _MEAN, scores.mean(axis=1, keepdims=True))
            for edge in EDGES:
                if search.penalty[fold, 0] == search.penalties[edge]:
                    self._beyond(edge, search, fold)

    def _beyond(self, edge: int, search: PenaltySearch, fold: int) -> None:
        """Go on halving or doubling as long as the mean rises."""
        going, tried, count = _MEAN, search.first[edge], 2 * FIRST_STEPS
        while going.size and tried:
            going = search.go_on(fold, going, tried, self._scored(search, fold, tried))
            tried, count = next_penalties(tried[-1], edge, count), 2 * count

    def _scored(self, search: PenaltySearch, fold: int, tried: tuple[float, ...]) -> FloatArray:
        """Return the mean inner scores, (penalty, 1), of some penalties."""
        kept = self._empty(tried)

        def step(some: slice) -> None:
            block = self._rotated(search, some, [fold])
            places = np.arange(some.stop - some.start)
            kept[:, some] = search.scores(fold, tried, block, places)

        list(self._parallel(step, self._blocks))
        return np.asarray(kept.mean(axis=1, keepdims=True))

    def _empty(self, penalties: tuple[float, ...]) -> FloatArray:
        return np.zeros((len(penalties), self._targets.shape[1]))

    def _rotated(self, search: PenaltySearch, some: slice, folds: list[int]) -> RotatedBlock:
        if not hasattr(self._local, "scratch"):
            self._local.scratch = Scratch(self._arrays)
        responses = Responses.measure(self._targets[:, some], search.layer.partition, self._arrays)
        return RotatedBlock(search.layer, responses, folds, self._local.scratch)
