"""S2T against the original implementation, both with the same made-up weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_s2t.network import S2tNetwork

from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.comparison import assert_equal, read_manifest, read_references
from tests.parity.sounds import parity_sounds

MANIFEST = read_manifest("s2t")
TOLERANCE = MANIFEST["tolerance"]
IMAGE_TOLERANCE = {"atol": TOLERANCE["frontend_atol"]}
SOUNDS = parity_sounds(MANIFEST["sample_rate"])

Waveform = npt.NDArray[np.float32]


def check_sound(model: TorchModel, waveform: Waveform, name: str, found: dict[str, Any]) -> None:
    for layer, values in model.activations([waveform]).items():
        assert_equal(values[0], found[f"{name}/{layer}"], TOLERANCE, f"{name}, {layer}")
    network = model.network
    assert isinstance(network, S2tNetwork)
    if f"{name}/frontend" in found:
        image = network.image(torch.from_numpy(waveform)[None])[0].numpy()
        assert_equal(image, found[f"{name}/frontend"], IMAGE_TOLERANCE, f"{name}, image")


@pytest.mark.parametrize("sound", SOUNDS)
def test_made_up_sounds(model: TorchModel, sound: str) -> None:
    found = read_references(MANIFEST)
    assert "glide/frontend" in found
    check_sound(model, SOUNDS[sound], sound, found)


@pytest.mark.data
def test_natural_sounds(model: TorchModel, parity_folder: Path) -> None:
    found = read_references(MANIFEST, parity_folder)
    with np.load(parity_folder / "waveforms_16000.npz") as waveforms:
        for sound, waveform in waveforms.items():
            assert f"{sound}/frontend" in found
            check_sound(model, waveform, sound, found)
