"""The spectro-temporal model against the released code."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr
import torch
from brainbench_spectrotemporal.cards import SPECTROTEMPORAL
from brainbench_spectrotemporal.cochleagram import (
    Cochleagram,
    band_filters,
    erb_number,
    normalise_waveform,
)
from brainbench_spectrotemporal.filter_bank import centres, transfer_function
from brainbench_spectrotemporal.network import FAMILY

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.testing.references import assert_equal, read_manifest, read_references

MANIFEST = read_manifest("spectrotemporal")
TOLERANCE = MANIFEST["tolerance"]
FRONTEND_TOLERANCE = {"atol": TOLERANCE["frontend_atol"]}
# What the docstring of `Cochleagram` promises of its shorter transforms.
SHORTENED = {"atol": 5e-5, "rel_l2": 5e-6}

References = dict[str, Any]
Waveform = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> TorchModel:
    return FAMILY(SPECTROTEMPORAL)


@pytest.fixture
def natural(data_folder: Path) -> dict[str, Waveform]:
    return read_natural(data_folder)


@cache
def read_natural(folder: Path) -> dict[str, Waveform]:
    sounds = {}
    for file in sorted((folder / "natsound165" / "wav").glob("*.wav")):
        samples, rate = soundfile.read(file, dtype="int16")
        waveform = samples.astype(np.float32) / 32768
        sounds[file.stem] = soxr.resample(waveform, rate, MANIFEST["sample_rate"], "HQ")
    return sounds


@pytest.fixture
def natural_references(parity_folder: Path) -> References:
    return read_references(MANIFEST, parity_folder)


def clicks() -> Waveform:
    """Return the click train of the manifest: clipped by the normalisation, its peak being 8.9."""
    noise = np.random.RandomState(7).standard_normal(40_000).astype(np.float32)
    waveform = np.zeros(40_000, np.float32)
    waveform[2000::8000] = 0.9
    return waveform + np.float32(1e-3) * noise


@cache
def front_end(oversampling: float | None) -> Cochleagram:
    return Cochleagram(oversampling)


def cochleagram(waveform: Waveform, oversampling: float | None = 50.0) -> npt.NDArray[np.float32]:
    normalised = normalise_waveform(torch.from_numpy(waveform))[None]
    image: npt.NDArray[np.float32] = front_end(oversampling)(normalised)[0].numpy()
    return image


def check_sound(model: TorchModel, waveform: Waveform, name: str, references: References) -> None:
    features = model.activations([waveform])["avgpool"][0]
    assert_equal(features, references[f"{name}/avgpool"], TOLERANCE, name)
    crop = references.get(f"{name}/frontend_crop")
    if crop is not None:
        assert_equal(cochleagram(waveform)[::10], crop, FRONTEND_TOLERANCE, f"{name}, cochleagram")


def test_a_wrong_filter_would_be_seen() -> None:
    reference = read_references(MANIFEST)["glide/avgpool"]
    swapped = reference.reshape(111, 211).copy()
    swapped[10:18], swapped[63:71] = swapped[63:71].copy(), swapped[10:18].copy()
    with pytest.raises(AssertionError, match=r"atol|rel_l2"):
        assert_equal(swapped.ravel(), reference, TOLERANCE, "directions of one scale swapped")


@pytest.mark.data
def test_filters(natural_references: References) -> None:
    assert np.array_equal(centres(), natural_references["filters/centre"])
    sampled = np.stack([transfer_function(*centre)[::53, ::97] for centre in centres()])
    expected = natural_references["filters/response_sample"]
    assert np.allclose(sampled.real, expected[..., 0], atol=1e-6)
    assert np.allclose(sampled.imag, expected[..., 1], atol=1e-6)


@pytest.mark.data
def test_bands_peak_at_their_centres(natural_references: References) -> None:
    expected = natural_references["filters/cochlear_centre_hz"][4:-4]
    peaks = band_filters()[4:-4].argmax(axis=1) * 0.5
    # the top bands are cut off at 10 kHz, and bins lie 0.5 Hz apart
    inside = expected < 9000
    assert np.abs(erb_number(peaks[inside]) - erb_number(expected[inside])).max() < 0.01


@pytest.mark.data
def test_clicks(model: TorchModel, natural_references: References) -> None:
    check_sound(model, clicks(), "clicks", natural_references)


@pytest.mark.data
@pytest.mark.parametrize("every", [15, pytest.param(1, marks=pytest.mark.slow)])
def test_natural_sounds(
    model: TorchModel, natural: dict[str, Waveform], natural_references: References, every: int
) -> None:
    assert len(natural) == 165
    for name in sorted(natural)[::every]:
        check_sound(model, natural[name], name, natural_references)


@pytest.mark.slow
@pytest.mark.data
def test_short_transforms_change_next_to_nothing(natural: dict[str, Waveform]) -> None:
    for name, waveform in natural.items():
        full = cochleagram(waveform, oversampling=None)
        assert_equal(cochleagram(waveform), full, SHORTENED, name)
