"""The filter bank against a plain loop over frames and bands in float64, and against torchaudio."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torchaudio.compliance import kaldi

from brainbench_audio.activations.kaldi import LogMel, PowerSpectrum, mel_weights
from brainbench_audio.errors import ContractError

# sample rate, bands, length, shift, window: as the published models use them
SETTINGS = [
    (16_000, 128, 400, 160, "povey"),
    (16_000, 80, 400, 160, "hanning"),
    (24_000, 256, 637, 318, "hanning"),
]


def noise(samples: int = 3000) -> npt.NDArray[np.float64]:
    return 1000 * np.random.default_rng(0).standard_normal(samples)


def plain_image(
    waveform: npt.NDArray[np.float64], rate: int, bands: int, length: int, shift: int, window: str
) -> npt.NDArray[np.float64]:
    transform = 2 ** int(np.ceil(np.log2(length)))
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))
    shape = shape ** {"hanning": 1.0, "povey": 0.85}[window]
    shape = shape.astype(np.float32)  # as the front end keeps it
    mel = 1127 * np.log(1 + np.arange(transform // 2 + 1) * rate / transform / 700)
    points = np.linspace(*(1127 * np.log(1 + np.array([20, rate / 2]) / 700)), bands + 2)
    rows = []
    for start in range(0, len(waveform) - length + 1, shift):
        frame = waveform[start : start + length]
        frame = frame - frame.mean()
        frame = shape * (frame - 0.97 * np.append(frame[0], frame[:-1]))
        power = np.abs(np.fft.rfft(frame, transform)) ** 2
        row = []
        for left, centre, right in zip(points, points[1:], points[2:], strict=False):
            rising, falling = (mel - left) / (centre - left), (right - mel) / (right - centre)
            triangle = np.maximum(0, np.minimum(rising, falling))
            row.append(power @ triangle.astype(np.float32))
        rows.append(row)
    return np.log(np.maximum(rows, 2.0**-23))


@pytest.mark.parametrize("settings", SETTINGS)
def test_image_is_the_plain_one(settings: tuple[int, int, int, int, str]) -> None:
    waveform = torch.from_numpy(noise())[None]
    expected = plain_image(noise(), *settings)
    exact = LogMel(*settings).double()(waveform)[0].numpy()
    np.testing.assert_allclose(exact, expected, atol=1e-8)
    # besides, a float32 Fourier transform rounds by about eps of the amplitude of the whole frame
    band = np.exp(expected)
    rounding = np.finfo(np.float32).eps * np.sqrt(band.sum(axis=1, keepdims=True) / band)
    rounding = np.minimum(rounding, 1e-3)
    ours = LogMel(*settings)(waveform.float())[0].numpy()
    assert (np.abs(ours - expected) <= 1e-4 + rounding).all()
    assert np.median(np.abs(ours - expected)) < 1e-6


@pytest.mark.parametrize("settings", SETTINGS)
def test_image_is_torchaudio_s(settings: tuple[int, int, int, int, str]) -> None:
    rate, bands, length, shift, window = settings
    sound = torch.from_numpy(noise()).float()[None]
    theirs = kaldi.fbank(
        sound,
        num_mel_bins=bands,
        sample_frequency=rate,
        frame_length=1000 * length / rate,
        frame_shift=1000 * shift / rate,
        window_type=window,
    )
    # both are float32: the lowest bands, nearly empty, differ by a few 1e-4
    torch.testing.assert_close(LogMel(*settings)(sound)[0], theirs, atol=1e-3, rtol=0)


def test_a_band_between_two_frequencies_is_empty() -> None:
    weights = mel_weights(16_000, 128, 257)
    assert (weights == 0).all(dim=0).nonzero().flatten().tolist() == [3]
    assert not weights[256].any()


def test_energy_is_that_before_pre_emphasis() -> None:
    sound = torch.from_numpy(noise(400))
    _, energy = PowerSpectrum(400, 160).double()(sound[None])
    assert energy.item() == pytest.approx(float(((sound - sound.mean()) ** 2).sum()))


def test_an_unknown_window_is_refused() -> None:
    with pytest.raises(ContractError, match="'kaiser'"):
        PowerSpectrum(400, 160, "kaiser")
