from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_spectrotemporal.cochleagram import (
    Cochleagram,
    band_filters,
    envelope_kernel,
    erb_number,
    normalise_waveform,
)
from brainbench_spectrotemporal.plain import plain_cochleagram

RATE = 20_000
SAMPLES = 40_000


def noise(seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(SAMPLES).astype(np.float32)


def modulated(frequency: float) -> npt.NDArray[np.float32]:
    time = np.arange(SAMPLES) / RATE
    tone = np.sin(2 * np.pi * frequency * time) * (1.2 + np.sin(2 * np.pi * 8 * time))
    return (tone + 0.01 * noise(1)).astype(np.float32)


def image(front_end: Cochleagram, *waveforms: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    normalised = normalise_waveform(torch.from_numpy(np.stack(waveforms)))
    values: npt.NDArray[np.float32] = front_end(normalised).numpy()
    return values


@pytest.fixture(scope="module")
def front_end() -> Cochleagram:
    return Cochleagram()


@pytest.mark.parametrize("waveform", [noise(), modulated(300.0), modulated(4000.0)])
def test_equals_the_plain_formulas(
    front_end: Cochleagram, waveform: npt.NDArray[np.float32]
) -> None:
    expected = plain_cochleagram(waveform, band_filters(), envelope_kernel())
    full = image(Cochleagram(oversampling=None), waveform)[0]
    assert np.abs(full - expected).max() < 1e-5
    shortened = image(front_end, waveform)[0]
    assert np.abs(shortened - expected).max() < 5e-5
    assert np.linalg.norm(shortened - expected) < 5e-6 * np.linalg.norm(expected)


def test_squared_filters_sum_to_one_and_reach_every_frequency() -> None:
    filters = band_filters()
    assert filters.shape == (211, 20_001)
    assert np.allclose((filters**2).sum(axis=0), 1.0, atol=1e-12)
    assert (filters >= 0).all()


def test_erb_numbers() -> None:
    # 24.7 Hz is the width of the narrowest auditory filter: the slope at 0 Hz is its inverse
    assert erb_number(0.0) == 0
    assert erb_number(1e-3) * 1e3 == pytest.approx(1 / 24.7, rel=1e-4)


@pytest.mark.parametrize("frequency", [100.0, 1000.0, 8000.0])
def test_a_tone_is_loudest_in_the_band_around_it(front_end: Cochleagram, frequency: float) -> None:
    loudest = image(front_end, modulated(frequency))[0].mean(axis=1).argmax()
    gains = band_filters()[:, round(frequency * SAMPLES / RATE)]
    assert gains[loudest] > 0.98 * gains.max()


def test_the_chunk_only_bounds_memory() -> None:
    waveform = noise()
    one, all_at_once = (Cochleagram(channels_per_chunk=size) for size in (7, 211))
    assert np.allclose(image(one, waveform), image(all_at_once, waveform), atol=1e-6)


def test_a_sound_is_the_same_alone_and_in_a_batch(front_end: Cochleagram) -> None:
    sounds = [noise(seed) for seed in range(3)]
    together = image(front_end, *sounds)
    for alone, row in zip(sounds, together, strict=True):
        assert np.array_equal(image(front_end, alone)[0], row)


def test_buffers_stay_out_of_the_state_dict(front_end: Cochleagram) -> None:
    assert not front_end.state_dict()
    assert len(list(front_end.buffers())) == 12


@pytest.mark.parametrize("shape", [(SAMPLES,), (1, SAMPLES - 1), (1, 1, SAMPLES)])
def test_another_shape_is_refused(front_end: Cochleagram, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="40000"):
        front_end(torch.zeros(shape))


def test_normalisation() -> None:
    waveform = torch.from_numpy(np.stack([noise(), 3 * noise() + 0.5]))
    normalised = normalise_waveform(waveform)
    assert normalised.dtype == torch.float32
    assert torch.allclose(normalised[0], normalised[1], atol=1e-6)
    assert normalised.mean(-1).abs().max() < 1e-6
    assert torch.allclose(normalised.square().mean(-1).sqrt(), torch.tensor(0.1))


def test_normalisation_clips_peaks() -> None:
    click = torch.zeros(SAMPLES)
    click[100] = 0.5
    assert normalise_waveform(click).max() == 1.0


@pytest.mark.parametrize("level", [0.0, 0.1, -1.0])
def test_silence_and_constant_pressure_become_zeros(level: float) -> None:
    assert not normalise_waveform(torch.full((2, SAMPLES), level)).any()


def test_the_faintest_16_bit_sound_is_no_silence() -> None:
    waveform = torch.zeros(SAMPLES)
    waveform[5] = 1 / 32768
    assert normalise_waveform(waveform).max() == 1.0
