"""One recipe for each of the eleven sound categories, and the list of the 165 sounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .synthesis import (
    SAMPLES,
    Waveform,
    band_noise,
    decay,
    harmonics,
    level,
    modes,
    place,
    resonate,
    samples,
    seconds,
    sloped_noise,
    slow_noise,
    swell,
)

Rng = np.random.Generator
SEED = 165

SCALES = ((0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 10, 12), (0, 2, 4, 7, 9, 12))
VOWELS = (
    (300.0, 2300.0, 3000.0),
    (400.0, 2000.0, 2550.0),
    (600.0, 1700.0, 2400.0),
    (750.0, 1200.0, 2450.0),
    (500.0, 900.0, 2500.0),
    (320.0, 800.0, 2250.0),
)


@dataclass(frozen=True)
class SpeechStyle:
    """Statistics by which two made-up languages differ.

    Rates are in syllables a second; `jitter` is the relative spread of syllable lengths,
    `fricatives` the chance of a noise before a syllable, `excursion` the spread of the
    fundamental in octaves.
    """

    rates: tuple[float, float]
    jitter: float
    fricatives: float
    excursion: float
    formant_scale: float
    noise_band: tuple[float, float]


ENGLISH = SpeechStyle((3.4, 4.6), 0.40, 0.65, 0.10, 1.00, (3000.0, 8000.0))
FOREIGN = SpeechStyle((5.2, 7.0), 0.10, 0.25, 0.22, 1.15, (1800.0, 4500.0))


def music(rng: Rng) -> Waveform:
    """Notes of a scale in one to three voices, plucked or bowed, at times with drums."""
    track = np.zeros(SAMPLES)
    scale = np.asarray(SCALES[rng.integers(len(SCALES))])
    root = 110 * 2 ** rng.uniform(0, 1.6)
    beat = 1 / rng.uniform(2.0, 7.0)
    plucked = rng.random() < 0.6
    tilt = rng.uniform(0.35, 0.85)
    for voice in range(int(rng.integers(1, 4))):
        step = beat * (1, 2, 2)[voice]
        degree = int(rng.integers(len(scale)))
        for start in np.arange(0, 2, step):
            degree = int(np.clip(degree + rng.integers(-2, 3), 0, len(scale) - 1))
            pitch = root * 2 ** (scale[degree] / 12 + (0, -1, 1)[voice])
            count = samples(step * (1.6 if plucked else 1.0))
            shape = decay(count, 0.005, 0.5 * step) if plucked else swell(count, 0.04, 0.06)
            place(track, 0.5 ** (voice / 2) * shape * harmonics(pitch, tilt, count), start)
    if rng.random() < 0.35:
        for start in np.arange(0, 2, 2 * beat):
            count = samples(0.12)
            place(track, 0.25 * decay(count, 0.002, 0.03) * rng.standard_normal(count), start)
    return track


def song(rng: Rng) -> Waveform:
    """Long sung vowels with vibrato on the notes of a scale, at times over a chord."""
    track = np.zeros(SAMPLES)
    scale = np.asarray(SCALES[rng.integers(len(SCALES))])
    root = 140 * 2 ** rng.uniform(0, 1.3)
    vibrato, depth = rng.uniform(4.8, 6.8), rng.uniform(0.012, 0.03)
    start = 0.0
    while start < 2:
        length = rng.uniform(0.3, 0.75)
        count = samples(length)
        pitch = root * 2 ** (rng.choice(scale) / 12)
        track_f0 = pitch * (1 + depth * np.sin(2 * np.pi * vibrato * (seconds(count) + start)))
        voiced = resonate(harmonics(track_f0, 0.93, count), VOWELS[rng.integers(6)], (80, 110, 160))
        place(track, swell(count, 0.06, 0.08) * voiced / (voiced.std() + 1e-12), start)
        start += length * 0.97
    if rng.random() < 0.45:
        for step in (0, 4, 7):
            track += rng.uniform(0.1, 0.3) * harmonics(root / 2 * 2 ** (step / 12), 0.5, SAMPLES)
    return track


def speech(rng: Rng, style: SpeechStyle) -> Waveform:
    """Buzz through moving vowel formants in the rhythm of syllables, with fricatives."""
    track = np.zeros(SAMPLES)
    base = rng.choice([105.0, 190.0]) * 2 ** rng.uniform(-0.25, 0.25)
    scale = style.formant_scale * (1.0 if base < 150 else 1.12)
    rate = rng.uniform(*style.rates)
    start = rng.uniform(0, 0.08)
    while start < 2:
        length = np.clip(1 + style.jitter * rng.standard_normal(), 0.4, 2.0) / rate
        if rng.random() < style.fricatives:
            count = samples(0.3 * length)
            noise = band_noise(rng, *style.noise_band, count) * swell(count, 0.01, 0.02)
            place(track, rng.uniform(0.15, 0.45) * noise, start)
            start += 0.25 * length
        count = samples(0.75 * length)
        bend = 2 ** (style.excursion * rng.standard_normal() - 0.12 * start)
        glide = np.linspace(1.0, 2 ** (style.excursion * rng.standard_normal()), count)
        voice = harmonics(base * bend * glide, 0.96, count)
        first, last = rng.choice(len(VOWELS), 2, replace=False)
        mix = np.linspace(0, 1, count)
        spoken = (1 - mix) * resonate(voice, [scale * f for f in VOWELS[first]], (70, 100, 150))
        spoken += mix * resonate(voice, [scale * f for f in VOWELS[last]], (70, 100, 150))
        stress = rng.uniform(0.5, 1.0)
        place(track, stress * swell(count, 0.03, 0.05) * spoken / (spoken.std() + 1e-12), start)
        start += 0.8 * length
    return track + 0.005 * sloped_noise(rng, 1.0, SAMPLES)


def english_speech(rng: Rng) -> Waveform:
    """Speech in the stress-timed style."""
    return speech(rng, ENGLISH)


def foreign_speech(rng: Rng) -> Waveform:
    """Speech in the syllable-timed style."""
    return speech(rng, FOREIGN)


def human_vocal(rng: Rng) -> Waveform:
    """Laughs, cries and sighs: breathy voiced glides, alone or in bursts."""
    track = np.zeros(SAMPLES)
    laugh = rng.random() < 0.5
    base = 220 * 2 ** rng.uniform(-0.5, 1.3)
    breath = rng.uniform(0.1, 0.9)
    interval = rng.uniform(0.17, 0.28) if laugh else rng.uniform(0.8, 1.9)
    vowel = VOWELS[rng.integers(2, 6)]
    for number, start in enumerate(np.arange(rng.uniform(0, 0.15), 2, interval)):
        count = samples(interval * (0.6 if laugh else 0.85))
        bow = 2 ** (
            rng.uniform(0.1, 0.6) * np.sin(np.pi * np.linspace(rng.uniform(0, 0.5), 1, count))
        )
        voice = harmonics(base * bow * 2 ** (-0.06 * number * laugh), 0.9, count)
        source = voice / voice.std() + breath * rng.standard_normal(count)
        body = resonate(source, [1.1 * f for f in vowel], (120, 180, 250))
        shape = swell(count, 0.03, 0.08) if laugh else swell(count, 0.15, 0.4)
        place(track, shape * body / (body.std() + 1e-12), start)
    return track


def human_nonvocal(rng: Rng) -> Waveform:
    """Steps, claps, typing, breath: short or long noise bursts in a human rhythm."""
    track = np.zeros(SAMPLES)
    rate = rng.uniform(0.8, 7.0)
    low = 120 * 2 ** rng.uniform(0, 4.0)
    high = low * 2 ** rng.uniform(1.0, 3.0)
    constant = min(rng.uniform(0.01, 0.12), 0.5 / rate)
    breathing = rng.random() < 0.25
    start = rng.uniform(0, 0.2)
    while start < 2:
        count = samples(0.9 / rate if breathing else 6 * constant)
        noise = band_noise(rng, low, min(high, 16000), count)
        shape = swell(count, 0.4 / rate, 0.4 / rate) if breathing else decay(count, 0.002, constant)
        place(track, rng.uniform(0.6, 1.0) * shape * noise, start)
        start += np.clip(1 + 0.15 * rng.standard_normal(), 0.5, 1.5) / rate
    return track + 0.01 * sloped_noise(rng, 1.0, SAMPLES)


def animal_vocal(rng: Rng) -> Waveform:
    """Bird-like chirps (high sweeps) or barks (low, rough, falling tones)."""
    track = np.zeros(SAMPLES)
    bird = rng.random() < 0.6
    base = rng.uniform(1500, 5000) if bird else rng.uniform(180, 700)
    interval = rng.uniform(0.07, 0.35) if bird else rng.uniform(0.3, 0.9)
    span = rng.uniform(-0.8, 0.8)
    trill = rng.uniform(15, 45)
    for start in np.arange(rng.uniform(0, 0.1), 2, interval):
        count = samples(interval * rng.uniform(0.45, 0.8))
        sweep = base * 2 ** (span * np.linspace(0, 1, count) + rng.uniform(-0.1, 0.1))
        if bird:
            sweep = sweep * (1 + 0.05 * np.sin(2 * np.pi * trill * seconds(count)))
            call = harmonics(sweep, 0.15, count) * swell(count, 0.01, 0.02)
        else:
            rough = 1 + 0.9 * np.sin(2 * np.pi * 1.7 * trill * seconds(count))
            source = harmonics(sweep, 0.9, count) * rough + 0.2 * rng.standard_normal(count)
            call = resonate(source, (900, 1900), (200, 400)) * swell(count, 0.02, 0.1)
        place(track, rng.uniform(0.6, 1.0) * call / (call.std() + 1e-12), start)
    return track + 0.02 * sloped_noise(rng, 1.5, SAMPLES)


def animal_nonvocal(rng: Rng) -> Waveform:
    """Gallops, wings and rattles: groups of resonant clicks that speed up or slow down."""
    track = np.zeros(SAMPLES)
    centre = 250 * 2 ** rng.uniform(0, 3.5)
    pace = rng.uniform(8, 24)
    drift = rng.uniform(-0.4, 0.4)
    group = int(rng.integers(2, 5))
    start, number = 0.02, 0
    while start < 2:
        count = samples(0.05)
        click = resonate(
            decay(count, 0.0005, 0.002) * rng.standard_normal(count),
            (centre, 2.3 * centre),
            (0.2 * centre, 0.5 * centre),
        )
        place(track, (1.0 if number % group == 0 else 0.55) * click / np.abs(click).max(), start)
        start += (1.0 if (number + 1) % group else 1.8) / (pace * 2 ** (drift * start))
        number += 1
    return track + 0.004 * sloped_noise(rng, 0.5, SAMPLES)


def nature(rng: Rng) -> Waveform:
    """Wind, rain and streams: sloped noise that swells slowly, with many small drops."""
    wind = sloped_noise(rng, rng.uniform(0.3, 2.2), SAMPLES)
    track = wind * np.exp(0.35 * slow_noise(rng, rng.uniform(0.5, 2.0), SAMPLES))
    drops = np.zeros(SAMPLES)
    for start in np.sort(rng.uniform(0, 2, int(rng.integers(60, 300)))):
        count = samples(0.02)
        drop = modes([rng.uniform(900, 6000)], [rng.uniform(0.002, 0.006)], count)
        place(drops, rng.uniform(0.2, 1.0) * drop, start)
    return track + rng.uniform(0.5, 4.0) * drops


def mechanical(rng: Rng) -> Waveform:
    """Engines, fans and alarms: harmonic hums with fast modulation, over shaped noise."""
    alarm = rng.random() < 0.3
    pitch = 500 * 2 ** rng.uniform(0, 2.2) if alarm else 40 * 2 ** rng.uniform(0, 2.5)
    wobble = 1 + rng.uniform(0.0, 0.02) * slow_noise(rng, 3.0, SAMPLES)
    tone = harmonics(
        pitch * wobble, rng.uniform(0.2, 0.6) if alarm else rng.uniform(0.75, 0.95), SAMPLES
    )
    tone /= tone.std() + 1e-12
    rate, depth = (
        (rng.uniform(2, 12), 0.98) if alarm else (rng.uniform(8, 60), rng.uniform(0.1, 0.9))
    )
    phase = np.sin(2 * np.pi * rate * seconds() + rng.uniform(0, 2 * np.pi))
    shape = 1 + depth * (np.tanh(6 * phase) if alarm and rng.random() < 0.6 else phase)
    floor = sloped_noise(rng, rng.uniform(0.0, 1.8), SAMPLES)
    noise = rng.uniform(0.01, 0.1) if alarm else 10 ** rng.uniform(-1.2, 0.3)
    return shape * tone + noise * floor * (1 + 0.5 * depth * phase)


def environment(rng: Rng) -> Waveform:
    """Impacts, creaks and pours: a few struck bodies and noise events over a quiet bed."""
    track = rng.uniform(0.01, 0.08) * sloped_noise(rng, rng.uniform(0.5, 1.5), SAMPLES)
    struck = rng.random() < 0.6
    base = 150 * 2 ** rng.uniform(0, 3.5)
    ratios = np.sort(rng.uniform(1.0, 6.0, 6))
    ring = 10 ** rng.uniform(-1.7, -0.4)
    for start in np.sort(rng.uniform(0, 1.7, int(rng.integers(1, 7)))):
        count = samples(8 * ring if struck else rng.uniform(0.15, 0.9))
        if struck:
            event = modes([base * r for r in ratios], [ring / np.sqrt(r) for r in ratios], count)
            event += 0.4 * decay(count, 0.001, 0.01) * rng.standard_normal(count)
        else:
            event = band_noise(rng, base, min(base * 2 ** rng.uniform(0.5, 3), 15000), count)
            event *= swell(count, 0.04, 0.15) * np.exp(0.6 * slow_noise(rng, 12.0, count))
        place(track, rng.uniform(0.4, 1.0) * event, start)
    return track


RECIPES: dict[str, tuple[int, Callable[[Rng], Waveform]]] = {
    "Music": (24, music),
    "Song": (11, song),
    "EngSpeech": (10, english_speech),
    "ForSpeech": (7, foreign_speech),
    "HumVoc": (13, human_vocal),
    "HumNonVoc": (15, human_nonvocal),
    "AniVoc": (10, animal_vocal),
    "AniNonVoc": (5, animal_nonvocal),
    "Nature": (4, nature),
    "Mechanical": (39, mechanical),
    "EnvSound": (27, environment),
}
CATEGORIES = tuple(RECIPES)


@dataclass(frozen=True)
class Exemplar:
    """One sound to be made: its name, its category and its number within the category."""

    name: str
    category: str
    number: int


def exemplars(seed: int = SEED) -> tuple[Exemplar, ...]:
    """Return the 165 sounds of the set in their (shuffled) order.

    The categories are mixed so that no analysis can lean on the order of the stimuli.
    """
    kinds = [(category, n) for category, (count, _) in RECIPES.items() for n in range(count)]
    order = np.random.default_rng([seed, 0]).permutation(len(kinds))
    return tuple(
        Exemplar(f"sim{place:03d}_{kinds[k][0].lower()}", *kinds[k])
        for place, k in enumerate(order)
    )


def synthesise(exemplar: Exemplar, seed: int = SEED) -> NDArray[np.int16]:
    """Return the samples of one sound, (88200,) at 44.1 kHz.

    Each sound has a random generator of its own, so that it does not depend on which
    others are made, nor on their order.
    """
    recipe = RECIPES[exemplar.category][1]
    rng = np.random.default_rng([seed, 1, CATEGORIES.index(exemplar.category), exemplar.number])
    return level(recipe(rng))
