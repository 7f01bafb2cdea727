from __future__ import annotations

import numpy as np
import pytest
import torch
from brainbench_spectrotemporal.filter_bank import (
    PADDED_CHANNELS,
    PADDED_FRAMES,
    RATES,
    SCALES,
    bin_signs,
    centres,
    circulant,
    spectral_response,
    temporal_response,
    transfer_function,
)
from brainbench_spectrotemporal.network import FilterBank, SpectrotemporalNetwork, cut
from brainbench_spectrotemporal.plain import plain_features
from torch import Tensor

CHANNELS, FRAMES = 211, 390


@pytest.fixture(scope="module")
def bank() -> FilterBank:
    return FilterBank()


def images() -> dict[str, Tensor]:
    """Cochleagram-like images, and two whose power lies in the Nyquist bins."""
    generator = np.random.default_rng(3)
    smooth = generator.random((CHANNELS, FRAMES)).cumsum(axis=1) / FRAMES
    flips = np.outer((-1.0) ** np.arange(CHANNELS), (-1.0) ** np.arange(FRAMES))
    found = {
        "noise": 0.4 * generator.random((CHANNELS, FRAMES)),
        "smooth": smooth,
        "nyquist on both axes": flips,
        "nyquist in frequency": flips[:, :1] * smooth,
        "silence": np.full((CHANNELS, FRAMES), 0.0049),
    }
    return {name: torch.from_numpy(image).float() for name, image in found.items()}


@pytest.mark.parametrize("name", images())
def test_matrices_equal_plain_transforms(bank: FilterBank, name: str) -> None:
    image = images()[name]
    chosen = [0, 3, 8, 9, 13, 17, 36, 54, 58, 62, 70, 90, 110]
    transfers = (transfer_function(*centres()[index]) for index in chosen)
    expected = plain_features(image.numpy().astype(float), transfers)
    ours = bank(image[None])[0].numpy()[chosen]
    assert np.linalg.norm(ours - expected) < 2e-6 * np.linalg.norm(expected)


def test_order_of_the_filters() -> None:
    found = centres()
    assert len(found) == len(set(found)) == 111
    assert found[:9] == [(0.0, 0.0), *((-rate, 0.0) for rate in RATES[1:])]
    assert [found[9 + 9 * m] for m in range(6)] == [(0.0, scale) for scale in SCALES[1:]]
    for m, scale in enumerate(SCALES[1:]):
        assert found[10 + 9 * m : 18 + 9 * m] == [(-rate, scale) for rate in RATES[1:]]
        assert found[63 + 8 * m : 71 + 8 * m] == [(rate, scale) for rate in RATES[1:]]


@pytest.mark.parametrize("rate", RATES[1:])
def test_temporal_filters(rate: float) -> None:
    response = temporal_response(rate)
    impulse = np.fft.ifft(response)
    assert np.abs(response).max() == pytest.approx(1.0)
    assert np.abs(response[0]) < 1e-12
    assert np.abs(impulse.imag).max() < 1e-12
    peak = np.abs(response[: PADDED_FRAMES // 2]).argmax() * 200 / PADDED_FRAMES
    # the slowest are cut off by the 390 frames, the fastest is a high-pass
    assert peak == pytest.approx(rate, abs=0.5, rel=0.35)


@pytest.mark.parametrize("scale", SCALES[1:])
def test_spectral_filters(scale: float) -> None:
    response = spectral_response(scale)
    assert np.array_equal(response[1:], response[:0:-1])
    assert response[0] == 0
    assert response.max() == 1.0
    assert response.argmax() * 6 / PADDED_CHANNELS == pytest.approx(scale, abs=0.01)


@pytest.mark.parametrize("size", [8, 422])
def test_circulant_matrices_filter_padded_vectors(size: int) -> None:
    generator = np.random.default_rng(size)
    response = np.fft.fft(generator.standard_normal(size))
    vector = generator.standard_normal(size // 2)
    expected = np.fft.ifft(response * np.fft.fft(vector, size))[: size // 2]
    assert np.allclose(circulant(response, size // 2) @ vector, expected)


def test_dc_and_nyquist_have_no_sign() -> None:
    assert bin_signs(6).tolist() == [0, 1, 1, 0, -1, -1]


def test_opposite_directions_swap_when_time_runs_backwards(bank: FilterBank) -> None:
    time, channel = np.arange(FRAMES) / 200, np.arange(CHANNELS) / 6
    sweep = 1 + np.cos(2 * np.pi * (8 * time + 0.5 * channel[:, np.newaxis]))
    up, down = (
        bank(torch.tensor(image.copy()[np.newaxis]).float())[0].mean(-1)
        for image in (sweep, sweep[:, ::-1])
    )
    negative = centres().index((-8.0, 0.5))
    positive = centres().index((8.0, 0.5))
    assert up[positive] > 10 * up[negative]
    assert down[negative] > 10 * down[positive]


def test_short_sounds_are_padded_at_the_end() -> None:
    waveform = torch.arange(1.0, 101.0)
    (clip,) = cut(waveform)
    assert torch.equal(clip[:100], waveform)
    assert not clip[100:].any()
    assert cut(torch.zeros(0)).shape == (1, 40_000)


@pytest.mark.parametrize(
    ("samples", "starts"),
    [(40_000, [0]), (80_000, [0, 40_000]), (40_001, [0, 1]), (100_000, [0, 40_000, 60_000])],
)
def test_long_sounds_are_cut_and_nothing_is_left_out(samples: int, starts: list[int]) -> None:
    clips = cut(torch.arange(samples))
    assert clips[:, 0].tolist() == starts
    assert clips[:, -1].tolist() == [start + 39_999 for start in starts]


def test_a_long_sound_has_the_mean_features_of_its_clips() -> None:
    network = SpectrotemporalNetwork()
    clips = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 40_000))).float()
    clips[1, :30_000] = 0
    whole = network(clips.reshape(1, -1))[0]
    assert torch.allclose(whole, network(clips).mean(0), rtol=1e-6)
