"""The encoder: log-mel image to one token each 40 ms to pre-norm transformer blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainbench_audio.activations.family import Configured, Family
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError

from .cards import BASE, BASE_AS, FRAMES, HOP, LARGE, LARGEST
from .checkpoint import rename
from .front_end import CHANNELS, STEPS, LogMel

EPSILON = 1e-6


@dataclass(frozen=True)
class Size:
    """Size of an encoder: features of a token, blocks, attention heads."""

    width: int
    depth: int
    heads: int


class DashengNetwork(nn.Module):
    """Dasheng's encoder, with parameters named as in the published files."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.log_mel = LogMel()
        # Second in a sequence because of its published name, init_bn.1.
        self.init_bn = nn.Sequential(nn.Identity(), nn.BatchNorm1d(CHANNELS))
        self.patch_embed = PatchEmbedding(size.width)
        self.time_pos_embed = nn.Parameter(0.02 * torch.randn(1, size.width, 1, STEPS))
        self.freq_pos_embed = nn.Parameter(0.02 * torch.randn(1, size.width, 1, 1))
        self.blocks = nn.Sequential(*(Block(size.width, size.heads) for _ in range(size.depth)))
        self.norm = nn.LayerNorm(size.width, eps=EPSILON)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return (batch, token, width), after the final norm, which no layer is.

        Parameters
        ----------
        waveforms : Tensor
            (batch, sample), 16 kHz, in [-1, 1]; loudness matters.

        Raises
        ------
        ContractError
            Sounds longer than the positions that the weights were published with.
        """
        tokens = self.patch_embed(self.init_bn(self.log_mel(waveforms)))
        tokens = tokens + self._positions(tokens.shape[-1]) + self.freq_pos_embed
        return cast(Tensor, self.norm(self.blocks(tokens.flatten(2).transpose(1, 2))))

    def _positions(self, tokens: int) -> Tensor:
        """Return (1, width, 1, token); each piece starts from the first position."""
        steps = torch.arange(tokens, device=self.time_pos_embed.device) % STEPS
        positions = self.time_pos_embed[..., steps]
        if positions.isnan().any():
            known = int(self.time_pos_embed[0, 0, 0].isfinite().sum())
            raise ContractError(
                f"These weights hold {known} positions, enough for {known * FRAMES * HOP} samples "
                f"({known * 0.04:.2f} s), but the sound needs {min(tokens, STEPS)}. Cut it."
            )
        return positions


class PatchEmbedding(nn.Module):
    """One linear map from all mel channels of 4 frames to a token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, width, (CHANNELS, FRAMES), stride=(CHANNELS, FRAMES))

    def forward(self, image: Tensor) -> Tensor:
        """Return (batch, width, 1, token) for images (batch, 64, frame); a rest is dropped."""
        return cast(Tensor, self.proj(image.unsqueeze(1)))


class Block(nn.Module):
    """Pre-norm layer ``x <- x + f(norm(x))``, f attention, then feed-forward."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = FeedForward(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (batch, token, width) for tokens of that shape."""
        tokens = tokens + self.attn(self.norm1(tokens))
        return cast(Tensor, tokens + self.mlp(self.norm2(tokens)))


class Attention(nn.Module):
    """Multi-head attention within each piece of 252 tokens.

    Everything else in the network treats tokens one by one, so this is all that pieces need.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (batch, token, width) for tokens of that shape."""
        pieces = self.qkv(tokens).split(STEPS, dim=1)
        return cast(Tensor, self.proj(torch.cat([self._attend(piece) for piece in pieces], dim=1)))

    def _attend(self, piece: Tensor) -> Tensor:
        """Return (batch, token, width) for queries, keys and values (batch, token, 3 width)."""
        parts = piece.reshape(*piece.shape[:2], 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value)
        return attended.transpose(1, 2).flatten(2)


class FeedForward(nn.Module):
    """Two linear maps with an exact GELU between them, four times as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (batch, token, width) for tokens of that shape."""
        return cast(Tensor, self.fc2(functional.gelu(self.fc1(tokens))))


SIZES = {
    BASE.id: Size(width=768, depth=12, heads=12),
    LARGE.id: Size(width=1280, depth=32, heads=16),
    LARGEST.id: Size(width=1536, depth=40, heads=24),
    BASE_AS.id: Size(width=768, depth=12, heads=12),
}


def configure(card: ModelCard, _content: Any, *, depth: int | None = None) -> Configured:
    """Return a model's size, or card and size of a network of only the first blocks.

    Parameters
    ----------
    card : ModelCard
    depth : int, optional
        Only that many blocks, with weights to match; every one of them is then a layer.

    Raises
    ------
    ContractError
        The model does not have that many blocks.
    """
    size = SIZES[card.id]
    if depth is not None:
        if not 1 <= depth <= size.depth:
            raise ContractError(
                f"Model {card.id} has {size.depth} blocks: depth={depth} is not possible."
            )
        block = 12 * size.width**2 + 13 * size.width
        card = replace(
            card,
            parameters=card.parameters - (size.depth - depth) * block,
            layers=tuple(f"blocks.{index}" for index in range(depth)),
            dims=(size.width,) * depth,
        )
        size = replace(size, depth=depth)
    return Configured(card, arguments={"size": size}, facts={"depth": size.depth})


# a layer is the mean over all tokens
FAMILY = Family(
    build=lambda _card, size: DashengNetwork(size),
    rename=rename,
    # a classifier, of however many classes, and the decoder of pretraining
    unused=r"(outputlayer|decoder)\..+",
    configure=configure,
)
