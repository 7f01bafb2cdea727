"""The position table that is added to what enters a stack of transformer layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .cards import WIDTH

POSITIONS = 2_500
_BASE = 10_000.0


def position_table() -> Tensor:
    """Return sines (even features) and cosines (odd ones), (1, position, 256).

    Features 2 i and 2 i + 1 have the angle ``position / 10000**(2 i / 256)``.

    Examples
    --------
    >>> table = position_table()
    >>> table.shape
    torch.Size([1, 2500, 256])
    >>> table[0, 1, :2]
    tensor([0.8415, 0.5403])
    """
    rates = torch.exp(torch.arange(0, WIDTH, 2) * (-math.log(_BASE) / WIDTH))
    angles = torch.arange(POSITIONS)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).reshape(1, POSITIONS, WIDTH)
