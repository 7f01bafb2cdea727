"""Kaldi's power spectra and log-mel filter bank on plain torch, for batches of equal-length sounds.

The definitions are those of ``torchaudio.compliance.kaldi``, without dither. torchaudio itself is
not used: its last release (2.11) refuses to be imported beside a torch built for another CUDA.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from brainbench_audio.activations.precision import in_float32
from brainbench_audio.errors import ContractError

WINDOW_EXPONENTS = {"hanning": 1.0, "povey": 0.85}
FLOOR = torch.finfo(torch.float32).eps
_PRE_EMPHASIS = 0.97


class PowerSpectrum(nn.Module):
    """Power spectra of overlapping frames.

    A frame has its mean removed, then ``x[j] - 0.97 x[max(j - 1, 0)]``, a symmetric window, zeros
    up to the next power of two. Only whole frames count: ``1 + (sample - length) // shift``.

    Parameters
    ----------
    length, shift : int
        Samples of a frame, and from one to the next.
    window : str
        ``hanning``, or ``povey``: the same to the power of 0.85.

    Raises
    ------
    ContractError
        Another window.
    """

    window: Tensor

    def __init__(self, length: int, shift: int, window: str = "povey") -> None:
        super().__init__()
        if window not in WINDOW_EXPONENTS:
            raise ContractError(
                f"There is no window {window!r}: choose from {', '.join(WINDOW_EXPONENTS)}."
            )
        self.length, self.shift = length, shift
        self.transform = 1 << (length - 1).bit_length()
        samples = torch.from_numpy(np.hanning(length) ** WINDOW_EXPONENTS[window])
        self.register_buffer("window", samples.float(), persistent=False)

    @property
    def bins(self) -> int:
        """Frequencies from 0 Hz to half the sample rate."""
        return self.transform // 2 + 1

    @in_float32
    def forward(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Return power (batch, frame, bin) and energy before pre-emphasis (batch, frame)."""
        frames = waveforms.unfold(-1, self.length, self.shift)
        frames = frames - frames.mean(-1, keepdim=True)
        energy = frames.square().sum(-1)
        previous = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
        emphasised = (frames - _PRE_EMPHASIS * previous) * self.window
        spectrum = torch.fft.rfft(emphasised, n=self.transform)
        return spectrum.real.square() + spectrum.imag.square(), energy


class LogMel(nn.Module):
    """Logarithms of the power in triangular mel bands: ``ln max(sum_k w_k |X_k|**2, eps)``.

    Parameters
    ----------
    sample_rate : int
        Hz.
    bands : int
        Mel bands from 20 Hz to half the sample rate.
    length, shift, window
        See `PowerSpectrum`.
    """

    weights: Tensor

    def __init__(
        self, sample_rate: int, bands: int, length: int, shift: int, window: str = "povey"
    ) -> None:
        super().__init__()
        self.spectrum = PowerSpectrum(length, shift, window)
        weights = mel_weights(sample_rate, bands, self.spectrum.bins).float()
        self.register_buffer("weights", weights, persistent=False)

    @in_float32
    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the image (batch, frame, band) of waveforms (batch, sample)."""
        power, _ = self.spectrum(waveforms)
        return log_floored(power @ self.weights)


def mel_weights(sample_rate: int, bands: int, bins: int, lowest: float = 20.0) -> Tensor:
    """Return the weight of each frequency in each band, float64 (bin, band).

    Triangles of height 1, equally wide and spaced in ``mel = 1127 ln(1 + f / 700)`` from ``lowest``
    to half the sample rate, not scaled to equal area. The last frequency belongs to none, and low
    bands that fall between two frequencies are empty.
    """
    # in numpy, so that a network can be built on torch's meta device
    low, high = _mel(np.array([lowest, sample_rate / 2]))
    spacing = (high - low) / (bands + 1)
    centres = low + spacing * np.arange(1, bands + 1)
    frequencies = np.linspace(0, sample_rate / 2, bins)
    weights = np.maximum(1 - np.abs(_mel(frequencies)[:, None] - centres) / spacing, 0)
    weights[-1] = 0
    return torch.from_numpy(weights)


def log_floored(power: Tensor) -> Tensor:
    """Return the natural logarithm, floored at float32's epsilon as Kaldi does."""
    return power.clamp_min(FLOOR).log()


def _mel(frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(1127 * np.log1p(frequency / 700))
