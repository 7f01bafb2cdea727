"""Stacks of transformer layers over sequences that a fourth axis counts.

The name of each part is that of its parameters in the published file, where most parts sit in a
wrapper of their own.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainbench_audio.errors import ContractError

from .cards import WIDTH
from .positions import POSITIONS, position_table

STACK_DEPTH = 8
HEADS = 8
_FEED_FORWARD_WIDTH = 1024
_EPSILON = 1e-6


def _named(name: str, part: nn.Module) -> nn.Sequential:
    """Return a module that does what ``part`` does and keeps its parameters under ``name``."""
    return nn.Sequential(OrderedDict([(name, part)]))


class Stack(nn.Module):
    """Eight layers and a norm, after the position table was added."""

    def __init__(self) -> None:
        super().__init__()
        self.pos_enc = PositionEncoding()
        self.mdl = nn.ModuleDict(
            {
                "layers": nn.ModuleList(TransformerLayer() for _ in range(STACK_DEPTH)),
                "norm": _named("norm", nn.LayerNorm(WIDTH, eps=_EPSILON)),
            }
        )

    def forward(self, sequences: Tensor) -> Tensor:
        """Return (batch, sequence, position, 256) for sequences of that shape."""
        sequences = self.pos_enc(sequences)
        for layer in cast(nn.ModuleList, self.mdl["layers"]):
            sequences = layer(sequences)
        return cast(Tensor, self.mdl["norm"](sequences))


class PositionEncoding(nn.Module):
    """Adds the position table."""

    def __init__(self) -> None:
        super().__init__()
        self.pe: Tensor
        self.register_buffer("pe", position_table())

    def forward(self, sequences: Tensor) -> Tensor:
        """Return (batch, sequence, position, 256) for sequences of that shape.

        Raises
        ------
        ContractError
            More positions than the table has, which only sounds of more than 5 minutes give.
        """
        positions = sequences.shape[-2]
        if positions > POSITIONS:
            raise ContractError(
                f"SepFormer takes sounds of at most 312 s ({POSITIONS} chunks of its encoder's "
                f"frames), got {positions} chunks. Cut longer sounds."
            )
        return sequences + self.pe[:, :positions]


class TransformerLayer(nn.Module):
    """Pre-norm layer ``x <- x + f(norm(x))``, f attention, then feed-forward.

    The output of ``pos_ffn`` does not contain the residual ``x``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.self_att = _named("att", Attention())
        feed_forward = nn.Sequential(
            nn.Linear(WIDTH, _FEED_FORWARD_WIDTH),
            nn.ReLU(),
            nn.Identity(),  # dropout in training; makes the next one number 3
            nn.Linear(_FEED_FORWARD_WIDTH, WIDTH),
        )
        self.pos_ffn = _named("ffn", feed_forward)
        self.norm1 = _named("norm", nn.LayerNorm(WIDTH, eps=_EPSILON))
        self.norm2 = _named("norm", nn.LayerNorm(WIDTH, eps=_EPSILON))

    def forward(self, sequences: Tensor) -> Tensor:
        """Return (batch, sequence, position, 256) for sequences of that shape."""
        sequences = sequences + self.self_att(self.norm1(sequences))
        return cast(Tensor, sequences + self.pos_ffn(self.norm2(sequences)))


class Attention(nn.Module):
    """Multi-head attention ``softmax(q k / sqrt(size)) v`` inside each sequence, nothing masked."""

    def __init__(self) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * WIDTH, WIDTH))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * WIDTH))
        self.out_proj = nn.Linear(WIDTH, WIDTH)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, sequences: Tensor) -> Tensor:
        """Return (batch, sequence, position, 256) for sequences of that shape."""
        projected = functional.linear(sequences, self.in_proj_weight, self.in_proj_bias)
        # one batch axis, because torch has no fast attention for two
        heads = projected.reshape(-1, sequences.shape[-2], 3, HEADS, WIDTH // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        attended = functional.scaled_dot_product_attention(query, key, value)
        joined = attended.transpose(1, 2).flatten(2).reshape(sequences.shape)
        return cast(Tensor, self.out_proj(joined))
