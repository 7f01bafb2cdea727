from __future__ import annotations

import subprocess
import sys

import torch
from brainbench_metricgan import brainbench_models
from brainbench_metricgan.cards import CARDS, METRICGAN
from brainbench_metricgan.model import load
from brainbench_metricgan.network import MetricGanGenerator

from tests.parity.comparison import read_manifest

MANIFEST = read_manifest("metricgan")


def test_the_hook_hands_over_the_card() -> None:
    assert brainbench_models() == CARDS == [METRICGAN]


def test_cards_are_light() -> None:
    code = (
        "import sys, brainbench_metricgan as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'numpy', 'scipy', 'xarray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_layers_are_those_of_the_manifest() -> None:
    assert list(METRICGAN.layers) == MANIFEST["layers"]
    assert dict(zip(METRICGAN.layers, METRICGAN.dims, strict=True)) == MANIFEST["dims"]
    assert MANIFEST["sample_rate"] == METRICGAN.sample_rate


def test_files_are_those_of_the_manifest() -> None:
    assert [file.url.rpartition("/")[2] for file in METRICGAN.weights] == list(MANIFEST["files"])


def test_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = MetricGanGenerator()
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes == MANIFEST["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == METRICGAN.parameters


def test_untrained() -> None:
    models = [load(METRICGAN, "untrained", seed=seed, device="cpu") for seed in (0, 0, 1)]
    assert models[2].fingerprint["given"] == {"control": "untrained", "seed": 1}
    first, same, other = (model.network.state_dict() for model in models)
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["linear1.weight"], other["linear1.weight"])
