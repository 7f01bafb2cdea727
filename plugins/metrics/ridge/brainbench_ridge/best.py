"""The best layer of each outer fold: so far, of each target, and what it predicts; of all alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .partition import FloatArray, IndexArray, Partition
from .search import PenaltySearch


@dataclass(frozen=True)
class Choice:
    """Layers and penalties for all targets alike, see `choice.choose`.

    Attributes
    ----------
    layer : int array (fold,)
        Place of the layer.
    penalty : float64 array (layer, fold)
        Best penalty of each layer; that of ``layer`` counts.
    score : float64 array (layer, fold)
        Mean inner R² with that penalty.
    """

    layer: IndexArray
    penalty: FloatArray
    score: FloatArray


@dataclass(frozen=True)
class Best:
    """The best so far for each target; targets are the last dimension of every array.

    Attributes
    ----------
    r2, predictions, layer, penalty, squared_weights, stuck, layer_r2
        As in `NestedRidge`, but for predictions, which are demeaned and in the order of the
        partition until the end.
    grid_score : float64 array (fold, target)
        Inner score of the best layer and penalty of the grid.
    position : int array (fold, target)
        Place of that penalty in the grid.
    """

    r2: FloatArray
    predictions: FloatArray
    layer: IndexArray
    penalty: FloatArray
    squared_weights: FloatArray
    stuck: IndexArray
    layer_r2: FloatArray | None
    grid_score: FloatArray
    position: IndexArray

    @classmethod
    def empty(cls, layers: int, partition: Partition, targets: int, *, profile: bool) -> Best:
        shape = (partition.folds, targets)
        return cls(
            r2=np.zeros(targets),
            predictions=np.zeros((partition.stimuli, targets)),
            layer=np.zeros(shape, dtype=np.intp),
            penalty=np.zeros(shape),
            squared_weights=np.zeros(shape),
            stuck=np.zeros((layers, targets), dtype=np.intp),
            layer_r2=np.zeros((layers, targets)) if profile else None,
            # Below any score, so that the first layer counts even if it scores 0.
            grid_score=np.full(shape, -1.0),
            position=np.zeros(shape, dtype=np.intp),
        )

    def challenge(
        self, search: PenaltySearch, folds: slice, targets: slice
    ) -> npt.NDArray[np.bool_]:
        """Return where (fold, target) a further layer wins, and note its grid score there."""
        mine, other = self.grid_score[folds, targets], search.grid_score[folds, targets]
        my_place, place = self.position[folds, targets], search.position[folds, targets]
        wins: npt.NDArray[np.bool_] = (other > mine) | ((other == mine) & (place < my_place))
        np.copyto(mine, other, where=wins)
        np.copyto(my_place, place, where=wins)
        return wins
