"""The sound of a run: speech-like, music-like and scene-like passages that fade into each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from brainbench_simcortex import synthesis
from brainbench_simcortex.synthesis import (
    Waveform,
    band_noise,
    decay,
    harmonics,
    modes,
    place,
    resonate,
    samples,
    sloped_noise,
    slow_noise,
    swell,
)
from numpy.typing import NDArray

from brainbench_audio.stimuli.audio import resample

Rng = np.random.Generator

SAMPLE_RATE = 16_000
SECONDS = 160
PASSAGE = (5.0, 11.0)
FADE = 0.4
LEVEL, SPREAD = 0.05, 6.0  # root mean square of a passage, and decibels around it
PEAK = 0.95
_SCALE = (0, 2, 4, 7, 9)  # semitones


def run_sound(rng: Rng) -> NDArray[np.float32]:
    """Return the sound of a run, (SECONDS * SAMPLE_RATE,), within [-1, 1].

    Passages of 5 to 11 s of the three kinds follow each other in random order, none twice in a row,
    at levels that differ by up to 12 dB.
    """
    track = np.zeros(SECONDS * synthesis.SAMPLE_RATE)
    start, last = 0.0, ""
    while start < SECONDS:
        last = str(rng.choice([kind for kind in PASSAGES if kind != last]))
        seconds = round(rng.uniform(*PASSAGE), 1)  # Fourier transforms of other lengths are slow
        passage = PASSAGES[last](rng, seconds)
        decibels = rng.uniform(-SPREAD, SPREAD)
        gain = LEVEL * 10 ** (decibels / 20) / (np.sqrt(np.mean(passage**2)) + 1e-12)
        place(track, gain * passage * swell(len(passage), FADE, FADE), start)
        start += seconds - FADE
    heard = resample(track.astype(np.float32), synthesis.SAMPLE_RATE, SAMPLE_RATE)
    return np.asarray(PEAK * np.tanh(heard / PEAK), np.float32)


def speech_like(rng: Rng, seconds: float) -> Waveform:
    """Return syllables in phrases: gliding harmonics through formants, hisses, and pauses."""
    track = np.zeros(samples(seconds))
    voice, tract = rng.uniform(90, 230), rng.uniform(0.9, 1.2)
    rate, start = rng.uniform(3.5, 6.0), 0.0
    while start < seconds:
        for _ in range(rng.integers(4, 10)):
            count = samples(rng.uniform(0.6, 1.1) / rate)
            if rng.random() < 0.4:
                hiss = band_noise(rng, rng.uniform(2500, 4500), 7500, samples(0.09))
                place(track, 0.3 * hiss * swell(len(hiss), 0.02, 0.03), start)
                start += 0.07
            glide = voice * np.linspace(rng.uniform(0.9, 1.2), rng.uniform(0.8, 1.1), count)
            formants = tract * np.array([rng.uniform(300, 800), rng.uniform(900, 2200), 2700])
            voiced = resonate(harmonics(glide, 0.85, count), list(formants), [80, 110, 160])
            voiced /= voiced.std() + 1e-12
            place(track, voiced * swell(count, 0.03, 0.06), start)
            start += count / synthesis.SAMPLE_RATE
        start += rng.uniform(0.25, 0.8)
    return track


def music_like(rng: Rng, seconds: float) -> Waveform:
    """Return notes of one scale at one tempo, with a bass and, in half of the cases, a drum."""
    track = np.zeros(samples(seconds))
    beat, tonic, drum = 60 / rng.uniform(80, 160), rng.uniform(110, 220), rng.random() < 0.5
    for number in range(int(seconds / beat)):
        for octave, constant in ((1, 0.5), (2, rng.uniform(0.15, 0.4))):
            if octave == 1 and number % 4:
                continue
            step = 0 if octave == 1 else int(rng.choice(_SCALE))
            count = samples(min(3 * constant, 1.2))
            note = harmonics(tonic * octave * 2 ** (step / 12), rng.uniform(0.4, 0.7), count)
            place(track, note * decay(count, 0.01, constant), number * beat)
        if drum and number % 2:
            hit = band_noise(rng, 1500, 7000, samples(0.12))
            place(track, 0.2 * hit * decay(len(hit), 0.003, 0.03), number * beat)
    return track


def scene_like(rng: Rng, seconds: float) -> Waveform:
    """Return a noise that swells, as of wind or traffic, with knocks and chirps in it."""
    count = samples(seconds)
    track = sloped_noise(rng, rng.uniform(0.3, 1.8), count)
    track *= np.exp(0.5 * slow_noise(rng, 0.4, count))
    for start in np.cumsum(rng.exponential(1.2, 20)):
        length = samples(rng.uniform(0.1, 0.5))
        if rng.random() < 0.5:
            event = modes(list(rng.uniform(200, 3000, 4)), list(rng.uniform(0.03, 0.15, 4)), length)
        else:
            chirp = np.linspace(rng.uniform(1200, 3000), rng.uniform(1200, 3000), length)
            event = harmonics(chirp, 0.3, length) * swell(length, 0.03, 0.05)
        place(track, rng.uniform(1, 4) * event, float(start))
    return track


PASSAGES: Mapping[str, Callable[[Rng, float], Waveform]] = {
    "speech": speech_like,
    "music": music_like,
    "scene": scene_like,
}
