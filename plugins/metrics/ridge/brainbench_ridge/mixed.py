"""Responses of stimuli in random orders, which tell how high a score is by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.chance import chance, orders

from .partition import FloatArray, IndexArray
from .targets import Targets

# by default a test against chance is made where it costs less than a second
FEW_TARGETS, FEW_PERMUTATIONS = 12, 199
# targets of random orders that are fitted together
AT_ONCE = 20_000


@dataclass(frozen=True)
class Mixed:
    """The responses in random orders, as many at a time as memory allows.

    Attributes
    ----------
    targets : Targets
    orders : int array (permutation, stimulus)
    beside : int
        So many orders are fitted in one call with the responses themselves.
    together : int
        So many of the others at a time.
    seed : int
    """

    targets: Targets
    orders: IndexArray
    beside: int
    together: int
    seed: int

    @classmethod
    def plan(
        cls, targets: Targets, permutations: int | None, seed: int, fits: Callable[[int], bool]
    ) -> Mixed:
        """Draw the orders.

        Parameters
        ----------
        targets : Targets
        permutations : int or None
            None: by the number of targets.
        seed : int
        fits : callable
            Whether so many more targets fit into memory.
        """
        stimuli, columns = targets.responses.shape
        if permutations is None:
            permutations = FEW_PERMUTATIONS if columns <= FEW_TARGETS else 0
        together: int = max(1, AT_ONCE // columns)
        while together > 1 and not fits(together * columns):
            together //= 2
        beside = together if fits(together * columns) else 0
        return cls(targets, orders(stimuli, permutations, seed), beside, together, seed)

    def first(self) -> npt.NDArray[Any]:
        """Return the responses that are fitted beside the real ones, (stimulus, target)."""
        return self._responses(self.orders[: self.beside])

    def rest(self) -> Iterator[npt.NDArray[Any]]:
        """Yield those of the other orders, (stimulus, target)."""
        for start in range(self.beside, len(self.orders), self.together):
            yield self._responses(self.orders[start : start + self.together])

    def tested(self, value: float, r2: FloatArray) -> dict[str, Any]:
        """Return the entry of the provenance: a score, and the R² of all orders' targets."""
        if not r2.size:
            return {}
        by_order = r2.reshape(len(self.orders), -1)
        return chance(value, [float(self.targets.aggregate(one)) for one in by_order], self.seed)

    def _responses(self, some: IndexArray) -> npt.NDArray[Any]:
        responses = self.targets.responses
        return np.asarray(responses[some.T].reshape(len(responses), -1))
