from __future__ import annotations

import subprocess
import sys

import torch
from brainbench_dcase2020 import brainbench_models
from brainbench_dcase2020.cards import CARDS, DCASE2020
from brainbench_dcase2020.network import CaptionNetwork

from brainbench_audio import load_model
from tests.parity.comparison import read_manifest

MANIFEST = read_manifest("dcase2020")


def test_the_hook_hands_over_the_card() -> None:
    assert brainbench_models() == CARDS == [DCASE2020]


def test_cards_are_light() -> None:
    code = (
        "import sys, brainbench_dcase2020 as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'numpy', 'scipy', 'xarray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_layers_are_those_of_the_manifest() -> None:
    assert DCASE2020.id == MANIFEST["model"]
    assert list(DCASE2020.layers) == MANIFEST["layers"]
    assert dict(zip(DCASE2020.layers, DCASE2020.dims, strict=True)) == MANIFEST["dims"]
    assert DCASE2020.sample_rate == MANIFEST["sample_rate"]


def test_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = CaptionNetwork()
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes == MANIFEST["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == DCASE2020.parameters


def test_untrained() -> None:
    model, same = (load_model("dcase2020", weights="untrained", seed=3) for _ in range(2))
    assert model.fingerprint["given"] == {"control": "untrained", "seed": 3}
    ours, expected = model.network.state_dict(), same.network.state_dict()
    assert all(torch.equal(ours[name], expected[name]) for name in expected)
