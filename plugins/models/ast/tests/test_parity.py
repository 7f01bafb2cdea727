"""AST against the original implementation, both with the same made-up weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_ast.network import AstNetwork

from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.comparison import assert_equal, read_manifest, read_references
from tests.parity.sounds import parity_sounds

MANIFEST = read_manifest("ast")
TOLERANCE = MANIFEST["tolerance"]
SOUNDS = parity_sounds(MANIFEST["sample_rate"])
# As far apart as two correct float32 images are; a wrong window is off by 0.05 and more.
IMAGE_TOLERANCE = {"atol": 1e-4}
PADDING = 0.46703237

Waveform = npt.NDArray[np.float32]


def check_sound(model: TorchModel, waveform: Waveform, name: str, found: dict[str, Any]) -> None:
    network = model.network
    assert isinstance(network, AstNetwork)
    if f"{name}/frontend" in found:
        image = network.image(torch.from_numpy(waveform)[None])[0].numpy()
        assert_equal(image[:198], found[f"{name}/frontend"], IMAGE_TOLERANCE, f"{name}, image")
        assert np.allclose(image[198:], PADDING, atol=1e-6)
    for layer, values in model.activations([waveform]).items():
        assert_equal(values[0], found[f"{name}/{layer}"], TOLERANCE, f"{name}, {layer}")


def test_a_made_up_sound(model: TorchModel) -> None:
    check_sound(model, SOUNDS["vowels"], "vowels", read_references(MANIFEST))


@pytest.mark.slow
@pytest.mark.parametrize("sound", [name for name in SOUNDS if name != "vowels"])
def test_the_other_made_up_sounds(model: TorchModel, sound: str) -> None:
    check_sound(model, SOUNDS[sound], sound, read_references(MANIFEST))


@pytest.mark.slow
@pytest.mark.data
def test_natural_sounds(model: TorchModel, parity_folder: Path) -> None:
    found = read_references(MANIFEST, parity_folder)
    with np.load(parity_folder / "waveforms_16000.npz") as waveforms:
        for sound, waveform in waveforms.items():
            assert f"{sound}/frontend" in found
            check_sound(model, waveform, sound, found)
