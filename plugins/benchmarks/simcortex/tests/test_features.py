from __future__ import annotations

import numpy as np
import pytest
from brainbench_simcortex.features import (
    BANDS,
    LAYERS,
    PERCEPTS,
    PITCH_CENTRES,
    RATE_EDGES,
    Calibration,
    cochlea,
    percepts,
    pitch_track,
)
from brainbench_simcortex.recipes import exemplars, synthesise
from brainbench_simcortex.synthesis import FULL_SCALE, SAMPLE_RATE, SAMPLES, harmonics, seconds


def tone(frequency: float) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * seconds())


@pytest.mark.parametrize("frequency", [150.0, 600.0, 2500.0, 9000.0])
def test_the_excitation_pattern_peaks_at_the_band_of_a_tone(frequency: float) -> None:
    pattern = percepts(tone(frequency))["frequency"]
    assert pattern.argmax() == cochlea(np.array([frequency]))[:, 0].argmax()


@pytest.mark.parametrize(("rate", "expected"), [(1.5, 0), (3.0, 1), (6.0, 2), (12.0, 3), (24.0, 4)])
def test_modulation_is_deepest_at_the_rate_of_the_sound(rate: float, expected: int) -> None:
    noise = np.random.default_rng(0).standard_normal(SAMPLES)
    sound = noise * (1 + 0.9 * np.sin(2 * np.pi * rate * seconds()))
    depths = percepts(sound)["modulation"].reshape(4, len(RATE_EDGES) - 1)
    assert (depths.argmax(axis=1) == expected).all()


@pytest.mark.parametrize("frequency", [90.0, 200.0, 440.0, 800.0])
def test_pitch_is_found_and_noise_has_none(frequency: float) -> None:
    strength, fundamental, _ = pitch_track(harmonics(frequency, 0.8, SAMPLES))
    octaves = np.log2(np.median(fundamental) / frequency)
    assert abs(octaves - round(octaves)) < 0.05  # an octave below has the same period, twice
    noise, _, _ = pitch_track(np.random.default_rng(0).standard_normal(SAMPLES))
    assert strength.mean() > 2 * noise.mean()


def test_syllables_need_both_pitch_and_slow_modulation() -> None:
    slow = np.clip(np.sin(2 * np.pi * 5 * seconds()), 0, None)
    noise = np.random.default_rng(0).standard_normal(SAMPLES)
    buzz = harmonics(120.0, 0.95, SAMPLES)
    both = percepts(slow * buzz)["syllables"].mean()
    assert both > 1.5 * percepts(buzz)["syllables"].mean()
    assert both > 1.5 * percepts(slow * noise)["syllables"].mean()


def test_features_do_not_depend_on_level_and_stand_silence_and_short_sounds() -> None:
    sound = synthesise(exemplars()[0]) / FULL_SCALE
    for layer, values in percepts(0.1 * sound).items():
        assert np.allclose(values, percepts(sound)[layer], rtol=1e-5, atol=1e-6)
    for odd in (np.zeros(SAMPLE_RATE), sound[:100]):
        assert all(np.isfinite(values).all() for values in percepts(odd).values())


def test_calibration_standardises_every_feature() -> None:
    chosen = exemplars()[:40]
    heard = [percepts(synthesise(exemplar) / FULL_SCALE) for exemplar in chosen]
    calibration = Calibration.fit(heard, [exemplar.category for exemplar in chosen])
    rows = [calibration.layers(one) for one in heard]
    assert set(rows[0]) == set(LAYERS) == {*PERCEPTS, "category"}
    for layer in LAYERS:
        values = np.stack([row[layer] for row in rows])
        assert np.allclose(values.mean(axis=0), 0, atol=1e-9)
        assert np.allclose(values.std(axis=0), 1, atol=1e-3)
    assert rows[0]["frequency"].shape == (BANDS,)
    assert rows[0]["pitch"].shape == (2 * (len(PITCH_CENTRES) + 3),)
