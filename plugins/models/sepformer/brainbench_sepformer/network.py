"""The network: waveform to filtered frames to overlapping chunks to two dual-path blocks.

What the published model does next, masks for two talkers and their waveforms, is left out: no layer
depends on it. Its parameters are kept, so that files can be checked to the last name.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainbench_audio.activations.family import Family
from brainbench_audio.cards import ModelCard

from .cards import KERNEL, STRIDE, WIDTH
from .checkpoint import read, with_tables, without_tables
from .transformer import STACK_DEPTH, Stack

CHUNK = 250
CHUNK_HOP = CHUNK // 2
BLOCKS = 2

_TALKERS = 2
_EPSILON = 1e-8


class SepFormer(nn.Module):
    """SepFormer up to its last transformer layer, with parameters named as in the published files.

    Those of each file have its name in front: ``encoder.``, ``masknet.``, ``decoder.``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.masknet = MaskNetwork()
        self.decoder = nn.ConvTranspose1d(WIDTH, 1, KERNEL, stride=STRIDE, bias=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return what enters the mask layers, (batch, chunk, 250, 256).

        Parameters
        ----------
        waveforms : Tensor
            (batch, sample), 8 kHz, in [-1, 1].

        Raises
        ------
        ContractError
            Sounds longer than 312 s.
        """
        return cast(Tensor, self.masknet(self.encoder(waveforms)))


class Encoder(nn.Module):
    """256 learned filters of 2 ms every 1 ms, rectified."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1d = nn.Conv1d(1, WIDTH, KERNEL, stride=STRIDE, bias=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return (batch, 256, frame) for (batch, sample)."""
        return functional.relu(self.conv1d(waveforms.unsqueeze(1)))


class MaskNetwork(nn.Module):
    """Norm, projection, chunks and blocks; what follows ``dual_mdl`` is never run."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = _norm()
        self.conv1d = nn.Conv1d(WIDTH, WIDTH, 1, bias=False)
        self.dual_mdl = nn.ModuleList(DualPathBlock() for _ in range(BLOCKS))
        self.conv2d = nn.Conv2d(WIDTH, WIDTH * _TALKERS, 1)
        self.end_conv1x1 = nn.Conv1d(WIDTH, WIDTH, 1, bias=False)
        self.prelu = nn.PReLU()
        self.output = nn.Sequential(nn.Conv1d(WIDTH, WIDTH, 1))
        self.output_gate = nn.Sequential(nn.Conv1d(WIDTH, WIDTH, 1))

    def forward(self, frames: Tensor) -> Tensor:
        """Return (batch, chunk, 250, 256) for (batch, 256, frame)."""
        chunks = in_chunks(self.conv1d(self.norm(frames)))
        for block in self.dual_mdl:
            chunks = block(chunks)
        return chunks


class DualPathBlock(nn.Module):
    """``y = x + norm(intra(x))`` inside chunks, then ``y + norm(inter(y))`` across them."""

    def __init__(self) -> None:
        super().__init__()
        self.intra_mdl = Stack()
        self.inter_mdl = Stack()
        self.intra_norm = _norm()
        self.inter_norm = _norm()

    def forward(self, chunks: Tensor) -> Tensor:
        """Return (batch, chunk, 250, 256) for chunks of that shape."""
        chunks = chunks + _normalised(self.intra_norm, self.intra_mdl(chunks))
        across = self.inter_mdl(chunks.transpose(1, 2)).transpose(1, 2)
        return chunks + _normalised(self.inter_norm, across)


def in_chunks(frames: Tensor) -> Tensor:
    """Cut frames (batch, feature, frame) into chunks (batch, chunk, 250, feature).

    Chunks overlap by half. Zeros are put before, half a chunk, and behind, as many as make every
    frame part of two chunks; there may be half a chunk more of them than that takes.

    Examples
    --------
    >>> in_chunks(torch.ones(1, 2, 1999)).shape
    torch.Size([1, 18, 250, 2])
    """
    gap = CHUNK - (CHUNK_HOP + frames.shape[-1] % CHUNK) % CHUNK
    padded = functional.pad(frames, (CHUNK_HOP, gap + CHUNK_HOP))
    return padded.unfold(-1, CHUNK, CHUNK_HOP).permute(0, 2, 3, 1).contiguous()


def _norm() -> nn.GroupNorm:
    """Return a norm over all features and positions of a sound."""
    return nn.GroupNorm(1, WIDTH, eps=_EPSILON)


def _normalised(norm: nn.Module, chunks: Tensor) -> Tensor:
    """Return chunks of the same shape; the norm wants the features second."""
    return cast(Tensor, norm(torch.movedim(chunks, -1, 1))).movedim(1, -1)


def read_outs(card: ModelCard) -> dict[str, str]:
    """Return the module whose output is a layer.

    A transformer layer is the output of its feed-forward part, before the residual is added; layers
    inside chunks and across chunks take turns in eights.
    """
    first, *others = card.layers
    modules = [
        f"masknet.dual_mdl.{block}.{stack}_mdl.mdl.layers.{index}.pos_ffn"
        for block in range(BLOCKS)
        for stack in ("intra", "inter")
        for index in range(STACK_DEPTH)
    ]
    return {first: "encoder", **dict(zip(others, modules, strict=True))}


def mean_over_frames(output: Tensor) -> Tensor:
    """Return (batch, feature) for (batch, feature, frame)."""
    return output.mean(dim=2)


def mean_over_places(output: Tensor) -> Tensor:
    """Return (batch, feature) for (batch, chunk, place, feature) or chunk and place swapped."""
    return output.mean(dim=(1, 2))


FAMILY = Family(
    build=lambda _card: SepFormer(),
    read_outs=read_outs,
    pooling=mean_over_places,
    layer_pooling={"encoder": mean_over_frames},
    read=read,
    strip=without_tables,
    rename=with_tables,
)
