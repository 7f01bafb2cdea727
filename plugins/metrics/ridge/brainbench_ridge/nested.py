"""What nested ridge regression found."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .pairs import Pairs
from .partition import FloatArray
from .rivals import Rivals


@dataclass(frozen=True)
class NestedRidge:
    """What `nested_ridge` found.

    Attributes
    ----------
    r2 : float64 array (target,)
        Squared correlation of the pooled outer predictions and the responses.
    predictions : float64 array (stimulus, target)
        Each stimulus predicted from the folds it is not in.
    layer : int array (fold, target)
        Layer chosen in each outer fold, its place in the mapping.
    penalty : float64 array (fold, target)
        Penalty chosen with it.
    squared_weights : float64 array (fold, target)
        Sum of the squares of what training responses are multiplied by in the predictions.
    correlations : float64 array (target,)
        Whose square, or 0 where it is negative, is ``r2``.
    left_out : float64 array (stimulus, target)
        ``correlations`` without each stimulus, see `LeftOut`.
    stuck : int array (layer, target)
        In how many outer folds the search ended far from the best penalty, see
        `PenaltySearch.stuck`; without ``profile`` only where it was sought.
    layer_r2 : float64 array (layer, target) or None
        ``r2`` of each layer as if it were the only one.
    pairs : Pairs
        What the predictions were made with.
    rivals : Rivals or None
        What they could have been made with, where it is kept.
    """

    r2: FloatArray
    predictions: FloatArray
    layer: npt.NDArray[np.intp]
    penalty: FloatArray
    squared_weights: FloatArray
    correlations: FloatArray
    left_out: FloatArray
    stuck: npt.NDArray[np.intp]
    layer_r2: FloatArray | None
    pairs: Pairs
    rivals: Rivals | None

    def first(self, targets: int) -> NestedRidge:
        """Return what was found for the first of the targets."""
        return NestedRidge(
            self.r2[:targets],
            self.predictions[:, :targets],
            self.layer[:, :targets],
            self.penalty[:, :targets],
            self.squared_weights[:, :targets],
            self.correlations[:targets],
            self.left_out[:, :targets],
            self.stuck[:, :targets],
            None if self.layer_r2 is None else self.layer_r2[:, :targets],
            replace(
                self.pairs,
                layer=self.pairs.layer[:, :targets],
                penalty=self.pairs.penalty[:, :targets],
            ),
            None if self.rivals is None else self.rivals.first(targets),
        )
