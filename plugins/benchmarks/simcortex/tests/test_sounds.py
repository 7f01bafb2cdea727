from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from brainbench_simcortex.features import percepts
from brainbench_simcortex.recipes import CATEGORIES, RECIPES, exemplars, synthesise
from brainbench_simcortex.synthesis import (
    FULL_SCALE,
    LEVEL,
    SAMPLE_RATE,
    SAMPLES,
    band_noise,
    harmonics,
    level,
)

REAL_COUNTS = {
    "Music": 24,
    "Song": 11,
    "EngSpeech": 10,
    "ForSpeech": 7,
    "HumVoc": 13,
    "HumNonVoc": 15,
    "AniVoc": 10,
    "AniNonVoc": 5,
    "Nature": 4,
    "Mechanical": 39,
    "EnvSound": 27,
}


def test_categories_and_counts_are_those_of_the_natural_sounds() -> None:
    chosen = exemplars()
    assert Counter(exemplar.category for exemplar in chosen) == REAL_COUNTS
    assert len({exemplar.name for exemplar in chosen}) == 165


def test_categories_are_mixed_in_the_order_of_the_stimuli() -> None:
    order = [exemplar.category for exemplar in exemplars()]
    changes = sum(a != b for a, b in pairwise(order))
    assert changes > 100


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_recipe_gives_sane_sounds(category: str) -> None:
    for exemplar in [one for one in exemplars() if one.category == category][:4]:
        sound = synthesise(exemplar)
        assert sound.dtype == np.int16
        assert sound.shape == (SAMPLES,)
        wave = sound / FULL_SCALE
        assert np.abs(wave).max() < 1
        assert 0.7 * LEVEL < np.sqrt(np.mean(wave**2)) < 1.01 * LEVEL
        assert abs(wave.mean()) < 0.05 * LEVEL


def test_a_recipe_never_fails_whatever_the_seed() -> None:
    for category, (_, recipe) in RECIPES.items():
        for seed in range(12):
            assert np.isfinite(recipe(np.random.default_rng(seed))).all(), (category, seed)


def test_a_sound_depends_on_its_seed_alone() -> None:
    first, second, *_ = exemplars()
    assert np.array_equal(synthesise(first), synthesise(first))
    assert not np.array_equal(synthesise(first), synthesise(second))
    assert not np.array_equal(synthesise(first, seed=1), synthesise(first, seed=2))


def test_generation_of_the_sounds_is_quick() -> None:
    started = time.process_time()
    for exemplar in exemplars()[:16]:
        percepts(synthesise(exemplar) / FULL_SCALE)
    assert (time.process_time() - started) * 165 / 16 < 60


def test_harmonics_equal_the_sum_of_their_partials() -> None:
    times = np.arange(1, 2001) / SAMPLE_RATE
    partials = sum(0.6**k * np.sin(2 * np.pi * 200 * k * times) for k in range(1, 60))
    tone = harmonics(200.0, 0.6, 2000)
    assert np.allclose(tone, partials * (tone.std() / np.std(partials)), atol=1e-9)


def test_band_noise_lies_within_its_band() -> None:
    noise = band_noise(np.random.default_rng(0), 1000, 2000, SAMPLES)
    power = np.abs(np.fft.rfft(noise)) ** 2
    frequencies = np.fft.rfftfreq(SAMPLES, 1 / SAMPLE_RATE)
    inside = power[(frequencies > 700) & (frequencies < 2800)].sum()
    assert inside > 0.99 * power.sum()


def test_level_tames_a_single_click() -> None:
    click = np.zeros(SAMPLES)
    click[40_000] = 1.0
    assert np.abs(level(click) / FULL_SCALE).max() < 0.96
