"""The recogniser: two convolutions over a spectrogram, then recurrent layers in both directions.

Parameters have their published names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brainbench_audio.activations.family import Family
from brainbench_audio.activations.mel import MagnitudeSpectrum
from brainbench_audio.activations.precision import in_float32
from brainbench_audio.cards import ModelCard

from .cards import DEPTH, HOP, WIDTH, WINDOW

CHANNELS = 32

_FREQUENCIES = 41
_CLIP = 20.0


class Spectrogram(nn.Module):
    """``ln(1 + |STFT x|)``, scaled to mean 0 and standard deviation 1 of the whole sound.

    The STFT has 20 ms periodic Hamming windows every 10 ms. There is one mean and one (unbiased)
    standard deviation a sound; silence, which has none, becomes zero.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = MagnitudeSpectrum(torch.hamming_window(WINDOW), HOP)

    @in_float32
    def forward(self, waveforms: Tensor) -> Tensor:
        """Return (batch, 161, frame) of sounds (batch, sample) at 16 kHz, in [-1, 1]."""
        image: Tensor = self.spectrum(waveforms).log1p()
        centred = image - image.mean(dim=(-2, -1), keepdim=True)
        spread = image.std(dim=(-2, -1), keepdim=True)
        return centred / torch.where(spread > 0, spread, 1.0)


class Convolutions(nn.Module):
    """Two convolutions over frequency and time, clipped to 0 … 20."""

    def __init__(self) -> None:
        super().__init__()
        self.seq_module = nn.Sequential(
            nn.Conv2d(1, CHANNELS, (41, 11), stride=(2, 2), padding=(20, 5)),
            nn.BatchNorm2d(CHANNELS),
            nn.Hardtanh(0, _CLIP),
            nn.Conv2d(CHANNELS, CHANNELS, (21, 11), stride=(2, 1), padding=(10, 5)),
            nn.BatchNorm2d(CHANNELS),
            nn.Hardtanh(0, _CLIP),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return (batch, frame, channel * frequency) of (batch, frequency, frame)."""
        planes: Tensor = self.seq_module(image[:, None])
        return planes.flatten(1, 2).transpose(1, 2)


class FrameNorm(nn.Module):
    """Batch norm of each feature over all frames."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.module = nn.BatchNorm1d(width)

    def forward(self, frames: Tensor) -> Tensor:
        normalised: Tensor = self.module(frames.transpose(1, 2))
        return normalised.transpose(1, 2)


class RecurrentLayer(nn.Module):
    """An LSTM in both directions, whose outputs are added.

    `cell` puts out the last cell states, (batch, 2 width): that of the forward direction after the
    last frame, that of the backward direction after the first.
    """

    def __init__(self, inputs: int, width: int, *, norm: bool) -> None:
        super().__init__()
        self.batch_norm = FrameNorm(inputs) if norm else None
        self.rnn = nn.LSTM(inputs, width, batch_first=True, bidirectional=True)
        self.cell = nn.Identity()

    def forward(self, frames: Tensor) -> Tensor:
        """Return (batch, frame, width) of (batch, frame, input)."""
        if self.batch_norm is not None:
            frames = self.batch_norm(frames)
        outputs, (_, cells) = self.rnn(frames)
        self.cell(cells.transpose(0, 1).flatten(1))
        both: Tensor = outputs.unflatten(-1, (2, -1)).sum(dim=-2)
        return both


class DeepSpeechNetwork(nn.Module):
    """Takes sounds (batch, sample), returns the last recurrent layer (batch, frame, width).

    Parameters
    ----------
    width : int
        Units of each direction of each recurrent layer.
    depth : int
        Recurrent layers.
    """

    def __init__(self, width: int = WIDTH, depth: int = DEPTH) -> None:
        super().__init__()
        self.spectrogram = Spectrogram()
        self.conv = Convolutions()
        widths = [CHANNELS * _FREQUENCIES, *[width] * (depth - 1)]
        self.rnns = nn.ModuleList(
            RecurrentLayer(inputs, width, norm=index > 0) for index, inputs in enumerate(widths)
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        frames: Tensor = self.conv(self.spectrogram(waveforms))
        for layer in self.rnns:
            frames = layer(frames)
        return frames


_CONVOLUTIONS = {"hardtanh0": "conv.seq_module.2", "hardtanh1": "conv.seq_module.5"}


def mean_over_frames(output: Tensor) -> Tensor:
    """Return the mean over time of (batch, channel, frequency, frame), channel by channel."""
    return output.mean(dim=-1).flatten(1)


def read_outs(card: ModelCard) -> dict[str, str]:
    """Return the module whose output is a layer; that of an LSTM is its last cell states."""
    return {
        layer: _CONVOLUTIONS.get(layer) or f"rnns.{layer.removeprefix('lstm')}.cell"
        for layer in card.layers
    }


FAMILY = Family(
    build=lambda _card: DeepSpeechNetwork(),
    read_outs=read_outs,
    # batch norm and a linear map to letters, of whichever alphabet
    unused=r"fc\..+",
    layer_pooling=dict.fromkeys(_CONVOLUTIONS, mean_over_frames),
)
