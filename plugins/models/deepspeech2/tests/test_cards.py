from __future__ import annotations

import subprocess
import sys

import torch
from brainbench_deepspeech2 import brainbench_models
from brainbench_deepspeech2.cards import CARDS, DEEPSPEECH2
from brainbench_deepspeech2.network import DeepSpeechNetwork

from brainbench_audio import load_model
from tests.parity.comparison import read_manifest

MANIFEST = read_manifest("deepspeech2")


def test_the_hook_hands_over_the_card() -> None:
    assert brainbench_models() == CARDS == [DEEPSPEECH2]


def test_cards_are_light() -> None:
    code = (
        "import sys, brainbench_deepspeech2 as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'numpy', 'scipy', 'xarray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_layers_are_those_of_the_manifest() -> None:
    assert DEEPSPEECH2.id == MANIFEST["model"]
    assert list(DEEPSPEECH2.layers) == MANIFEST["layers"]
    assert dict(zip(DEEPSPEECH2.layers, DEEPSPEECH2.dims, strict=True)) == MANIFEST["dims"]
    assert DEEPSPEECH2.sample_rate == MANIFEST["sample_rate"]


def test_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = DeepSpeechNetwork()
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes == MANIFEST["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == DEEPSPEECH2.parameters


def test_untrained() -> None:
    model, same = (load_model("deepspeech2", weights="untrained", seed=3) for _ in range(2))
    assert model.fingerprint["given"] == {"control": "untrained", "seed": 3}
    ours, expected = model.network.state_dict(), same.network.state_dict()
    assert all(torch.equal(ours[name], expected[name]) for name in expected)
