"""What the simulated cortex hears in a sound: fixed functions of the waveform.

Every function here takes the sound as it is stored (16 bit, 44.1 kHz), is independent of its
level, and returns one vector a sound. `Calibration` turns these vectors into the layers from which
the voxels are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .synthesis import SAMPLE_RATE

Array = NDArray[np.float64]

PERCEPTS = ("frequency", "modulation", "pitch", "syllables")
LAYERS = (*PERCEPTS, "category")
OPPONENT = ("pitch", "syllables")

BAND_RANGE = np.array([70.0, 14_000.0])
BANDS = 20
REGION_EDGES = (0, 5, 10, 15, 20)
RATE_EDGES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
SYLLABLE_EDGES = (2.0, 4.0, 8.0, 16.0)
PITCH_CENTRES = 70.0 * 2.0 ** (0.75 * np.arange(6))

_WINDOW, _HOP = 512, 220
_PITCH_WINDOW, _PITCH_HOP = 2048, 880
_SHORTEST_LAG, _LONGEST_LAG = 44, 735
_SILENCE = 1e-9
_SHARPNESS = 1.6


def cochlea(frequencies: NDArray[np.floating]) -> Array:
    """Return the weights of Gaussian filters, (band, frequency), evenly spaced in ERB numbers.

    The ERB number of f Hz is 21.4 log10(1 + 0.00437 f) (Glasberg and Moore 1990).

    Examples
    --------
    >>> cochlea(np.array([100.0, 1000.0])).shape
    (20, 2)
    """
    numbers = _erb_number(np.asarray(frequencies, dtype=np.float64))
    centres = np.interp(np.arange(BANDS), [0, BANDS - 1], _erb_number(BAND_RANGE))
    width = 0.6 * (centres[1] - centres[0])
    weights: Array = np.exp(-0.5 * ((numbers - centres[:, None]) / width) ** 2)
    return weights


def excitation(waveform: Array) -> Array:
    """Return the excitation pattern, (20,): band power**0.3 over the whole sound."""
    power = np.abs(np.fft.rfft(waveform)) ** 2 / len(waveform) ** 2
    pattern: Array = (cochlea(np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE)) @ power) ** 0.3
    return pattern


def envelopes(waveform: Array) -> Array:
    """Return the envelopes of the 20 bands, (band, frame), about 200 frames a second."""
    frames = _frames(waveform, _WINDOW, _HOP) * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    weights = cochlea(np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE))
    weights /= weights.sum(axis=1, keepdims=True) + _SILENCE
    bands: Array = np.sqrt(weights @ power.T)
    return bands


def pitch_track(waveform: Array) -> tuple[Array, Array, Array]:
    """Return strength, fundamental in Hz and loudness of each frame of 46 ms.

    The strength is the highest value, for lags of 1 to 17 ms, of the autocorrelation of the
    compressed spectrum (|X|**0.7 in place of |X|**2), divided by its value at lag 0 and by the
    taper of the window, in [0, 1].
    """
    window = np.hanning(_PITCH_WINDOW)
    frames = _frames(waveform, _PITCH_WINDOW, _PITCH_HOP) * window
    loudness = np.sqrt((frames**2).mean(axis=1))
    length = 2 * _PITCH_WINDOW
    spectrum = np.abs(np.fft.rfft(frames, length, axis=1)) ** 0.7
    spectrum[:, np.fft.rfftfreq(length, 1 / SAMPLE_RATE) > 5000] = 0
    correlation = np.fft.irfft(spectrum, length, axis=1)
    taper = np.fft.irfft(np.abs(np.fft.rfft(window, length)) ** 2, length)
    lags = slice(_SHORTEST_LAG, _LONGEST_LAG)
    normalised = correlation[:, lags] / (correlation[:, :1] + _SILENCE)
    normalised = normalised / np.sqrt(taper[lags] / taper[0])
    best = normalised.argmax(axis=1)
    strength = np.clip(normalised[np.arange(len(best)), best], 0, 1)
    return strength, SAMPLE_RATE / (_SHORTEST_LAG + best.astype(np.float64)), loudness


def modulation_depths(bands: Array, edges: Sequence[float]) -> Array:
    """Return how deep envelopes are modulated in each range of rates (Hz), (row, range).

    The depth is the root of the power within the range, relative to the mean envelope.
    """
    count = bands.shape[1]
    rates = np.fft.rfftfreq(count, _HOP / SAMPLE_RATE)
    centred = (bands - bands.mean(axis=1, keepdims=True)) * np.hanning(count)
    power = np.abs(np.fft.rfft(centred, axis=1)) ** 2 / count**2
    ranges = [(rates >= low) & (rates < high) for low, high in pairwise(edges)]
    within = np.stack([power[:, chosen].sum(axis=1) for chosen in ranges], axis=1)
    depths: Array = np.sqrt(within) / (bands.mean(axis=1, keepdims=True) + _SILENCE)
    return depths


def percepts(waveform: NDArray[np.floating]) -> dict[str, Array]:
    """Return what is heard in one sound, before calibration.

    Parameters
    ----------
    waveform : (sample,) at 44.1 kHz, of any level.

    Returns
    -------
    dict
        ``frequency`` (20,): excitation pattern. ``modulation`` (24,): depths in 6 ranges of rates
        for 4 regions of frequency. ``pitch`` (9,): strength of pitch at 6 heights, over all, and
        where it is steady or moves. ``syllables`` (12,): root of the depths of 3 slow ranges of
        rates in the product of envelope and pitch strength, times the loudness of that product,
        for 4 regions.
    """
    sound = np.asarray(waveform, dtype=np.float64)
    sound = sound / (np.sqrt(np.mean(sound**2)) + _SILENCE)
    bands = envelopes(sound)
    regions = np.stack([bands[low:high].mean(axis=0) for low, high in pairwise(REGION_EDGES)])
    strength, fundamental, loudness = pitch_track(sound)
    return {
        "frequency": excitation(sound),
        "modulation": modulation_depths(regions, RATE_EDGES).ravel(),
        "pitch": _pitch(strength, fundamental, loudness),
        "syllables": _syllables(regions, strength),
    }


def _erb_number(frequencies: Array) -> Array:
    numbers: Array = 21.4 * np.log10(1 + 0.00437 * frequencies)
    return numbers


def _pitch(strength: Array, fundamental: Array, loudness: Array) -> Array:
    share = loudness / (loudness.sum() + _SILENCE)
    octaves = np.log2(fundamental)
    near = np.exp(-0.5 * ((octaves[:, None] - np.log2(PITCH_CENTRES)) / 0.4) ** 2)
    heights = (share * strength**2) @ near
    moves = np.abs(np.diff(octaves, prepend=octaves[:1]))
    steady = (share * strength) @ np.exp(-moves / 0.01)
    gliding = (share * strength) @ ((moves > 0.01) & (moves < 0.3))
    return np.array([*heights, share @ strength, steady, gliding])


def _syllables(regions: Array, strength: Array) -> Array:
    count = regions.shape[1]
    voiced = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(strength)), strength**2)
    harmonic = regions * voiced
    depths = modulation_depths(harmonic, SYLLABLE_EDGES)
    weight = harmonic.mean(axis=1, keepdims=True)
    product: Array = np.sqrt(depths * weight / (weight.max() + _SILENCE) * voiced.mean())
    return product.ravel()


def _frames(waveform: Array, window: int, hop: int) -> Array:
    if len(waveform) < 2 * window:
        waveform = np.pad(waveform, (0, 2 * window - len(waveform)))
    frames: Array = np.lib.stride_tricks.sliding_window_view(waveform, window)[::hop]
    return frames


@dataclass(frozen=True)
class Calibration:
    """Constants of the data set that turn percepts into layers.

    Attributes
    ----------
    means, scales : layer to (feature,)
        Over the 165 sounds, so that every planted feature has mean 0 and variance 1 there.
    prototypes : (category, feature)
        Where the categories lie in the space of all standardised percepts after `axes`.
    axes : (percept feature, axis)
        Directions that tell the categories apart.
    """

    means: Mapping[str, Array]
    scales: Mapping[str, Array]
    axes: Array
    prototypes: Array

    @classmethod
    def fit(cls, heard: Sequence[Mapping[str, Array]], categories: Sequence[str]) -> Calibration:
        """Return the constants for some sounds and their categories."""
        means, scales = {}, {}
        for layer in PERCEPTS:
            values = np.stack([one[layer] for one in heard])
            means[layer], scales[layer] = values.mean(axis=0), values.std(axis=0) + _SILENCE
        joint = np.stack([_joint(one, means, scales) for one in heard])
        axes = _discriminants(joint, categories)
        kinds = sorted(set(categories))
        members = np.asarray(categories)
        prototypes = np.stack([(joint[members == kind] @ axes).mean(axis=0) for kind in kinds])
        likeness = np.stack([_likeness(row @ axes, prototypes) for row in joint])
        means["category"], scales["category"] = likeness.mean(axis=0), likeness.std(axis=0)
        return cls(means, scales, axes, prototypes)

    def layers(self, heard: Mapping[str, Array]) -> dict[str, Array]:
        """Return the planted layers of one sound from its percepts, each (feature,).

        The layers `OPPONENT` hold each percept twice, excited (x) and suppressed (-x). Their
        percepts share a common factor, which a correlation over features would otherwise remove.
        """
        joint = _joint(heard, self.means, self.scales)
        raw = {**heard, "category": _likeness(joint @ self.axes, self.prototypes)}
        layers = {layer: (raw[layer] - self.means[layer]) / self.scales[layer] for layer in LAYERS}
        for layer in OPPONENT:
            layers[layer] = np.concatenate([layers[layer], -layers[layer]])
        return layers


def _joint(
    heard: Mapping[str, Array], means: Mapping[str, Array], scales: Mapping[str, Array]
) -> Array:
    return np.concatenate([(heard[layer] - means[layer]) / scales[layer] for layer in PERCEPTS])


def _discriminants(joint: Array, categories: Sequence[str], ridge: float = 0.3) -> Array:
    """Return Fisher's discriminant axes, (feature, category - 1), within-class variance 1."""
    members = np.asarray(categories)
    kinds = sorted(set(categories))
    centres = np.stack([joint[members == kind].mean(axis=0) for kind in kinds])
    residual = joint - centres[np.searchsorted(kinds, members)]
    within = residual.T @ residual / len(joint) + ridge * np.eye(joint.shape[1])
    lengths, directions = np.linalg.eigh(within)
    whiten = directions / np.sqrt(lengths)
    _, _, rotation = np.linalg.svd((centres - centres.mean(axis=0)) @ whiten, full_matrices=False)
    axes: Array = whiten @ rotation[: len(kinds) - 1].T
    return axes


def _likeness(position: Array, prototypes: Array) -> Array:
    """Return the softmax of the negative squared distances to the prototypes, (category,)."""
    distances = ((position - prototypes) ** 2).sum(axis=1)
    likeness = np.exp(-0.5 * _SHARPNESS * (distances - distances.min()))
    total: Array = likeness / likeness.sum()
    return total
