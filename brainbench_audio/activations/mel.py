"""Magnitude spectra and Slaney's mel filters on plain torch, for batches of equal-length sounds.

The definitions are those of ``librosa.stft`` (centred, mirrored at the ends) and
``librosa.filters.mel`` with their defaults before version 0.8, which older networks learned from.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from brainbench_audio.activations.precision import in_float32

_LINEAR_STEP = 200 / 3  # Hz a mel, up to the corner
_CORNER = 1000.0
_LOG_STEP = math.log(6.4) / 27  # of frequency, a mel, from the corner on


class MagnitudeSpectrum(nn.Module):
    """``|STFT x|`` of overlapping frames; frame i is centred at sample ``i * hop``.

    Parameters
    ----------
    window : Tensor
        Its length is at most that of the transform, in the middle of which it stands.
    hop : int
        Samples from one frame to the next.
    transform : int, optional
        Samples of the Fourier transform; by default as long as the window.
    """

    window: Tensor

    def __init__(self, window: Tensor, hop: int, transform: int | None = None) -> None:
        super().__init__()
        self.hop, self.transform = hop, transform or len(window)
        self.register_buffer("window", window.float(), persistent=False)

    @in_float32
    def forward(self, waveforms: Tensor) -> Tensor:
        """Return (batch, bin, frame) of (batch, sample), with ``1 + sample // hop`` frames.

        Sounds have more samples than half a transform, which is mirrored at each end.
        """
        spectrum = torch.stft(
            waveforms,
            self.transform,
            self.hop,
            win_length=len(self.window),
            window=self.window,
            pad_mode="reflect",
            return_complex=True,
        )
        return spectrum.abs()


def normalise_peaks(waveforms: Tensor) -> Tensor:
    """Return sounds (…, sample), each divided by its own largest magnitude; silence stays."""
    peaks = waveforms.abs().amax(dim=-1, keepdim=True)
    return waveforms / torch.where(peaks > 0, peaks, 1.0)


def slaney_filters(sample_rate: int, transform: int, bands: int, low: float, high: float) -> Tensor:
    """Return the gain of each frequency in each mel band, float64 (band, bin).

    Triangles over frequency whose corners are equally spaced on Slaney's mel scale (linear up to
    1 kHz, logarithmic above), each with the area of a triangle of 1 Hz.

    Parameters
    ----------
    sample_rate : int
        Hz.
    transform : int
        Samples of the Fourier transform, ``transform // 2 + 1`` bins.
    bands : int
    low, high : float
        Hz, the outermost corners.

    Examples
    --------
    >>> filters = slaney_filters(16_000, 512, bands=40, low=0, high=8000)
    >>> filters.shape, round(float(filters.sum(dim=1)[-1] * 16_000 / 512), 2)
    (torch.Size([40, 257]), 1.0)
    """
    mels = torch.linspace(_mel(low), _mel(high), bands + 2, dtype=torch.float64)
    above = _CORNER * torch.exp(_LOG_STEP * (mels - _mel(_CORNER)))
    corners = torch.where(mels < _mel(_CORNER), _LINEAR_STEP * mels, above)
    left, centre, right = (corners[start : start + bands, None] for start in range(3))
    frequency = torch.linspace(0, sample_rate / 2, transform // 2 + 1, dtype=torch.float64)
    rising = (frequency - left) / (centre - left)
    falling = (right - frequency) / (right - centre)
    return torch.minimum(rising, falling).clamp(min=0) * 2 / (right - left)


def _mel(frequency: float) -> float:
    if frequency < _CORNER:
        return frequency / _LINEAR_STEP
    return _CORNER / _LINEAR_STEP + math.log(frequency / _CORNER) / _LOG_STEP
