"""Log-mel image in dB."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from brainbench_audio.activations.precision import in_float32

from .cards import HOP

FFT = 512
CHANNELS = 64
STEPS = 252
"""Tokens that the network hears at once, 10.08 s; longer sounds are heard piece by piece."""

_HIGHEST = 8000.0
_FLOOR = 1e-10
_RANGE = 120.0


class LogMel(nn.Module):
    """``10 log10 max(1e-10, M |STFT x|²)``, cut off 120 dB below the loudest value of the sound.

    ``M`` is `mel_filters`; the STFT has 32 ms periodic Hann windows and is centred, with the sound
    mirrored at its ends.
    """

    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(FFT), persistent=False)
        self.register_buffer("filters", mel_filters().float(), persistent=False)

    @in_float32
    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the image (batch, 64, frame) of sounds (batch, sample), 16 kHz, in [-1, 1]."""
        spectrum = torch.stft(
            waveforms, FFT, HOP, window=self.window, pad_mode="reflect", return_complex=True
        )
        power = torch.matmul(self.filters, spectrum.abs().square())
        decibels = 10 * power.clamp(min=_FLOOR).log10()
        # The loudest of this sound, not of the batch: sounds must not change each other.
        loudest = decibels.amax(dim=(-2, -1), keepdim=True)
        return torch.maximum(decibels, loudest - _RANGE)


def mel_filters() -> Tensor:
    """Return the gain of each frequency in each mel channel, float64 (64, 257).

    Triangles of height 1 over frequency, not normalised by area, whose 66 corners are equally
    spaced in ``mel = 2595 log10(1 + f / 700)`` from 0 to 8 kHz.
    """
    highest = 2595 * math.log10(1 + _HIGHEST / 700)
    mel = torch.linspace(0, 1, CHANNELS + 2, dtype=torch.float64) * highest
    corners = 700 * (10 ** (mel / 2595) - 1)
    left, centre, right = (corners[start : start + CHANNELS, None] for start in range(3))
    frequency = torch.linspace(0, _HIGHEST, FFT // 2 + 1, dtype=torch.float64)
    rising = (frequency - left) / (centre - left)
    falling = (right - frequency) / (right - centre)
    return torch.minimum(rising, falling).clamp(min=0)
