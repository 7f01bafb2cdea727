"""The 111 spectro-temporal filters of Chi, Ru and Shamma (2005), as released by Tuckute et al.

A filter has a signed rate w (Hz, temporal modulation; the sign is the direction of the sweeps it
likes) and a scale k (cycles/ERB, spectral modulation). Its transfer function on the zero-padded
cochleagram is ``H[f, t] = S_k[f] T_w[t] M[f, t]`` with a mask M that removes two quadrants.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from .cochleagram import CHANNELS, FRAME_RATE, FRAMES

RATES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Temporal modulation, Hz."""
SCALES = (0.0, 0.0625, 0.125, 0.25, 0.5, 1.0, 2.0)
"""Spectral modulation, cycles/ERB."""
PADDED_CHANNELS = 2 * CHANNELS
PADDED_FRAMES = 3 * FRAMES
CHANNELS_PER_ERB = 6.0
"""As the released code has it; the channels of the cochleagram are 6.1 to the ERB."""

Float64 = npt.NDArray[np.float64]
Complex128 = npt.NDArray[np.complex128]


def centres() -> list[tuple[float, float]]:
    """Return (signed rate, scale) of each filter, in the order of the features.

    First the DC filter, the purely temporal, purely spectral and negative rates, then the positive
    rates. The paper counts 110; the released code keeps the DC filter, so there are 111.

    Examples
    --------
    >>> len(centres()), centres()[:2], centres()[63]
    (111, [(0.0, 0.0), (-0.5, 0.0)], (0.5, 0.0625))
    """
    negative = [(-rate if rate else 0.0, scale) for scale in SCALES for rate in RATES]
    return negative + [(rate, scale) for scale in SCALES[1:] for rate in RATES[1:]]


@functools.cache
def temporal_response(rate: float) -> Complex128:
    """Return T (1170,), DC first, of a rate in Hz, sign ignored.

    The spectrum, scaled to a peak of 1, of ``h = sin(2 pi u) u**2 exp(-3.5 u)``, ``u = rate time``,
    minus its mean over the 390 frames. The highest rate is a high-pass: between its two peaks the
    modulus is 1. Rate 0 takes the mean over all padded frames.
    """
    rate = abs(rate)
    if rate == 0:
        return np.eye(1, PADDED_FRAMES, dtype=np.complex128).ravel()
    cycles = rate * np.arange(FRAMES) / FRAME_RATE
    impulse = np.sin(2 * np.pi * cycles) * cycles**2 * np.exp(-3.5 * cycles)
    spectrum = np.fft.fft(impulse - impulse.mean(), PADDED_FRAMES)
    modulus = np.abs(spectrum) / np.abs(spectrum).max()
    if rate == RATES[-1]:
        half = PADDED_FRAMES // 2 + 1
        modulus[modulus[:half].argmax() : half + modulus[half:].argmax()] = 1.0
    return np.asarray(modulus * np.exp(1j * np.angle(spectrum)))


@functools.cache
def spectral_response(scale: float) -> Float64:
    """Return S (422,), DC first, of a scale in cycles/ERB: real and even.

    ``R exp(-R)``, ``R = (f / scale)**2``, scaled to a peak of 1. The highest scale is a high-pass:
    1 from its peak on. Scale 0 takes the mean over all padded channels.
    """
    if scale == 0:
        return np.eye(1, PADDED_CHANNELS).ravel()
    frequency = CHANNELS_PER_ERB * np.arange(CHANNELS + 1) / PADDED_CHANNELS
    ratio = (frequency / scale) ** 2
    half = ratio * np.exp(-ratio)
    half /= half.max()
    if scale == SCALES[-1]:
        half[half.argmax() :] = 1.0
    return np.concatenate([half, half[-2:0:-1]])


def bin_signs(size: int) -> Float64:
    """Return the sign of each frequency of an even-sized transform; DC and Nyquist have none."""
    signs = np.sign(np.fft.fftfreq(size))
    signs[size // 2] = 0.0
    return np.asarray(signs)


def transfer_function(rate: float, scale: float) -> Complex128:
    """Return H (422, 1170), frequency axis first, DC first, of a signed rate and a scale.

    Of the four quadrants two are kept, those whose two frequencies have signs whose product is the
    sign of the rate. DC and Nyquist, on either axis, are always kept.
    """
    signs = np.outer(bin_signs(PADDED_CHANNELS), bin_signs(PADDED_FRAMES))
    kept = signs * np.sign(rate) >= 0
    return np.asarray(np.outer(spectral_response(scale), temporal_response(rate)) * kept)


def circulant(response: npt.NDArray[np.inexact], size: int) -> Float64:
    """Return the matrix (size, size) that filters a vector zero-padded to the response's length.

    ``matrix @ x == ifft(response * fft(pad(x)))[:size]``, for responses of real filters.
    """
    kernel = np.fft.ifft(response).real
    return np.asarray(kernel[np.subtract.outer(np.arange(size), np.arange(size)) % len(kernel)])
