"""Building blocks of synthetic sounds: sources, filters, envelopes and the final level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Waveform = NDArray[np.float64]

SAMPLE_RATE = 44_100
SAMPLES = 2 * SAMPLE_RATE
LEVEL = 0.06
PEAK = 0.95
FULL_SCALE = 32_768


def seconds(count: int = SAMPLES) -> Waveform:
    """Return the times of `count` samples, in seconds."""
    return np.arange(count) / SAMPLE_RATE


def samples(duration: float) -> int:
    """Return a duration in seconds as a number of samples, at least 32."""
    return max(32, round(duration * SAMPLE_RATE))


def harmonics(frequency: float | Waveform, tilt: float, count: int) -> Waveform:
    """Return a harmonic tone whose partials fall off geometrically.

    The sum over k of tilt**k * sin(k * phase) has a closed form, so that the cost
    does not depend on the number of partials.

    Parameters
    ----------
    frequency : fundamental in Hz, constant or one value a sample.
    tilt : ratio of the amplitudes of two neighbouring partials, in (0, 1).
    count : number of samples.

    Examples
    --------
    >>> harmonics(440.0, 0.5, 44_100).shape
    (44100,)
    """
    track = np.broadcast_to(np.asarray(frequency, dtype=np.float64), (count,))
    phase = 2 * np.pi * np.cumsum(track) / SAMPLE_RATE
    tone: Waveform = (1 - tilt) * np.sin(phase) / (1 - 2 * tilt * np.cos(phase) + tilt**2)
    return tone


def band_noise(rng: np.random.Generator, low: float, high: float, count: int) -> Waveform:
    """Return unit-variance noise between two frequencies in Hz, with soft (Gaussian) edges."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequencies = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    below = np.clip(low - frequencies, 0, None) / (0.15 * low)
    above = np.clip(frequencies - high, 0, None) / (0.15 * high)
    noise: Waveform = np.fft.irfft(spectrum * np.exp(-0.5 * (below**2 + above**2)), count)
    noise /= noise.std() + 1e-12
    return noise


def sloped_noise(rng: np.random.Generator, slope: float, count: int) -> Waveform:
    """Return unit-variance noise whose power falls as frequency**-slope above 60 Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequencies = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    noise: Waveform = np.fft.irfft(spectrum / np.maximum(frequencies, 60.0) ** (slope / 2), count)
    noise /= noise.std() + 1e-12
    return noise


def slow_noise(rng: np.random.Generator, cutoff: float, count: int) -> Waveform:
    """Return a smooth unit-variance random curve with no faster change than `cutoff` Hz."""
    knots = max(4, int(np.ceil(2 * cutoff * count / SAMPLE_RATE)) + 2)
    values = rng.standard_normal(knots)
    values = (values - values.mean()) / (values.std() + 1e-12)
    curve: Waveform = np.interp(np.linspace(0, knots - 1, count), np.arange(knots), values)
    return curve


def resonate(source: Waveform, centres: Sequence[float], widths: Sequence[float]) -> Waveform:
    """Pass a source through resonators in parallel (formants, modes of a body).

    Parameters
    ----------
    source : (count,) samples.
    centres, widths : centre frequencies and bandwidths in Hz; later resonators are weaker.
    """
    # imported where sounds are made: who only looks for them need not wait for half a second
    from scipy import signal

    out = np.zeros_like(source)
    for rank, (centre, width) in enumerate(zip(centres, widths, strict=True)):
        radius = np.exp(-np.pi * width / SAMPLE_RATE)
        cosine = np.cos(2 * np.pi * centre / SAMPLE_RATE)
        gain = (1 - radius**2) / (1 + rank)
        out += signal.lfilter([gain, 0, -gain], [1, -2 * radius * cosine, radius**2], source)
    return out


def modes(centres: Sequence[float], decays: Sequence[float], count: int) -> Waveform:
    """Return a struck body: decaying sinusoids (Hz, time constants in seconds)."""
    times = seconds(count)
    struck = np.zeros(count)
    for rank, (centre, decay) in enumerate(zip(centres, decays, strict=True)):
        struck += np.sin(2 * np.pi * centre * times) * np.exp(-times / decay) / (1 + 0.5 * rank)
    return struck


def swell(count: int, attack: float, release: float) -> Waveform:
    """Return an envelope that rises and falls along half cosines (seconds)."""
    envelope = np.ones(count)
    up, down = min(samples(attack), count // 2), min(samples(release), count // 2)
    envelope[:up] = 0.5 - 0.5 * np.cos(np.pi * np.arange(up) / up)
    envelope[count - down :] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(down) / down)
    return envelope


def decay(count: int, attack: float, constant: float) -> Waveform:
    """Return an envelope with a short attack and an exponential decay (seconds)."""
    times = seconds(count)
    return np.minimum(times / attack, 1.0) * np.exp(-times / constant)


def place(track: Waveform, event: Waveform, start: float) -> None:
    """Add an event to a track at a time in seconds; what lies outside is cut off."""
    first = round(start * SAMPLE_RATE)
    if first >= len(track):
        return
    part = event[: len(track) - first]
    track[first : first + len(part)] += part


def level(sound: Waveform) -> NDArray[np.int16]:
    """Bring a sound to the common level and to 16 bits.

    The mean is removed, the ends get 10 ms ramps, the root mean square becomes `LEVEL`
    of full scale; a sound whose peak would pass `PEAK` is compressed by a tanh first.
    """
    shaped = (sound - sound.mean()) * swell(len(sound), 0.01, 0.01)
    shaped = shaped * (LEVEL / (np.sqrt(np.mean(shaped**2)) + 1e-12))
    if np.abs(shaped).max() > PEAK:
        shaped = PEAK * np.tanh(shaped / PEAK)
    rounded: NDArray[np.int16] = np.round(shaped * (FULL_SCALE - 1)).astype(np.int16)
    return rounded
