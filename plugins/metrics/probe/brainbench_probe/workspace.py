"""Memory of temporary arrays that is used again and again."""

from __future__ import annotations

import math

import torch

Tensor = torch.Tensor
_LINE = 16  # numbers of a cache line


def padded(size: int) -> int:
    """Return a size for arrays in one memory, so that each begins where a lone one would.

    Products are rounded by where their factors begin in a cache line.
    """
    return -(-size // _LINE) * _LINE


def beginning(memory: Tensor, *shape: int) -> Tensor:
    """Return the beginning of a contiguous array in another shape."""
    return memory.view(-1)[: math.prod(shape)].view(shape)


class Workspace:
    """Temporary arrays that are made once and used again, by name."""

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._arrays: dict[str, Tensor] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """Return a contiguous array of this shape, whose values are left from its last use."""
        size = math.prod(shape)
        found = self._arrays.get(name)
        if found is None or found.numel() < size:
            found = self._arrays[name] = torch.empty(size, device=self._device)
        return beginning(found, *shape)
