"""Every random number of the metric, from one seed.

Each use has a stream of its own. Minibatches and dropout masks are shared by all settings, and the
initial weights of a setting come from its place in the grid: so what a setting learns does not
depend on the others that are trained at the same time, nor on when those stop.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

_ORDER, _DROPOUT, _WEIGHTS = range(3)


def _generator(device: str, *key: int) -> torch.Generator:
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))


def weights_generator(seed: int, fold: int, setting: int) -> torch.Generator:
    """Return where the initial weights of a setting come from."""
    return _generator("cpu", seed, fold, _WEIGHTS, setting)


class Minibatches:
    """Minibatches of an epoch after the other, all clips once an epoch in a new order.

    Parameters
    ----------
    rows : int64 tensor (clip,)
        Places of the training clips.
    size : int
        Clips of a minibatch. The last one of an epoch is smaller, or one larger where a single clip
        would be left, as a batch of one has no variance.
    seed, fold : int
    """

    def __init__(self, rows: torch.Tensor, size: int, seed: int, fold: int) -> None:
        self._rows, self._size = rows, size
        self._generator = _generator("cpu", seed, fold, _ORDER)

    def epoch(self) -> Iterator[torch.Tensor]:
        """Yield the places of the clips of each minibatch."""
        order = self._rows[torch.randperm(len(self._rows), generator=self._generator)]
        ends = [*range(self._size, len(order) - 1, self._size), len(order)]
        start = 0
        for end in ends:
            yield order[start:end]
            start = end


class DropoutMasks:
    """Masks by which hidden units are multiplied: 0, or 1 / (1 - probability).

    Parameters
    ----------
    layers : int
        Hidden layers, each with a stream of its own.
    probability : float
    seed, fold : int
    device : str
    """

    def __init__(
        self, layers: int, probability: float, *, seed: int, fold: int, device: str = "cpu"
    ) -> None:
        self._keep = 1 - probability
        self._generators = [
            _generator(device, seed, fold, _DROPOUT, layer) for layer in range(layers)
        ]

    def draw(self, out: torch.Tensor) -> torch.Tensor:
        """Fill masks (hidden layer, unit, clip), each contiguous, and return them."""
        for mask, generator in zip(out, self._generators, strict=True):
            mask.bernoulli_(self._keep, generator=generator).mul_(1 / self._keep)
        return out
