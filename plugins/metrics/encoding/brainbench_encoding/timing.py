"""Which delays of which features responses are predicted from."""

from __future__ import annotations

from typing import NamedTuple, Self

# s between rows: responses that are sampled as often are no volumes, but those of neurons
_FAST = 0.2
# s: the longest delay of these, and how many principal components of a layer are delayed
_LATEST, _COMPONENTS = 0.4, 100


class Timing(NamedTuple):
    """Delays, in rows, and how many components of a layer are delayed (0: all features)."""

    delays: tuple[int, ...]
    components: int

    @classmethod
    def of(
        cls, step: float, delays: tuple[int, ...] | None = None, components: int | None = None
    ) -> Self:
        """Return what is asked for, see `Encoding`, or what suits rows ``step`` seconds apart."""
        fast = step < _FAST
        usual = tuple(range(int(_LATEST / step + 1e-6) + 1)) if fast else (1, 2, 3, 4)
        return cls(
            usual if delays is None else delays,
            (_COMPONENTS if fast else 0) if components is None else components,
        )

    def delayed(self, features: int) -> int:
        """Return how many delayed features a layer of so many has."""
        return len(self.delays) * min(features, self.components or features)

    def may_reduce(self, delayed: int) -> bool:
        """Return whether so many delayed features may be of components."""
        return 0 < self.components * len(self.delays) <= delayed
