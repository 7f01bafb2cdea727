"""Two feature spaces at once: banded ridge regression, with a penalty for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import local
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.arrays import HOST, Arrays, on_host

from .checks import checked_features
from .decomposition import DecomposedLayer, signal
from .fit import BLOCK
from .influence import LeftOut
from .inner_scores import RotatedBlock, Scratch
from .partition import FloatArray, IndexArray, Partition
from .responses import Responses, pooled_r2
from .search import EDGES, FIRST_STEPS, PENALTIES, PenaltySearch, next_penalties
from .threads import single_threaded_products

# Share of the first space in the mean diagonal of the common kernel; the penalties of the two are
# as 1 / share to 1 / (1 - share), so that 0 and 1 leave one of them out.
SHARES = (0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0)

_Where = npt.NDArray[np.bool_]
_Sums = tuple[slice, LeftOut]


class Reduced(Mapping[str, FloatArray]):
    """Layers in as many coordinates as there are stimuli, each read once and kept."""

    def __init__(self, layers: Mapping[str, npt.NDArray[Any]], partition: Partition) -> None:
        self._layers = layers
        self._partition = partition
        self._kept: dict[str, FloatArray] = {}

    def __getitem__(self, name: str) -> FloatArray:
        if name not in self._kept:
            features = checked_features(name, self._layers[name], self._partition)
            self._kept[name] = _unit(signal(features))
        return self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    @property
    def bytes(self) -> int:
        """Bytes of what will be kept, at most."""
        return 8 * len(self) * self._partition.stimuli**2


class Bands(Mapping[str, FloatArray]):
    """Two layers of mean squared norm 1 side by side, once for each of `SHARES`."""

    def __init__(self, first: FloatArray, second: FloatArray) -> None:
        self._bands = first, second

    def __getitem__(self, share: str) -> FloatArray:
        first, second = self._bands
        weighted = (np.sqrt(float(share)) * first, np.sqrt(1 - float(share)) * second)
        return np.hstack([band for band in weighted if band.any()] or [first])

    def __iter__(self) -> Iterator[str]:
        return map(str, SHARES)

    def __len__(self) -> int:
        return len(SHARES)


@dataclass(frozen=True)
class BandedRidge:
    """What `banded_ridge` found; dimensions as in `NestedRidge`.

    Attributes
    ----------
    r2 : float64 array (target,)
    predictions : float64 array (stimulus, target)
    share : float64 array (fold, target)
        That of the first space in the kernel, see `SHARES`.
    penalty : float64 array (fold, target)
    left_out : float64 array (stimulus, target)
        Correlations without each stimulus, see `LeftOut`.
    """

    r2: FloatArray
    predictions: FloatArray
    share: FloatArray
    penalty: FloatArray
    left_out: FloatArray


def banded_ridge(
    first: Sequence[FloatArray],
    second: Sequence[FloatArray],
    targets: npt.NDArray[Any],
    folds: npt.ArrayLike,
    chosen: tuple[IndexArray, IndexArray],
    *,
    block: int | None = None,
    group: int | None = None,
    arrays: Arrays = HOST,
) -> BandedRidge:
    r"""Predict each target from a layer of one space and one of another, each with its penalty.

    .. math:: \lVert y - \bar y - A v - B w \rVert^2
              + \frac{\alpha}{s} \lVert v \rVert^2 + \frac{\alpha}{1 - s} \lVert w \rVert^2

    with A and B demeaned, of mean squared norm 1. Share s and penalty are chosen in each outer fold
    as layer and penalty are by `nested_ridge`, of equals the lower penalty and then the lower
    share; the training part's mean squared norm of both together is 1.

    Parameters
    ----------
    first, second : sequences of float64 array (stimulus, coordinate)
        Layers of the two spaces, as in `Reduced`.
    targets : float array (stimulus, target)
    folds : int array (stimulus,)
    chosen : two int arrays (fold, target)
        The layer of each space, its place in ``first`` and ``second``.
    block, group : int, optional
        Targets, and outer folds, treated together, see `nested_ridge`.
    arrays : Arrays
        Where products are made, see `nested_ridge`.

    Notes
    -----
    Nunez-Elizalde, Huth and Gallant 2019, NeuroImage 197; Dupré la Tour, Eickenberg,
    Nunez-Elizalde and Gallant 2022, NeuroImage 264, who search shares at random for each target.
    """
    partition = Partition.from_labels(folds)
    pairs, which = np.unique(chosen[0] * len(second) + chosen[1], return_inverse=True)
    which = which.reshape(chosen[0].shape)
    every = [(first[pair // len(second)], second[pair % len(second)]) for pair in pairs.tolist()]
    with single_threaded_products() as workers, ThreadPoolExecutor(workers) as pool:
        fit = _Fit(targets, partition, pool, block or BLOCK, arrays)
        size = group or partition.folds
        for number, layers in enumerate(every):
            for start in range(0, partition.folds, size):
                here = which == number
                here[:start] = here[start + size :] = False
                if here.any():
                    fit.choose(Bands(*layers), here)
        r2, sums = fit.finish()
        for number, layers in enumerate(every):
            fit.leave_out(Bands(*layers), which == number, sums)
    left_out = np.zeros(targets.shape)
    for some, of_block in sums:
        left_out[partition.order, some] = on_host(of_block.correlations()[1])
    shares = np.asarray(SHARES)[fit.place]
    return BandedRidge(r2, fit.predictions, shares, fit.penalty, left_out)


class _Fit:
    """Fits pair after pair of layers, each to the outer folds and targets that have chosen it."""

    def __init__(
        self,
        targets: npt.NDArray[Any],
        partition: Partition,
        pool: ThreadPoolExecutor,
        block: int,
        arrays: Arrays,
    ) -> None:
        self._arrays = arrays
        self._targets = targets
        self._partition = partition
        self._pool = pool
        self._block = block
        self._local = local()
        self.place = np.zeros((partition.folds, targets.shape[1]), dtype=np.intp)
        self.penalty = np.zeros(self.place.shape)
        self.predictions = np.zeros(targets.shape)

    def choose(self, bands: Bands, here: _Where) -> None:
        """Choose share and penalty where, (fold, target), a pair of layers is to be fitted."""
        columns = np.flatnonzero(here.any(axis=0))
        here = here[:, columns]
        folds = frozenset(np.flatnonzero(here.any(axis=1)).tolist())
        score, position = np.full(here.shape, -1.0), np.zeros(here.shape, dtype=np.intp)
        place = np.zeros(here.shape, dtype=np.intp)
        searches = []
        for number, features in enumerate(bands.values()):
            search = PenaltySearch(self._decomposed(features), PENALTIES, columns.size)
            search.hold(folds)
            self._for_places(here, partial(self._grid, search, columns))
            better = (search.grid_score > score) | (
                (search.grid_score == score) & (search.position < position)
            )
            np.copyto(place, number, where=better)
            np.copyto(score, search.grid_score, where=better)
            np.copyto(position, search.position, where=better)
            searches.append(search)
        for number, search in enumerate(searches):
            won = here & (place == number)
            self._for_places(won, partial(self._predict, search, columns))
            self.penalty[:, columns] = np.where(won, search.penalty, self.penalty[:, columns])
        self.place[:, columns] = np.where(here, place, self.place[:, columns])

    def finish(self) -> tuple[FloatArray, list[_Sums]]:
        """Return R² of the predictions and, for each block of targets, what is owed to stimuli."""
        r2 = np.zeros(self._targets.shape[1])
        sums: list[_Sums] = []
        for start in range(0, r2.size, self._block):
            some = slice(start, min(start + self._block, r2.size))
            responses = self._responses(some)
            pooled = self._arrays.put(self.predictions[self._partition.order, some])
            pooled = pooled - responses.mean
            r2[some] = on_host(pooled_r2(pooled, responses))
            sums.append((some, LeftOut(pooled, responses)))
        return r2, sums

    def leave_out(self, bands: Bands, here: _Where, sums: Sequence[_Sums]) -> None:
        """Add what stimuli change in the predictions from a pair of layers.

        Decomposed anew, as the parts of all pairs of layers together would take much memory.
        """
        for number, features in enumerate(bands.values()):
            won = here & (self.place == number)
            if not won.any():
                continue
            layer = self._decomposed(features)
            for fold in np.flatnonzero(won.any(axis=1)).tolist():
                for some, of_block in sums:
                    if (targets := np.flatnonzero(won[fold, some])).size:
                        penalty = self.penalty[fold, some][targets]
                        of_block.refit(fold, layer.outer(fold), targets, penalty)

    def _grid(
        self, search: PenaltySearch, columns: IndexArray, fold: int, places: IndexArray
    ) -> None:
        search.try_grid(places, self._rotated(search, columns[places], fold))

    def _predict(
        self, search: PenaltySearch, columns: IndexArray, fold: int, places: IndexArray
    ) -> None:
        """Go on beyond the edges of the grid, as far as that helps, and predict the outer fold."""
        for edge in EDGES:
            going = places[search.penalty[fold, places] == search.penalties[edge]]
            tried, count = search.first[edge], 2 * FIRST_STEPS
            while going.size and tried:
                block = self._rotated(search, columns[going], fold)
                going = search.try_beyond(fold, going, tried, block, np.arange(going.size))
                tried, count = next_penalties(tried[-1], edge, count), 2 * count
        targets = columns[places]
        responses = self._responses(targets)
        training = self._partition.cut(responses.centred, fold)
        predicted = search.layer.outer(fold).predict(fold, training, search.penalty[fold, places])
        rows = self._partition.order[self._partition.test(fold)]
        self.predictions[np.ix_(rows, targets)] = on_host(predicted + responses.mean)

    def _decomposed(self, features: FloatArray) -> DecomposedLayer:
        return DecomposedLayer(
            features,
            self._partition,
            zscore=False,
            unit=True,
            parallel=self._pool.map,
            arrays=self._arrays,
        )

    def _rotated(self, search: PenaltySearch, targets: IndexArray, fold: int) -> RotatedBlock:
        if not hasattr(self._local, "scratch"):
            self._local.scratch = Scratch(self._arrays)
        responses = self._responses(targets)
        return RotatedBlock(search.layer, responses, [fold], self._local.scratch)

    def _responses(self, targets: slice | IndexArray) -> Responses:
        return Responses.measure(self._targets[:, targets], self._partition, self._arrays)

    def _for_places(self, where: _Where, function: Callable[[int, IndexArray], None]) -> None:
        """Call a function for each outer fold and block of the targets that are marked."""
        tasks = [
            (fold, places[start : start + self._block])
            for fold, row in enumerate(where)
            for places in (np.flatnonzero(row),)
            for start in range(0, places.size, self._block)
        ]
        parallel = self._pool.map if self._arrays.on_host else map
        list(parallel(lambda task: function(*task), tasks))  # raises what went wrong


def _unit(coordinates: FloatArray) -> FloatArray:
    """Return demeaned features divided by one number, so that their mean squared norm is 1."""
    largest = float(np.abs(coordinates).max(initial=0.0))
    if largest == 0:
        return coordinates
    scaled = coordinates / largest  # squares of tiny numbers would be 0
    return np.asarray(scaled / np.sqrt(np.square(scaled).sum(axis=1).mean()))
