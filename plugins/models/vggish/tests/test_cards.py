from __future__ import annotations

import subprocess
import sys

import torch
from brainbench_vggish import brainbench_models
from brainbench_vggish.cards import CARDS, VGGISH
from brainbench_vggish.network import VggishNetwork

from tests.parity.comparison import read_manifest

MANIFEST = read_manifest("vggish")


def test_the_hook_hands_over_the_card() -> None:
    assert brainbench_models() == CARDS
    assert [card.id for card in CARDS] == [MANIFEST["model"]]


def test_the_card_is_light() -> None:
    code = (
        "import sys, brainbench_vggish as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'numpy', 'scipy', 'xarray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_layers_are_those_of_the_manifest() -> None:
    assert list(VGGISH.layers) == MANIFEST["layers"]
    assert dict(zip(VGGISH.layers, VGGISH.dims, strict=True)) == MANIFEST["dims"]
    assert VGGISH.sample_rate == MANIFEST["sample_rate"]


def test_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = VggishNetwork(VGGISH.layers)
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes == MANIFEST["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == VGGISH.parameters
