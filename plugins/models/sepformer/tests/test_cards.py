from __future__ import annotations

import subprocess
import sys

import torch
from brainbench_sepformer import brainbench_models
from brainbench_sepformer.cards import CARDS, SEPFORMER
from brainbench_sepformer.model import load
from brainbench_sepformer.network import SepFormer

from tests.parity.comparison import read_manifest

MANIFEST = read_manifest("sepformer")


def test_the_hook_hands_over_the_card() -> None:
    assert brainbench_models() == CARDS == [SEPFORMER]


def test_cards_are_light() -> None:
    code = (
        "import sys, brainbench_sepformer as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'numpy', 'scipy', 'xarray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_layers_are_those_of_the_manifest() -> None:
    assert list(SEPFORMER.layers) == MANIFEST["layers"]
    assert dict(zip(SEPFORMER.layers, SEPFORMER.dims, strict=True)) == MANIFEST["dims"]
    assert MANIFEST["sample_rate"] == SEPFORMER.sample_rate


def test_files_are_those_of_the_manifest() -> None:
    assert [file.url.rpartition("/")[2] for file in SEPFORMER.weights] == list(MANIFEST["files"])


def test_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = SepFormer()
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes == MANIFEST["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == SEPFORMER.parameters


def test_untrained() -> None:
    models = [load(SEPFORMER, "untrained", seed=seed, device="cpu") for seed in (0, 0, 1)]
    assert models[2].fingerprint["given"] == {"control": "untrained", "seed": 1}
    first, same, other = (model.network.state_dict() for model in models)
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["encoder.conv1d.weight"], other["encoder.conv1d.weight"])
