"""Does the search for penalties depend on the unit of the features? Then it is said.

Penalties of the paper's grid, 0.01 to 50, are in the unit of squared features. Where these are far
smaller or larger, inner scores are 0, or the same, for all of the grid, and the search ends where
it starts: the score says more of the unit than of the features.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .nested import NestedRidge

_log = logging.getLogger(__name__)

# Outer folds in which the search for a target ended far from the best penalty, of all: chance
# alone leads a fold astray now and then.
SHARE = 0.4
_SHOWN = 5


def stuck(fit: NestedRidge) -> npt.NDArray[np.bool_]:
    """Return where, (layer, target), the search ended far from the best penalty."""
    often: npt.NDArray[np.bool_] = fit.stuck >= SHARE * len(fit.penalty)
    return often


def warn_if_stuck(fit: NestedRidge, names: Sequence[str], dimension: str) -> None:
    """Log for how many targets and which layers the search is stuck, and what to do."""
    where = stuck(fit)
    targets = int(where.any(axis=0).sum())
    if not targets:
        return
    layers = [name for name, row in zip(names, where, strict=True) if row.any()]
    more = f" and {len(layers) - _SHOWN} more" if len(layers) > _SHOWN else ""
    _log.warning(
        "ridge: for %d of %d %ss the search for a penalty ends far from the best one (all inner "
        "scores 0 or almost the same on the grid, or a penalty at its edge) in layer %s%s; R² is 0 "
        "for %d of them. Penalties, 0.01 to 50 at first, do not fit the unit of these features: "
        "score `-ridge-scaled`, which does not depend on the unit.",
        *(targets, where.shape[1], dimension, ", ".join(layers[:_SHOWN]), more),
        int((where.any(axis=0) & (fit.r2 == 0)).sum()),
    )
