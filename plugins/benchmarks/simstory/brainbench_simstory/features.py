"""What the simulated listeners hear in a sound, ten times a second: fixed functions of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .sounds import SAMPLE_RATE

Array = NDArray[np.float64]

FRAME = SAMPLE_RATE // 10
FRAME_RATE = 10.0  # Hz
BANDS, WIDE_BANDS, HEIGHTS = 12, 6, 5
LAYERS = ("spectrum", "onsets", "pitch")
_EDGES = np.geomspace(100.0, 7500.0, BANDS + 1)  # Hz
_FLOOR = 1e-6
_PITCH = (80.0, 500.0)  # Hz


def heard(sound: NDArray[np.floating]) -> dict[str, Array]:
    """Return the features of a sound, layer to (frame, feature).

    A frame is 0.1 s; a rest at the end is left out. ``spectrum`` is the logarithm of the power in
    12 bands; ``onsets`` by how much it rises from the frame before, in 6 wider ones; ``pitch`` the
    strength of the best period, over all and at 5 heights.

    Parameters
    ----------
    sound : array (sample,)
        At 16 kHz.
    """
    whole = np.asarray(sound, np.float64)
    frames = whole[: len(whole) // FRAME * FRAME].reshape(-1, FRAME)
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME))) ** 2 / FRAME
    band = np.digitize(np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE), _EDGES) - 1
    energy = np.stack([power[:, band == one].mean(axis=1) for one in range(BANDS)], axis=1)
    wide = np.log(energy.reshape(len(frames), WIDE_BANDS, -1).mean(axis=2) + _FLOOR)
    rises = np.maximum(np.diff(wide, axis=0, prepend=wide[:1]), 0)
    return {"spectrum": np.log(energy + _FLOOR), "onsets": rises, "pitch": _pitch(frames)}


def _pitch(frames: Array) -> Array:
    """Return how periodic frames are, (frame, 1 + HEIGHTS)."""
    spectrum = np.abs(np.fft.rfft(frames - frames.mean(axis=1, keepdims=True), 2 * FRAME)) ** 2
    correlation = np.fft.irfft(spectrum)[:, :FRAME]
    periods = np.arange(int(SAMPLE_RATE / _PITCH[1]), int(SAMPLE_RATE / _PITCH[0]) + 1)
    # a sound that is barely there is not periodic
    scale = correlation[:, :1] * (1 - periods / FRAME) + 1e-3
    strength = correlation[:, periods] / scale
    best = strength.argmax(axis=1)
    top = np.clip(strength[np.arange(len(frames)), best], 0, 1)
    octaves = np.log2(SAMPLE_RATE / periods[best] / _PITCH[0])
    centres = np.linspace(0, np.log2(_PITCH[1] / _PITCH[0]), HEIGHTS)
    heights = np.exp(-0.5 * ((octaves[:, np.newaxis] - centres) / 0.4) ** 2)
    return np.column_stack([top, top[:, np.newaxis] * heights])


@dataclass(frozen=True)
class Calibration:
    """Means and deviations of features over all runs, so that each counts alike.

    Attributes
    ----------
    means, scales : mapping of str to (feature,)
        By layer.
    """

    means: Mapping[str, Array]
    scales: Mapping[str, Array]

    @classmethod
    def fit(cls, runs: Sequence[Mapping[str, Array]]) -> Calibration:
        """Return the calibration to features of runs, see `heard`."""
        whole = {layer: np.concatenate([run[layer] for run in runs]) for layer in LAYERS}
        return cls(
            {layer: values.mean(axis=0) for layer, values in whole.items()},
            {layer: values.std(axis=0) for layer, values in whole.items()},
        )

    def layers(self, features: Mapping[str, Array]) -> dict[str, Array]:
        """Return features with mean 0 and variance 1 over the frames of all runs."""
        return {
            layer: (features[layer] - self.means[layer]) / self.scales[layer] for layer in LAYERS
        }
