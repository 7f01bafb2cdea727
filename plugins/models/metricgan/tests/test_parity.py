"""MetricGAN+ against the original implementation, both with the same made-up weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_metricgan.network import MetricGanGenerator

from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.comparison import assert_equal, read_manifest, read_references
from tests.parity.sounds import parity_sounds

MANIFEST = read_manifest("metricgan")
SOUNDS = parity_sounds(16_000)
SPECTROGRAM_TOLERANCE = {"atol": 1e-5}

Waveform = npt.NDArray[np.float32]


def check_sound(model: TorchModel, waveform: Waveform, name: str, found: dict[str, Any]) -> None:
    for layer, values in model.activations([waveform]).items():
        assert_equal(values[0], found[f"{name}/{layer}"], MANIFEST["tolerance"], f"{name}, {layer}")


@pytest.mark.parametrize("sound", SOUNDS)
def test_made_up_sounds(model: TorchModel, sound: str) -> None:
    check_sound(model, SOUNDS[sound], sound, read_references(MANIFEST))


@pytest.mark.data
def test_natural_sounds(model: TorchModel, parity_folder: Path) -> None:
    found = read_references(MANIFEST, parity_folder)
    network = model.network
    assert isinstance(network, MetricGanGenerator)
    with np.load(parity_folder / "waveforms_16000.npz") as waveforms:
        for sound, waveform in waveforms.items():
            check_sound(model, waveform, sound, found)
            spectrogram = network.spectrogram(torch.from_numpy(waveform)[None])[0].numpy()
            assert_equal(
                spectrogram,
                found[f"{sound}/frontend"],
                SPECTROGRAM_TOLERANCE,
                f"{sound}, spectrogram",
            )
