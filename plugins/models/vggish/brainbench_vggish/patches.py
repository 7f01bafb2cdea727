"""The input of VGGish: log-mel patches of 0.96 s."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from brainbench_audio.activations.precision import in_float64

SAMPLE_RATE = 16_000
PATCH = 96
"""Frames of a patch."""
BANDS = 64
_LENGTH, _HOP, _TRANSFORM = 400, 160, 512
_RANGE = (125.0, 7500.0)
_OFFSET = 0.01
SHORTEST = _LENGTH + (PATCH - 1) * _HOP
"""Samples of one patch: 0.975 s."""


class LogMelPatches(nn.Module):
    """Cuts waveforms into patches of 96 frames x 64 bands of ``ln(mel + 0.01)``.

    mel is the magnitude (not power) spectrum of 25 ms frames every 10 ms, periodic Hann window,
    summed over triangular bands. What fills no last patch is dropped: of 2 s, the last 60 ms. A
    sound too short for one patch is padded with zeros at its end.

    In float64, as in the published code.
    """

    def __init__(self) -> None:
        super().__init__()
        # no buffers, as these stay in float64, which a network on MPS could not hold
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_LENGTH) / _LENGTH)
        self.window = torch.from_numpy(window)
        self.weights = torch.from_numpy(mel_weights())

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return patches (batch, patch, 96, 64), float32, of waveforms (batch, sample)."""
        exact = in_float64(waveforms)
        window, weights = self.window.to(exact.device), self.weights.to(exact.device)
        padded = nn.functional.pad(exact, (0, max(0, SHORTEST - exact.shape[-1])))
        frames = padded.unfold(-1, _LENGTH, _HOP)
        patches = frames.shape[1] // PATCH
        magnitude = torch.fft.rfft(frames[:, : patches * PATCH] * window, n=_TRANSFORM).abs()
        image: Tensor = (magnitude @ weights + _OFFSET).log()
        return image.reshape(len(image), patches, PATCH, BANDS).float().to(waveforms.device)


def mel_weights() -> npt.NDArray[np.float64]:
    """Return the weight of each frequency in each band, (257, 64).

    Triangles of height 1 whose slopes are straight in ``mel = 1127 ln(1 + f / 700)``, not in Hz;
    corners equally spaced from 125 to 7500 Hz; 0 Hz belongs to no band.
    """
    low, high = _mel(np.array(_RANGE))
    corners = np.linspace(low, high, BANDS + 2)
    lower, centre, upper = corners[:-2], corners[1:-1], corners[2:]
    bins = np.linspace(0, SAMPLE_RATE / 2, _TRANSFORM // 2 + 1)
    place = _mel(bins)[:, np.newaxis]
    rising = (place - lower) / (centre - lower)
    falling = (upper - place) / (upper - centre)
    weights: npt.NDArray[np.float64] = np.minimum(rising, falling).clip(0.0)
    weights[0] = 0.0
    return weights


def _mel(frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(1127 * np.log(1 + frequency / 700))
