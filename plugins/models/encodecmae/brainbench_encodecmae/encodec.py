"""The parts of the EnCodec 24 kHz codec that EnCodecMAE contains: its encoder and its quantizer.

Modules are nested as the published parameter names demand, so nothing is renamed on loading.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CHANNELS = 128
"""Features of a frame."""
HOP = 320
"""Samples from one frame to the next."""
STAGES = 32
CODES = 1024

_STRIDES = (2, 4, 5, 8)
_FIRST_CHANNELS = 32


class NormalisedWeights(nn.Module):
    """Convolution weights as length and direction: ``g v / |v|``, one length an output channel."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        weight = nn.Conv1d(inputs, outputs, kernel).weight.detach()
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.weight_g = nn.Parameter(_length(weight))
        self.weight_v = nn.Parameter(weight)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the weights (output, input, tap) and the biases (output,)."""
        return self.weight_g * (self.weight_v / _length(self.weight_v)), self.bias


class CausalConvolution(nn.Module):
    """Convolution that sees the past only and gives ``ceil(sample / stride)`` frames.

    The past before the sound is its reflection, and so is what the last frame lacks.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.past = kernel - stride
        self.stride = stride
        self.conv = nn.ModuleDict({"conv": NormalisedWeights(inputs, outputs, kernel)})

    def forward(self, signal: Tensor) -> Tensor:
        """Return (batch, output, frame) of (batch, input, sample)."""
        padding = (self.past, -signal.shape[-1] % self.stride)
        if any(padding):
            signal = nn.functional.pad(signal, padding, mode="reflect")
        weight, bias = self.conv["conv"]()
        return nn.functional.conv1d(signal, weight, bias, self.stride)


class ResidualUnit(nn.Module):
    """Two convolutions through half the channels, beside a third without a detour."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.ELU(),
            CausalConvolution(channels, channels // 2, 3),
            nn.ELU(),
            CausalConvolution(channels // 2, channels, 1),
        )
        self.shortcut = CausalConvolution(channels, channels, 1)

    def forward(self, signal: Tensor) -> Tensor:
        """Return (batch, channel, sample), as given."""
        residual: Tensor = self.shortcut(signal) + self.block(signal)
        return residual


class Recurrence(nn.Module):
    """Two LSTM layers with a connection around both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, num_layers=2, batch_first=True)

    def forward(self, signal: Tensor) -> Tensor:
        """Return (batch, channel, frame), as given."""
        recurrent: Tensor = self.lstm(signal.transpose(1, 2))[0]
        return recurrent.transpose(1, 2) + signal


class EncodecEncoder(nn.Module):
    """EnCodec's encoder: 75 frames a second of 128 features.

    Défossez et al. (2022), the causal model for 24 kHz mono. Input is not normalised.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = _FIRST_CHANNELS
        steps: list[nn.Module] = [CausalConvolution(1, channels, 7)]
        for stride in _STRIDES:
            steps += [
                ResidualUnit(channels),
                nn.ELU(),
                CausalConvolution(channels, 2 * channels, 2 * stride, stride),
            ]
            channels *= 2
        steps += [Recurrence(channels), nn.ELU(), CausalConvolution(channels, CHANNELS, 7)]
        self.model = nn.Sequential(*steps)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the frames (batch, ceil(sample / 320), 128) of waveforms (batch, sample)."""
        frames: Tensor = self.model(waveforms.unsqueeze(1))
        return frames.transpose(1, 2)


class Codebook(nn.Module):
    """Code vectors of one stage of EnCodec's residual quantizer, with what they were learned by."""

    inited: Tensor
    cluster_size: Tensor
    embed: Tensor
    embed_avg: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("inited", torch.zeros(1))
        self.register_buffer("cluster_size", torch.zeros(CODES))
        self.register_buffer("embed", torch.zeros(CODES, CHANNELS))
        self.register_buffer("embed_avg", torch.zeros(CODES, CHANNELS))

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the number (...) of the code vector that is nearest to each vector (..., 128)."""
        # the squared distance, without the vector's own length, which changes no order
        distances = self.embed.square().sum(1) - 2 * vectors @ self.embed.T
        return distances.argmin(-1)


class ResidualQuantizer(nn.Module):
    """The 32 codebooks of EnCodec's residual quantizer."""

    def __init__(self) -> None:
        super().__init__()
        stages = (nn.ModuleDict({"_codebook": Codebook()}) for _ in range(STAGES))
        self.layers = nn.ModuleList(stages)

    def forward(self, frames: Tensor, stages: int) -> Tensor:
        """Return the codes (stage, batch, frame) of frames (batch, frame, 128).

        Each stage codes what the ones before have left over. Nothing is learned: the codebooks stay
        what they are.
        """
        codes = []
        rest = frames
        for layer in self.layers[:stages]:
            codebook = layer.get_submodule("_codebook")
            codes.append(codebook(rest))
            rest = rest - codebook.get_buffer("embed")[codes[-1]]
        return torch.stack(codes)


def _length(weights: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(weights, dim=(1, 2), keepdim=True)
    return length
