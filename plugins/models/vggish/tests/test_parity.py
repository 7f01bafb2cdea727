"""VGGish against the published implementation, both with the same made-up weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_vggish.network import VggishNetwork

from brainbench_audio import load_model
from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.comparison import assert_equal, read_manifest, read_references
from tests.parity.sounds import parity_sounds
from tests.parity.weights import standin_state_dict

MANIFEST = read_manifest("vggish")
TOLERANCE = MANIFEST["tolerance"]
SOUNDS = parity_sounds(MANIFEST["sample_rate"])
# Both compute in float64 and then round to float32.
PATCH_TOLERANCE = {"atol": 1e-6}


@pytest.fixture(scope="module")
def model() -> TorchModel:
    loaded = load_model("vggish", weights=standin_state_dict(MANIFEST), device="cpu")
    assert isinstance(loaded, TorchModel)
    return loaded


def check_sound(
    model: TorchModel, waveform: npt.NDArray[np.float32], name: str, found: dict[str, Any]
) -> None:
    for layer, values in model.activations([waveform]).items():
        assert_equal(values[0], found[f"{name}/{layer}"], TOLERANCE, f"{name}, {layer}")
    network = model.network
    assert isinstance(network, VggishNetwork)
    patches = network.patches(torch.from_numpy(waveform)[None])[0].unsqueeze(1).numpy()
    assert_equal(patches, found[f"{name}/frontend"], PATCH_TOLERANCE, f"{name}, patches")


@pytest.mark.parametrize("sound", SOUNDS)
def test_made_up_sounds(model: TorchModel, sound: str) -> None:
    check_sound(model, SOUNDS[sound], sound, read_references(MANIFEST))


@pytest.mark.data
def test_natural_sounds(model: TorchModel, parity_folder: Path) -> None:
    found = read_references(MANIFEST, parity_folder)
    with np.load(parity_folder / "waveforms_16000.npz") as waveforms:
        for sound, waveform in waveforms.items():
            check_sound(model, waveform, sound, found)
