"""Spectra and mel filters against plain loops that follow the definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchaudio.transforms import MelSpectrogram

from brainbench_audio.activations.mel import MagnitudeSpectrum, normalise_peaks, slaney_filters


def noise(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize(("length", "transform"), [(400, 2048), (320, None), (6, 10)])
def test_spectrum(length: int, transform: int | None) -> None:
    window, hop = torch.hann_window(length), length // 2
    spectrum = MagnitudeSpectrum(window, hop, transform)
    size = transform or length
    sounds = noise(2, 3000)
    left = (size - length) // 2
    shape = np.pad(window.numpy(), (left, size - length - left))
    expected = []
    for sound in sounds.numpy():
        mirrored = np.pad(sound, size // 2, mode="reflect")
        frames = [mirrored[start : start + size] * shape for start in range(0, 3001, hop)]
        expected.append(np.abs(np.fft.rfft(frames)).T)
    np.testing.assert_allclose(spectrum(sounds).numpy(), expected, atol=1e-4)


def hertz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def mel(frequency: float) -> float:
    low = frequency < 1000
    return frequency * 3 / 200 if low else 15 + 27 * math.log(frequency / 1000, 6.4)


@pytest.mark.parametrize(
    ("rate", "transform", "bands", "low", "high"),
    [(16_000, 2048, 80, 50.0, 8000.0), (44_100, 1024, 64, 0.0, 22_050.0), (8000, 64, 3, 0, 900)],
)
def test_filters(rate: int, transform: int, bands: int, low: float, high: float) -> None:
    filters = slaney_filters(rate, transform, bands, low, high)
    assert filters.shape == (bands, transform // 2 + 1)
    step = (mel(high) - mel(low)) / (bands + 1)
    for band in range(bands):
        corners = [hertz(mel(low) + step * (band + corner)) for corner in range(3)]
        height = 2 / (corners[2] - corners[0])
        for index in range(transform // 2 + 1):
            gain = np.interp(index * rate / transform, corners, [0, height, 0], left=0, right=0)
            assert math.isclose(filters[band, index], gain, rel_tol=1e-9, abs_tol=1e-12)


def test_spectrum_and_filters_are_torchaudio_s() -> None:
    theirs = MelSpectrogram(
        *(16_000, 2048, 400, 200),
        n_mels=80,
        f_min=50.0,
        power=1.0,
        norm="slaney",
        mel_scale="slaney",
    )
    sounds = noise(2, 3000)
    filters = slaney_filters(16_000, 2048, 80, 50.0, 8000.0).float()
    ours = filters @ MagnitudeSpectrum(torch.hann_window(400), 200, 2048)(sounds)
    torch.testing.assert_close(ours, theirs(sounds), atol=1e-5, rtol=1e-4)


def test_peaks() -> None:
    sounds = torch.tensor([[0.5, -0.25, 0.0], [0.0, -3e-5, 1e-5], [0.0, 0.0, 0.0]])
    expected = torch.tensor([[1.0, -0.5, 0.0], [0.0, -1.0, 1 / 3], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(normalise_peaks(sounds), expected)
