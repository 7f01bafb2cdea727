"""Dasheng against the original implementation, both with the same made-up weights.

The two large networks have their first four blocks only, as their references have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_dasheng.cards import CARDS
from brainbench_dasheng.model import load
from brainbench_dasheng.network import DashengNetwork

from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.comparison import assert_equal, read_manifest, read_references
from tests.parity.sounds import parity_sounds
from tests.parity.weights import standin_state_dict

SOUNDS = parity_sounds(16_000)
BY_ID = {card.id: card for card in CARDS}
# In dB. Where a band is 60 dB below its neighbours, rounding of float32 spectra shows.
IMAGE_TOLERANCE = {"atol": 5e-3}

Waveform = npt.NDArray[np.float32]


def with_standin_weights(model_id: str) -> TorchModel:
    manifest = read_manifest(model_id)
    depth = (manifest["reduced"] or {}).get("depth")
    return load(BY_ID[model_id], standin_state_dict(manifest), device="cpu", depth=depth)


@pytest.fixture(scope="module", params=["dasheng-base", "dasheng-06b", "dasheng-12b"])
def model(request: pytest.FixtureRequest) -> TorchModel:
    return with_standin_weights(request.param)


def check_sound(model: TorchModel, waveform: Waveform, name: str, found: dict[str, Any]) -> None:
    tolerance = read_manifest(model.card.id)["tolerance"]
    activations = model.activations([waveform])
    assert {f"{name}/{layer}" for layer in activations} < set(found)
    for layer, values in activations.items():
        assert_equal(values[0], found[f"{name}/{layer}"], tolerance, f"{name}, {layer}")


@pytest.mark.parametrize("sound", SOUNDS)
def test_made_up_sounds(model: TorchModel, sound: str) -> None:
    check_sound(model, SOUNDS[sound], sound, read_references(read_manifest(model.card.id)))


@pytest.mark.data
def test_natural_sounds(model: TorchModel, parity_folder: Path) -> None:
    found = read_references(read_manifest(model.card.id), parity_folder)
    with np.load(parity_folder / "waveforms_16000.npz") as waveforms:
        for sound, waveform in waveforms.items():
            check_sound(model, waveform, sound, found)


@pytest.mark.slow
def test_the_fine_tuned_model() -> None:
    model = with_standin_weights("dasheng-base-as")
    found = read_references(read_manifest("dasheng-base-as"))
    for sound, waveform in SOUNDS.items():
        check_sound(model, waveform, sound, found)


@torch.inference_mode()
def test_image(model: TorchModel) -> None:
    assert isinstance(model.network, DashengNetwork)
    found = read_references(read_manifest(model.card.id))
    for sound, waveform in SOUNDS.items():
        image = model.network.log_mel(torch.from_numpy(waveform)[None])[0].numpy()
        assert_equal(image, found[f"{sound}/frontend"], IMAGE_TOLERANCE, f"{sound}, image")
