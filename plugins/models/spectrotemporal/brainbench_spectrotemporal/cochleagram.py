"""Cochleagram: 211 half-cosine bands on an ERB scale, envelopes at 200 Hz, compressed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from brainbench_audio.activations.precision import in_float32, in_float64

SAMPLE_RATE = 20_000
SAMPLES = 40_000
"""Samples of the one clip length that the filters are made for: 2 s."""
CHANNELS = 211
FRAMES = 390
FRAME_RATE = 200

_RMS = 0.1
_SILENCE = 1e-12
_OVERLAP = 4
"""Bands that cover each frequency; also the low-pass and high-pass channels at either end."""
_HOP = SAMPLE_RATE // FRAME_RATE
_TAPS = 1001
_FLOOR = 1e-8
_EXPONENT = 0.3
_FACTORS = (4, 2)
"""Shortenings of the inverse transform, each a divisor of the hop."""

Float64 = npt.NDArray[np.float64]


def normalise_waveform(waveform: Tensor) -> Tensor:
    """Remove the mean, scale to an RMS of 0.1 and clip.

    ``clip(0.1 (x - mean x) / rms(x - mean x), -1, 1)``. Peaks do get clipped: after scaling, sparse
    sounds such as drips exceed 1. Silence stays silence.

    Parameters
    ----------
    waveform : Tensor
        (..., sample); the last axis is one sound.

    Returns
    -------
    Tensor
        float32, same shape.

    Examples
    --------
    >>> normalise_waveform(torch.tensor([[3.0, 1.0, 3.0, 1.0], [5.0, 5.0, 5.0, 5.0]]))
    tensor([[ 0.1000, -0.1000,  0.1000, -0.1000],
            [ 0.0000,  0.0000,  0.0000,  0.0000]])
    """
    exact = in_float64(waveform)
    centred = exact - exact.mean(-1, keepdim=True)
    rms = centred.square().mean(-1, keepdim=True).sqrt()
    silent = rms <= _SILENCE
    scaled = torch.where(silent, 0.0, centred * (_RMS / rms.masked_fill(silent, 1.0)))
    return scaled.float().clamp(-1.0, 1.0).to(waveform.device)


def erb_number(frequency: npt.ArrayLike) -> Float64:
    """Return ``9.265 ln(1 + f / (24.7 * 9.265))`` for frequencies f in Hz."""
    return np.asarray(9.265 * np.log1p(np.asarray(frequency, float) / (24.7 * 9.265)))


def band_filters() -> Float64:
    """Return the gain of each channel at each frequency, (211, 20001); channel 0 is the lowest.

    203 band-pass filters ``cos(pi (e - c) / 8d)`` for ``|e - c| < 4d``, where ``e`` is the ERB
    number of the frequency, ``c`` that of the centre and ``d`` the spacing of the centres. Four
    low-pass filters below and four high-pass filters above complete the four outermost bands. All
    are halved, so that the squares sum to 1 at every frequency from 0 to 10 kHz.
    """
    numbers = erb_number(np.arange(SAMPLES // 2 + 1) * (SAMPLE_RATE / SAMPLES))
    lowest, highest = erb_number([50.0, SAMPLE_RATE / 2])
    centres, spacing = np.linspace(lowest, highest, 205, retstep=True)
    centres = centres[1:-1]
    half_width = _OVERLAP * float(spacing)
    distance = numbers - centres[:, np.newaxis]
    bands = np.cos(np.pi * distance / (2 * half_width)) * (np.abs(distance) < half_width)
    below = np.sqrt(1.0 - bands[:_OVERLAP] ** 2) * (distance[:_OVERLAP] < 0)
    above = np.sqrt(1.0 - bands[-_OVERLAP:] ** 2) * (distance[-_OVERLAP:] > 0)
    return np.asarray(np.concatenate([below, bands, above]) / np.sqrt(_OVERLAP))


def envelope_kernel() -> Float64:
    """Return the 1001 taps that low-pass an envelope on its way from 20 kHz to 200 Hz.

    ``kaiser(1001, 5)_j sinc(t_j / 100) / 100`` with ``t_j = j - 500.5``: half a sample off the
    window's centre and with a sum of 1.00094, as in the released code.
    """
    time = (np.arange(_TAPS) - _TAPS / 2) / _HOP
    return np.asarray(np.kaiser(_TAPS, 5.0) * np.sinc(time) / _HOP)


class _Bands(nn.Module):
    """Channels whose envelopes are computed at one rate, ``20 kHz / factor``.

    Parameters
    ----------
    gains : float32 array (211, 20001)
    first, width : int arrays (211,)
        Where a channel's gains begin, and how many there are.
    channels : int array
        Those of this group.
    factor : int
    """

    channels: Tensor
    bins: Tensor
    gains: Tensor
    taps: Tensor

    def __init__(
        self,
        gains: npt.NDArray[np.float32],
        first: npt.NDArray[np.int64],
        width: npt.NDArray[np.int64],
        channels: npt.NDArray[np.int64],
        factor: int,
    ) -> None:
        super().__init__()
        self.samples = SAMPLES // factor
        bins = first[channels, np.newaxis] + np.arange(width[channels].max())
        # The group's widest channel may reach past the last bin from where another begins.
        inside = bins < gains.shape[1]
        bins = np.minimum(bins, gains.shape[1] - 1)
        own = np.where(inside, gains[channels[:, np.newaxis], bins], np.float32(0))
        taps = _polyphase(envelope_kernel(), factor)
        self.register_buffer("channels", torch.from_numpy(channels), persistent=False)
        self.register_buffer("bins", torch.from_numpy(bins), persistent=False)
        self.register_buffer("gains", torch.from_numpy(own), persistent=False)
        self.register_buffer("taps", torch.from_numpy(taps), persistent=False)

    def forward(self, spectrum: Tensor, chunk: slice) -> Tensor:
        """Return the low-passed envelopes (channel, 390) of a chunk of the group's channels."""
        bands = spectrum[self.bins[chunk]] * self.gains[chunk]
        return _downsample(_modulus(torch.fft.ifft(bands, self.samples, norm="forward")), self.taps)


