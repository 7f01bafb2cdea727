"""Features of frames of sound: how loud it is, in which bands, and of which pitch."""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.signal import get_window

Array = NDArray[np.float64]

SAMPLE_RATE = 16_000
HOP = 160  # 10 ms
SHORT, LONG = 400, 640  # 25 ms, for level and spectrum; 40 ms, three periods of the lowest pitch
BANDS = 32
RANGE = (50.0, 8000.0)  # Hz, of the bands
PITCH = (75.0, 500.0)  # Hz
MIDDLE = 150.0  # Hz: heights of pitch are octaves from here
# periodic above it, as in Praat
VOICED = 0.45
_TRANSFORM = 512
_FINER = 4
# power and energy below which nothing is heard: that of 16-bit rounding
_FLOOR = 1e-9


def features(frames: Array) -> dict[str, Array]:
    """Return features of frames that end at the same times, layer to (frame, feature).

    ``envelope`` is the rectified sound, low-passed by a Hann window of 25 ms; ``spectrum`` the
    logarithm of the power of these 25 ms in 32 mel bands; ``pitch`` how periodic the frame is (0 to
    1) and, where it is voiced, the height of the pitch in octaves from 150 Hz, else 0.

    Parameters
    ----------
    frames : float64 array (frame, 640)
        At 16 kHz.
    """
    recent, window = frames[:, LONG - SHORT :], get_window("hann", SHORT)
    envelope = np.abs(recent) @ (window / window.sum())
    spectrum = scipy.fft.rfft(recent * window, _TRANSFORM)
    power = (spectrum.real**2 + spectrum.imag**2) / np.square(window).sum()
    return {
        "envelope": envelope[:, np.newaxis],
        "spectrum": np.log(power @ filters() + _FLOOR),
        "pitch": pitch(frames),
    }


@cache
def filters() -> Array:
    """Return the bands, (frequency, band): triangles on the mel scale, the mean power in each.

    2595 log10(1 + f / 700) mel; each falls to 0 where its neighbours are highest.
    """
    low, high = (2595 * np.log10(1 + edge / 700) for edge in RANGE)
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    frequency = np.fft.rfftfreq(_TRANSFORM, 1 / SAMPLE_RATE)[:, np.newaxis]
    rise = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rise, fall))
    return np.asarray(triangles / triangles.sum(axis=0))


def pitch(frames: Array) -> Array:
    """Return how periodic frames are, and how high, (frame, 2), see `features`.

    The autocorrelation of the windowed frame over that of the window, at its highest between 75 and
    500 Hz; voiced where it reaches .45 there (Boersma 1993).
    """
    window = get_window("hann", LONG)
    centred = (frames - frames.mean(axis=1, keepdims=True)) * window
    shape = _autocorrelation(window[np.newaxis])
    correlation = _autocorrelation(centred) / shape
    rate = _FINER * SAMPLE_RATE
    lags = np.arange(int(rate / PITCH[1]), int(rate / PITCH[0]) + 1)
    strength = correlation[:, lags] / (correlation[:, :1] + _FLOOR)
    # short periods first: of a periodic sound, all multiples of its period are as good
    best = (strength - 0.01 * np.log2(lags)).argmax(axis=1)
    top = strength[np.arange(len(frames)), best]
    height = np.log2(rate / lags[best] / MIDDLE)
    return np.column_stack([np.clip(top, 0.0, 1.0), np.where(top >= VOICED, height, 0.0)])


def _autocorrelation(frames: Array) -> Array:
    """Return it at lags of a quarter of a sample: periods of high pitches are few samples."""
    spectrum = scipy.fft.rfft(frames, 2 * LONG)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(scipy.fft.irfft(power, _FINER * 2 * LONG)[:, : _FINER * LONG // 2])
