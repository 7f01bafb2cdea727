"""The same features, one filter at a time in float64: slow, short, and the yardstick of the rest.

Follows the formulas with full-length transforms and whole transfer functions. Tests compare the
fast path with it, and `speed/cochleagram.py` times both.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from .cochleagram import CHANNELS, FRAMES, SAMPLES
from .filter_bank import PADDED_CHANNELS, PADDED_FRAMES

Float64 = npt.NDArray[np.float64]


def plain_cochleagram(waveform: npt.ArrayLike, filters: Float64, kernel: Float64) -> Float64:
    """Return the cochleagram (211, 390) of a waveform (40000,) as it comes from a file.

    Parameters
    ----------
    waveform : array (40000,)
        At 20 kHz, not silent.
    filters, kernel : arrays
        `cochleagram.band_filters` and `cochleagram.envelope_kernel`.
    """
    sound = np.asarray(waveform, float)
    sound = sound - sound.mean()
    sound = np.clip(0.1 * sound / np.sqrt((sound**2).mean()), -1, 1)
    spectrum = np.fft.rfft(sound)
    image = np.empty((CHANNELS, FRAMES))
    for channel, gain in enumerate(filters):
        band = np.fft.ifft(spectrum * gain, SAMPLES)
        envelope = np.maximum(np.abs(band), 1e-8)
        windows = np.lib.stride_tricks.sliding_window_view(envelope, len(kernel))[::100]
        image[channel] = windows @ kernel
    return np.asarray((np.maximum(image, 0) + 1e-8) ** 0.3)


def plain_features(
    cochleagram: Float64, transfer_functions: Iterable[npt.NDArray[np.complexfloating]]
) -> Float64:
    """Return the features (filter, 211) of a cochleagram (211, 390).

    Parameters
    ----------
    cochleagram : array (211, 390)
    transfer_functions : iterable of complex arrays (422, 1170)
        `filter_bank.transfer_function` of some or all filters.
    """
    spectrum = np.fft.fft2(100 * cochleagram, (PADDED_CHANNELS, PADDED_FRAMES))
    features = []
    for transfer in transfer_functions:
        filtered = np.fft.ifft2(spectrum * transfer).real[:CHANNELS, :FRAMES]
        features.append(np.maximum(filtered**2, 1e-8).mean(axis=1))
    return np.stack(features)
