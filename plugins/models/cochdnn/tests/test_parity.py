"""Convolutions of CochCNN9, and heads, against the published code with the same made-up weights."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_cochdnn import network as network_module
from brainbench_cochdnn.cochcnn9 import CochCNN9
from brainbench_cochdnn.network import CochNetwork
from brainbench_spectrotemporal.cochleagram import normalise_waveform

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.testing.references import assert_equal, read_manifest, read_references
from brainbench_audio.testing.sounds import parity_sounds
from brainbench_audio.testing.standin import loaded, standin_state_dict

COCHCNN9 = read_manifest("cochcnn9-word")
SOUNDS = parity_sounds(20_000)
each_sound = pytest.mark.parametrize(
    "sound",
    ["vowels", *(pytest.param(name, marks=pytest.mark.slow) for name in ("glide", "bursts"))],
)

Waveform = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def convolutions() -> TorchModel:
    """Return CochCNN9 with one fully connected unit, because drawing the 4096 takes 10 s."""
    large = r"\.(fullyconnected|classification)\.weight$"
    weights = standin_state_dict({**COCHCNN9, "reduced": {"left_out": large}})
    for network in ("module.model.1.", "module.attacker.model.1."):
        weights[f"{network}fullyconnected.weight"] = np.zeros((1, 23040), np.float32)
        weights[f"{network}fullyconnected.bias"] = np.zeros(1, np.float32)
        weights[f"{network}classification.weight"] = np.zeros((794, 1), np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_module, "BODIES", {"cochcnn9": partial(CochCNN9, units=1)})
        return loaded("cochcnn9-word", weights=weights)


def check_sound(
    model: TorchModel, layers: list[str], waveform: Waveform, name: str, found: dict[str, Any]
) -> None:
    tolerance = COCHCNN9["tolerance"]
    for layer, values in model.activations([waveform], layers).items():
        assert_equal(values[0], found[f"{name}/{layer}"], tolerance, f"{name}, {layer}")
    crop = found.get(f"{name}/frontend_crop")
    if crop is not None:
        network = model.network
        assert isinstance(network, CochNetwork)
        clip = normalise_waveform(torch.from_numpy(waveform)[None])
        ours = network.cochleagram(clip)[0].numpy()[::10]
        assert_equal(ours, crop, {"atol": tolerance["frontend_atol"]}, f"{name}, cochleagram")


@each_sound
def test_convolutions_of_cochcnn9(convolutions: TorchModel, sound: str) -> None:
    found = read_references(COCHCNN9)
    assert f"{sound}/frontend_crop" in found
    check_sound(convolutions, COCHCNN9["layers"][:-1], SOUNDS[sound], sound, found)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["cochcnn9", "cochresnet50"])
def test_other_heads_change_no_layer(family: str) -> None:
    manifest = read_manifest(f"{family}-word")
    heads = manifest["heads"]
    shared = {
        name: shape
        for name, shape in manifest["state_dict"].items()
        if name not in heads[f"{family}-word"]
    }
    state = standin_state_dict({**manifest, "state_dict": shared | heads[f"{family}-multitask"]})
    found = read_references(manifest)
    for task in ("speaker", "audioset", "multitask"):
        assert heads[f"{family}-{task}"] == heads[f"{family}-multitask"]
        model = loaded(f"{family}-{task}", weights=state)
        check_sound(model, manifest["layers"], SOUNDS["vowels"], "vowels", found)
