"""`lowlevel`: what it tells of sounds, and that windows are the frames of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from brainbench_lowlevel import brainbench_models, model
from brainbench_lowlevel.cards import LOWLEVEL
from brainbench_lowlevel.features import BANDS, MIDDLE, RANGE, SAMPLE_RATE, filters
from brainbench_lowlevel.model import LowLevel
from numpy.typing import NDArray

from brainbench_audio.errors import ContractError
from brainbench_audio.stimuli.stimulus_set import Moment
from brainbench_audio.testing.conformance import Check, checks

Sound = NDArray[np.float32]
TIME = np.arange(SAMPLE_RATE) / SAMPLE_RATE


def voice(pitch: float, seconds: float = 1.0) -> Sound:
    """Return eight harmonics, the higher the fainter; the lowest is missing."""
    time = TIME[: round(seconds * SAMPLE_RATE)]
    harmonics = range(2, 10)
    return np.float32(0.1) * sum(
        np.sin(2 * np.pi * pitch * harmonic * time) / harmonic for harmonic in harmonics
    ).astype(np.float32)  # type: ignore[union-attr]


def noise(samples: int, seed: int = 0) -> Sound:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@pytest.fixture
def lowlevel() -> LowLevel:
    assert brainbench_models() == [LOWLEVEL]
    return LowLevel(LOWLEVEL)


@pytest.mark.parametrize("pitch", [80.0, 123.4, 220.0, 440.0])
def test_pitch(lowlevel: LowLevel, pitch: float) -> None:
    late = Moment((0.5, 1.0), (0.5, 1.0))
    ((periodic, height),) = lowlevel.activations_over_time([voice(pitch)], late)["pitch"]
    assert periodic > 0.9
    assert MIDDLE * 2**height == pytest.approx(pitch, rel=0.01)


def test_what_has_no_pitch_and_what_has_one_at_times(lowlevel: LowLevel) -> None:
    sounds = [noise(SAMPLE_RATE), np.zeros(SAMPLE_RATE, np.float32), 1e-7 * voice(150)]
    periodic, height = lowlevel.activations(sounds)["pitch"].T
    assert 0.05 < periodic[0] < 0.3
    assert periodic[1:].max() < 0.01
    np.testing.assert_array_equal(height, 0)
    half = np.concatenate([voice(300), noise(SAMPLE_RATE)])
    ((periodic_at_times, height_at_times),) = lowlevel.activations([half])["pitch"]
    assert 0.5 < periodic_at_times < 0.7
    assert height_at_times == pytest.approx(0.5, abs=0.02)


def test_envelope_follows_the_level(lowlevel: LowLevel) -> None:
    louder = (1 + np.sin(2 * np.pi * 2 * TIME)) * np.sin(2 * np.pi * 1000 * TIME)
    found = [
        lowlevel.activations_over_time([louder.astype(np.float32)], Moment((at, at + 0.05), (0, 1)))
        for at in np.arange(0.05, 0.9, 0.05)
    ]
    course = np.array([one["envelope"][0, 0] for one in found])
    middle = np.arange(0.05, 0.9, 0.05) + 0.025 - 0.0075  # of the frames' 25 ms
    expected = 2 / np.pi * (1 + np.sin(2 * np.pi * 2 * middle))
    np.testing.assert_allclose(course, expected, atol=0.03)


def test_bands_are_those_of_torchaudio(lowlevel: LowLevel) -> None:
    functional = pytest.importorskip("torchaudio.functional")
    theirs = functional.melscale_fbanks(257, *RANGE, BANDS, SAMPLE_RATE).numpy()
    np.testing.assert_allclose(filters(), theirs / theirs.sum(axis=0), atol=1e-4)
    low, high = (np.sin(2 * np.pi * tone * TIME).astype(np.float32) for tone in (200, 5000))
    spectrum = lowlevel.activations([low, high])["spectrum"]
    centres = np.fft.rfftfreq(512, 1 / SAMPLE_RATE) @ filters()
    assert np.abs(centres[spectrum.argmax(axis=1)] / (200, 5000) - 1).max() < 0.2
    # twice the amplitude, four times the power
    louder = lowlevel.activations([2 * noise(4000)])["spectrum"]
    quieter = lowlevel.activations([noise(4000)])["spectrum"]
    np.testing.assert_allclose(louder - quieter, np.log(4), atol=1e-4)


def test_windows_are_the_frames_of_the_whole(
    lowlevel: LowLevel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = np.concatenate([noise(8000), voice(200), noise(8000, 1)])
    whole = lowlevel.activations([sound])
    monkeypatch.setattr(model, "_CHUNK", 7)
    # in few frames at a time, and by windows of all lengths that begin in silence
    windows = [
        np.concatenate([np.zeros(max(0, 9600 - end), np.float32), sound[max(0, end - 9600) : end]])
        for end in range(1600, len(sound) + 1, 1600)
    ]
    parts = lowlevel.activations_over_time(windows, Moment((0.5, 0.6), (0.1, 0.6)))
    for layer, values in whole.items():
        np.testing.assert_allclose(parts[layer].mean(axis=0), values[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(lowlevel.activations([sound])[layer], values, rtol=1e-5)


def test_what_is_refused(lowlevel: LowLevel) -> None:
    with pytest.raises(ContractError, match="no layer 'words', only envelope"):
        lowlevel.activations([noise(4000)], ["words"])
    with pytest.raises(ContractError, match=r"has 399 samples .* from 400 samples on"):
        lowlevel.activations([noise(399)])
    with pytest.raises(ContractError, match="models take mono"):
        lowlevel.activations([np.ones((2, 4000), np.float32)])


@pytest.mark.parametrize("check", checks("brainbench-lowlevel"), ids=str)
def test_conformance(check: Check) -> None:
    outcome = check.outcome()
    if outcome.state == "not checked":
        pytest.skip(outcome.message)
    assert outcome.state != "failed", outcome.message
