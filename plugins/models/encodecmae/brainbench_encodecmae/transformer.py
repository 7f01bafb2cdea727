"""Transformer with two residual streams, used by the encoder and by the decoder of pretraining."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class PositionalEncoding(nn.Module):
    """Adds sinusoids of a learned scale: ``x + s PE``.

    ``PE[t, 2i] = sin(w_i t)``, ``PE[t, 2i + 1] = cos(w_i t)``, ``w_i = 10000 ** (-2i / width)``, t
    from 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, frames: Tensor) -> Tensor:
        """Return (batch, frame, width), as given."""
        return frames + self.scale * _sinusoids(frames.shape[1], frames.shape[2], frames.device)


class Attention(nn.Module):
    """Attention between all frames, without biases.

    Channel c of queries, keys and values is number ``c // heads`` of head ``c % heads``: heads are
    interleaved, not stacked.

    Parameters
    ----------
    width : int
    inner : int
        Channels of all heads together.
    heads : int
        Divides ``inner``.
    """

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.wq = nn.Linear(width, inner, bias=False)
        self.wk = nn.Linear(width, inner, bias=False)
        self.wv = nn.Linear(width, inner, bias=False)
        self.wo = nn.Linear(inner, width, bias=False)

    def forward(self, frames: Tensor, heard: Tensor | None) -> Tensor:
        """Return (batch, frame, width).

        Parameters
        ----------
        frames : Tensor
            (batch, frame, width).
        heard : Tensor or None
            bool (batch, frame): frames that others attend to; None, all.
        """
        queries, keys, values = (self._split(w(frames)) for w in (self.wq, self.wk, self.wv))
        mask = None if heard is None else heard[:, None, None, :]
        mixed = nn.functional.scaled_dot_product_attention(queries, keys, values, mask)
        joined: Tensor = self.wo(mixed.permute(0, 2, 3, 1).flatten(2))
        return joined

    def _split(self, channels: Tensor) -> Tensor:
        """Return (batch, head, frame, channel of the head)."""
        batch, frames, _ = channels.shape
        return channels.view(batch, frames, -1, self.heads).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Attention and two linear maps, each added to both residual streams.

    ``a = attention(x0)``, ``x0 = norm1(x0 + a)``, ``x1 = x1 + a``, ``f = ff(x0)``,
    ``x0 = norm2(x0 + f)``, ``x1 = x1 + f``: x0 is normalised after each step, x1 never.

    Parameters
    ----------
    width, inner, heads : int
        See `Attention`.
    feed_forward : nn.Module
        May be shared with other blocks.
    """

    def __init__(self, width: int, inner: int, heads: int, feed_forward: nn.Module) -> None:
        super().__init__()
        self.att_layer = Attention(width, inner, heads)
        self.ff_layer = feed_forward
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def forward(
        self, normalised: Tensor, plain: Tensor, heard: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the two streams, x0 and x1."""
        attended = self.att_layer(normalised, heard)
        normalised = self.norm1(normalised + attended)
        plain = plain + attended
        mapped = self.ff_layer(normalised)
        return self.norm2(normalised + mapped), plain + mapped


class Transformer(nn.Module):
    """Blocks that share one pair of linear maps; at their end the two streams meet.

    The published state dict holds the shared pair once a block; registering one module under all
    of them gives the same names, and the same parameter to an optimiser once.

    Parameters
    ----------
    blocks, width, inner, heads, hidden : int
        See `Configuration`.
    """

    def __init__(self, blocks: int, width: int, inner: int, heads: int, hidden: int) -> None:
        super().__init__()
        shared = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.encoder_layers = nn.ModuleList(
            Block(width, inner, heads, shared) for _ in range(blocks)
        )
        self.final_norm = nn.LayerNorm(width)

    def forward(self, frames: Tensor, heard: Tensor | None = None) -> list[Tensor]:
        """Return x0 after each block; after the last, ``x0 + final_norm(x1)``.

        Parameters
        ----------
        frames, heard : Tensor
            See `Attention.forward`.

        Returns
        -------
        list of Tensor
            One a block, (batch, frame, width).
        """
        normalised, plain = frames, frames
        outputs = []
        for block in self.encoder_layers:
            normalised, plain = block(normalised, plain, heard)
            outputs.append(normalised)
        return [*outputs[:-1], normalised + self.final_norm(plain)]


def _sinusoids(frames: int, width: int, device: torch.device) -> Tensor:
    """Return (frames, width)."""
    time = torch.arange(frames, device=device, dtype=torch.float32).unsqueeze(1)
    even = torch.arange(0, width, 2, device=device, dtype=torch.float32)
    angles = time * torch.exp(even * (-math.log(10_000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
