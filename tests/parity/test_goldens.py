"""Every model against its original implementation, both with the same made-up weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.testing.references import assert_equal, read_manifests, read_references
from brainbench_audio.testing.sounds import parity_sounds
from brainbench_audio.testing.standin import standin_model

from .front_ends import further_output

MANIFESTS = read_manifests()
# by the time it takes to draw their weights
SLOW = {
    "cochcnn9-word",  # its convolutions alone are compared in the plugin
    "dasheng-06b",
    "dasheng-12b",
    "dasheng-base-as",
    "encodecmae-base-st",
    "encodecmae-large",
    "encodecmae-large-st",
}
SMALL = ("dcase2020", "metricgan", "zerospeech2020")
FIRST = "vowels"

Waveform = npt.NDArray[np.float32]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in MANIFESTS
    ],
)
def model(request: pytest.FixtureRequest) -> TorchModel:
    return standin_model(request.param)


def check_sound(model: TorchModel, waveform: Waveform, sound: str, found: dict[str, Any]) -> None:
    """Compare all that the references have of a sound; nothing in them may go unseen."""
    manifest = MANIFESTS[model.card.id]
    tolerance = manifest["tolerance"]
    prefix = f"{sound}/"
    expected = {
        name.removeprefix(prefix): values
        for name, values in found.items()
        if name.startswith(prefix) and name.removeprefix(prefix) not in manifest.get("extra", ())
    }
    for layer, values in model.activations([waveform]).items():
        assert_equal(values[0], expected.pop(layer), tolerance, f"{sound}, {layer}")
    with torch.inference_mode():
        for name, reference in expected.items():
            batch = torch.from_numpy(waveform)[None]
            ours, limit = further_output(model, name, batch, tolerance)
            assert_equal(ours.numpy(), reference, limit, f"{sound}, {name}")


def check_natural_sounds(model: TorchModel, folder: Path, number: int | None = None) -> None:
    found = read_references(MANIFESTS[model.card.id], folder)
    with np.load(folder / f"waveforms_{model.sample_rate}.npz") as waveforms:
        for sound in list(waveforms)[:number]:
            check_sound(model, waveforms[sound], sound, found)


def test_a_made_up_sound(model: TorchModel) -> None:
    found = read_references(MANIFESTS[model.card.id])
    check_sound(model, parity_sounds(model.sample_rate)[FIRST], FIRST, found)


@pytest.mark.slow
def test_the_other_made_up_sounds(model: TorchModel) -> None:
    found = read_references(MANIFESTS[model.card.id])
    for sound, waveform in parity_sounds(model.sample_rate).items():
        if sound != FIRST:
            check_sound(model, waveform, sound, found)


@pytest.mark.data
@pytest.mark.parametrize("name", SMALL)
def test_a_natural_sound(name: str, parity_folder: Path) -> None:
    check_natural_sounds(standin_model(name), parity_folder, number=1)


@pytest.mark.slow
@pytest.mark.data
def test_natural_sounds(model: TorchModel, parity_folder: Path) -> None:
    check_natural_sounds(model, parity_folder)
