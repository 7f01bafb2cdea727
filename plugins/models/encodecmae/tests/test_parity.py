"""EnCodecMAE against the original implementation, both with the same made-up weights."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_encodecmae.model import load
from brainbench_encodecmae.network import EncodecMAE

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from tests.parity.comparison import assert_equal, read_manifest, read_references
from tests.parity.sounds import parity_sounds
from tests.parity.weights import standin_state_dict

SOUNDS = parity_sounds(24_000)
NAMES = (
    "encodecmae-small",
    "encodecmae-base",
    "encodecmae-ec-base",
    "encodecmae-spec-base",
    "encodecmae-large",
)
SELF_TRAINED = ("encodecmae-base-st", "encodecmae-large-st")


@pytest.fixture(
    scope="module",
    params=[*NAMES, *(pytest.param(name, marks=pytest.mark.slow) for name in SELF_TRAINED)],
)
def model(request: pytest.FixtureRequest, cards: dict[str, ModelCard]) -> Iterator[TorchModel]:
    name = request.param
    if name == "encodecmae-small":
        yield request.getfixturevalue("small")
    else:
        yield load(cards[name], standin_state_dict(read_manifest(name)), device="cpu")


def check_sound(
    model: TorchModel, waveform: npt.NDArray[np.float32], name: str, found: dict[str, Any]
) -> None:
    tolerance = read_manifest(model.card.id)["tolerance"]
    for layer, values in model.activations([waveform]).items():
        assert_equal(values[0], found[f"{name}/{layer}"], tolerance, f"{name}, {layer}")
    network = model.network
    assert isinstance(network, EncodecMAE)
    with torch.inference_mode():
        frames = network.wav_encoder.encoder(torch.from_numpy(waveform)[None])[0].numpy()
    for key in (f"{name}/frontend", f"{name}/frontend_first80"):
        if key in found:
            limit = {"atol": tolerance["frontend_atol"]}
            ours = frames[:80] if key.endswith("80") else frames
            assert_equal(ours, found[key], limit, key)


def some(sounds: Mapping[str, Any], model: TorchModel) -> dict[str, Any]:
    """Return all sounds for the smallest model, one for the others."""
    number = len(sounds) if model.card.id == "encodecmae-small" else 1
    return dict(itertools.islice(sounds.items(), number))


def test_a_made_up_sound(model: TorchModel) -> None:
    found = read_references(read_manifest(model.card.id))
    for sound, waveform in some(SOUNDS, model).items():
        check_sound(model, waveform, sound, found)


@pytest.mark.data
def test_a_natural_sound(model: TorchModel, parity_folder: Path) -> None:
    found = read_references(read_manifest(model.card.id), parity_folder)
    with np.load(parity_folder / "waveforms_24000.npz") as waveforms:
        for sound, waveform in some(waveforms, model).items():
            check_sound(model, waveform, sound, found)


@pytest.mark.slow
def test_all_made_up_sounds(model: TorchModel) -> None:
    found = read_references(read_manifest(model.card.id))
    for sound, waveform in SOUNDS.items():
        check_sound(model, waveform, sound, found)


@pytest.mark.slow
@pytest.mark.data
def test_all_natural_sounds(model: TorchModel, parity_folder: Path) -> None:
    found = read_references(read_manifest(model.card.id), parity_folder)
    with np.load(parity_folder / "waveforms_24000.npz") as waveforms:
        for sound, waveform in waveforms.items():
            check_sound(model, waveform, sound, found)
