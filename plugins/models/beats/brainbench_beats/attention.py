"""Self-attention with a gated bias for the distance between two positions."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

BUCKETS = 320
_MAX_DISTANCE = 800
_GATE = 8


def distance_buckets(positions: int) -> Tensor:
    """Return the bucket (query, key) of each distance ``d = key - query``.

    Half of the 320 buckets are for ``d > 0``. In each half the first 80 hold one distance each, the
    others grow logarithmically up to 800; longer distances share the last one.

    Examples
    --------
    >>> distance_buckets(3)
    tensor([[  0, 161, 162],
            [  1,   0, 161],
            [  2,   1,   0]])
    """
    half, exact = BUCKETS // 2, BUCKETS // 4
    place = torch.arange(positions)
    distance = place[None, :] - place[:, None]
    length = distance.abs()
    octaves = torch.log(length.clamp(min=exact) / exact) / math.log(_MAX_DISTANCE / exact)
    coarse = (exact + (exact * octaves).long()).clamp(max=half - 1)
    return torch.where(length < exact, length, coarse) + half * (distance > 0)


def position_bias(table: nn.Embedding, positions: int) -> Tensor:
    """Return the bias (head, query, key), one entry of ``table`` (bucket, head) a distance."""
    buckets = distance_buckets(positions).to(table.weight.device)
    return cast(Tensor, table(buckets)).permute(2, 0, 1)


class GatedAttention(nn.Module):
    """Multi-head attention, ``softmax(q k / sqrt(size) + gate bias) v``.

    The gate depends on head and query: with two numbers a and b, each the sigmoid of the sum of
    four outputs of ``grep_linear`` for the head's query, it is ``a (b grep_a - 1) + 2``.

    Parameters
    ----------
    width, heads : int
    table : nn.Embedding
        Of the position bias; all layers share one.
    """

    def __init__(self, width: int, heads: int, table: nn.Embedding) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.grep_linear = nn.Linear(width // heads, _GATE)
        self.grep_a = nn.Parameter(torch.ones(1, heads, 1, 1))
        # Not used here, but each layer's name for the shared table is in the published file.
        self.relative_attention_bias = table

    def forward(self, sequence: Tensor, bias: Tensor) -> Tensor:
        """Return (batch, position, width) for a sequence of that shape and its position bias."""
        query, key, value = (
            project(sequence).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=self._gate(query) * bias
        )
        return cast(Tensor, self.out_proj(attended.transpose(1, 2).flatten(2)))

    def _gate(self, query: Tensor) -> Tensor:
        """Return (batch, head, query, 1)."""
        sums = self.grep_linear(query).unflatten(-1, (2, _GATE // 2)).sum(-1)
        a, b = sums.sigmoid().split(1, dim=-1)
        return cast(Tensor, a * (b * self.grep_a - 1) + 2)
