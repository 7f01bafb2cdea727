"""The encoder: five convolutions over a log-mel image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brainbench_audio.activations.family import Family
from brainbench_audio.activations.mel import MagnitudeSpectrum, normalise_peaks, slaney_filters
from brainbench_audio.activations.precision import in_float32
from brainbench_audio.cards import ModelCard

from .cards import CHANNELS, HOP, TRANSFORM, WINDOW

BANDS = 80
CODE_WIDTH = 64
# kernel, stride, padding of each block
CONVOLUTIONS = ((3, 1, 0), (3, 1, 1), (4, 2, 1), (3, 1, 1), (3, 1, 1))

_SAMPLE_RATE = 16_000
_LOWEST, _HIGHEST = 50.0, 8000.0
_PEAK = 0.999
_PRE_EMPHASIS = 0.97
_FLOOR = 1e-5
_RANGE = 80.0
# the codes, and the chances of their random jitter
_UNUSED = r"(codebook|jitter)\..+"


class LogMel(nn.Module):
    """``1 + d / 80`` with ``d = 20 log10 max(1e-5, M |STFT y|)``, cut 80 dB below its maximum.

    ``y[n] = x[n] - 0.97 x[n - 1]`` is the sound at a peak of 0.999, ``M`` is `slaney_filters`. The
    STFT has 25 ms periodic Hann windows every 10 ms.
    """

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = MagnitudeSpectrum(torch.hann_window(WINDOW), HOP, TRANSFORM)
        filters = slaney_filters(_SAMPLE_RATE, TRANSFORM, BANDS, _LOWEST, _HIGHEST)
        self.register_buffer("filters", filters.float(), persistent=False)

    @in_float32
    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the image (batch, 80, frame) of sounds (batch, sample) at 16 kHz."""
        sounds = _PEAK * normalise_peaks(waveforms)
        previous = nn.functional.pad(sounds[..., :-1], (1, 0))
        spectrum = self.spectrum(sounds - _PRE_EMPHASIS * previous)
        decibels = 20 * torch.matmul(self.filters, spectrum).clamp(min=_FLOOR).log10()
        loudest = decibels.amax(dim=(-2, -1), keepdim=True)
        return torch.maximum(decibels, loudest - _RANGE) / _RANGE + 1


class ZeroSpeechNetwork(nn.Module):
    """Takes sounds (batch, sample), returns what would be quantised, (batch, 64, step).

    Parameters
    ----------
    channels : int
        Of each convolution.
    """

    def __init__(self, channels: int = CHANNELS) -> None:
        super().__init__()
        self.log_mel = LogMel()
        modules: list[nn.Module] = []
        width = BANDS
        for kernel, stride, padding in CONVOLUTIONS:
            modules += [
                nn.Conv1d(width, channels, kernel, stride, padding, bias=False),
                nn.BatchNorm1d(channels),
                nn.ReLU(),
            ]
            width = channels
        self.encoder = nn.Sequential(*modules, nn.Conv1d(channels, CODE_WIDTH, 1))

    def forward(self, waveforms: Tensor) -> Tensor:
        codes: Tensor = self.encoder(self.log_mel(waveforms))
        return codes


def read_outs(card: ModelCard) -> dict[str, str]:
    """Return the module whose output is a layer: the third of each convolution, norm and ReLU."""
    return {layer: f"encoder.{3 * block + 2}" for block, layer in enumerate(card.layers)}


def mean_over_steps(output: Tensor) -> Tensor:
    """Return the mean over time of (batch, channel, step)."""
    return output.mean(dim=-1)


FAMILY = Family(
    build=lambda _card: ZeroSpeechNetwork(),
    read_outs=read_outs,
    pooling=mean_over_steps,
    # beside decoder and optimiser
    entries=("encoder",),
    unused=_UNUSED,
)