class Cochleagram(nn.Module):
    """Compressed envelopes of 211 cochlear bands.

    ``(max(v, 0) + 1e-8) ** 0.3``, where v is the 200 Hz low-passed envelope of a band. The envelope
    is the modulus of the band's positive frequencies, which are not doubled, and at least 1e-8.
    Compression comes after the low-pass, as in the code that made the published activations (the
    paper's text has the other order).

    A band's modulus does not change when its spectrum is moved to frequency zero, and a narrow band
    moved there is smooth enough to be sampled at 10 or 5 kHz instead of 20: each inverse transform
    is as short as ``oversampling`` allows. The modulus of a band is not itself band-limited, so
    this is an approximation: at 50 it changes no value of the 165 natural sounds by more than 5e-5,
    and no cochleagram by more than 5e-6 of its norm, for 0.7 of the time.

    Parameters
    ----------
    oversampling : float or None
        Least ratio of an envelope's sample rate to the width of its band; None computes all at
        20 kHz.
    channels_per_chunk : int
        Channels of one sound that are transformed at a time on a CPU: bounds memory to about 1 MB
        for each. A GPU, which waits for each operation to be started, takes all of one rate.

    Notes
    -----
    Bands as in Tuckute, Feather, Boebinger and McDermott (2023), circular over the 2 s. No buffer
    is part of the state dict.
    """

    def __init__(self, oversampling: float | None = 50.0, channels_per_chunk: int = 32) -> None:
        super().__init__()
        self.channels_per_chunk = channels_per_chunk
        gains = band_filters().astype(np.float32)
        first = (gains > 0).argmax(axis=1)
        width = gains.shape[1] - (gains[:, ::-1] > 0).argmax(axis=1) - first
        factors = _shortenings(width, oversampling)
        self.groups: Sequence[_Bands] = nn.ModuleList(  # type: ignore[assignment]
            _Bands(gains, first, width, np.flatnonzero(factors == factor), int(factor))
            for factor in np.unique(factors)
        )

    @in_float32
    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the cochleagrams (batch, 211, 390) of normalised waveforms (batch, 40000)."""
        if waveforms.ndim != 2 or waveforms.shape[1] != SAMPLES:
            msg = f"a cochleagram needs waveforms (batch, {SAMPLES}), got {tuple(waveforms.shape)}"
            raise ValueError(msg)
        # One sound at a time: the rounding of batched transforms may depend on the batch.
        return torch.stack([self._one(waveform) for waveform in waveforms])

    def _one(self, waveform: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(waveform, norm="forward")
        envelopes = waveform.new_empty(CHANNELS, FRAMES)
        for group in self.groups:
            size = self.channels_per_chunk if waveform.device.type == "cpu" else CHANNELS
            for start in range(0, len(group.channels), size):
                chunk = slice(start, start + size)
                envelopes[group.channels[chunk]] = group(spectrum, chunk)
        return (envelopes.clamp_min(0.0) + _FLOOR).pow(_EXPONENT)


def _shortenings(width: npt.NDArray[np.int64], oversampling: float | None) -> npt.NDArray[np.int64]:
    """Return for each band by how much its inverse transform may be shortened."""
    factors = np.ones(len(width), np.int64)
    if oversampling is not None:
        for factor in sorted(_FACTORS):
            factors[width * oversampling * factor <= SAMPLES] = factor
    return factors


def _polyphase(kernel: Float64, factor: int) -> npt.NDArray[np.float32]:
    """Return every ``factor``-th tap, cut into hops: (sample of a hop, hop)."""
    hop = _HOP // factor
    taps = kernel[::factor] * factor
    padded = np.pad(taps, (0, -len(taps) % hop))
    return padded.reshape(-1, hop).T.astype(np.float32)


def _modulus(bands: Tensor) -> Tensor:
    """Return max(abs(bands), 1e-8); torch's own ``abs`` of complex numbers is six times slower."""
    real, imaginary = bands.real, bands.imag
    squares = torch.addcmul(real.square(), imaginary, imaginary)
    return squares.clamp_min_(_FLOOR**2).sqrt_()


def _downsample(envelopes: Tensor, taps: Tensor) -> Tensor:
    """Correlate (channel, sample) with the kernel, one frame a hop, without padding."""
    hops = envelopes.reshape(len(envelopes), -1, len(taps)) @ taps
    frames = hops[:, :FRAMES, 0]
    for offset in range(1, taps.shape[1]):
        frames = frames + hops[:, offset : offset + FRAMES, offset]
    return frames
