"""BEATs against the original implementation, both with the same made-up weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_beats.network import BeatsNetwork

from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.comparison import assert_equal, read_manifest, read_references
from tests.parity.sounds import parity_sounds

SOUNDS = parity_sounds(16_000)
TOLERANCE = read_manifest("beats-iter1")["tolerance"]
# As far apart as two correct float32 log-mel images are; a wrong window is off by 0.1 and more.
IMAGE_TOLERANCE = {"atol": 1e-4}

Waveform = npt.NDArray[np.float32]


def check_sound(model: TorchModel, waveform: Waveform, name: str, found: dict[str, Any]) -> None:
    for layer, values in model.activations([waveform]).items():
        assert_equal(values[0], found[f"{name}/{layer}"], TOLERANCE, f"{name}, {layer}")
    network = model.network
    assert isinstance(network, BeatsNetwork)
    batch = torch.from_numpy(waveform)[None]
    with torch.inference_mode():
        if f"{name}/probabilities" in found:
            ours = network(batch)[0].numpy()
            assert_equal(ours, found[f"{name}/probabilities"], TOLERANCE, f"{name}, classifier")
        if f"{name}/frontend" in found:
            ours = network.image(batch)[0].numpy()
            assert_equal(ours, found[f"{name}/frontend"], IMAGE_TOLERANCE, f"{name}, image")


def check_natural_sounds(model: TorchModel, name: str, folder: Path) -> None:
    found = read_references(read_manifest(name), folder)
    with np.load(folder / "waveforms_16000.npz") as waveforms:
        for sound, waveform in waveforms.items():
            assert f"{sound}/frontend" in found
            check_sound(model, waveform, sound, found)


@pytest.mark.parametrize("sound", SOUNDS)
def test_made_up_sounds(pretrained: TorchModel, sound: str) -> None:
    found = read_references(read_manifest("beats-iter1"))
    check_sound(pretrained, SOUNDS[sound], sound, found)


def test_the_fine_tuned_model(fine_tuned: TorchModel) -> None:
    found = read_references(read_manifest("beats-iter3-as2m"))
    assert "vowels/probabilities" in found
    check_sound(fine_tuned, SOUNDS["vowels"], "vowels", found)


@pytest.mark.data
def test_natural_sounds(pretrained: TorchModel, parity_folder: Path) -> None:
    check_natural_sounds(pretrained, "beats-iter1", parity_folder)


@pytest.mark.data
@pytest.mark.slow
def test_natural_sounds_of_the_fine_tuned_model(
    fine_tuned: TorchModel, parity_folder: Path
) -> None:
    check_natural_sounds(fine_tuned, "beats-iter3-as2m", parity_folder)
