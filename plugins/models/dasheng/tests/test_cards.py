from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from brainbench_dasheng import brainbench_models
from brainbench_dasheng.cards import BASE, BASE_AS, CARDS, LARGEST
from brainbench_dasheng.model import SIZES, load, shortened
from brainbench_dasheng.network import DashengNetwork

from brainbench_audio import load_model
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError
from tests.parity.comparison import read_manifest

CLASSIFIER = {"outputlayer.0.weight", "outputlayer.0.bias"} | {
    "outputlayer.1.weight",
    "outputlayer.1.bias",
}
each_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)


def test_the_hook_hands_over_the_cards() -> None:
    assert brainbench_models() == CARDS
    ids = ["dasheng-base", "dasheng-06b", "dasheng-12b", "dasheng-base-as"]
    assert [card.id for card in CARDS] == ids


def test_cards_are_light() -> None:
    code = (
        "import sys, brainbench_dasheng as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'numpy', 'scipy', 'xarray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@each_card
def test_layers_are_those_of_the_manifest(card: ModelCard) -> None:
    manifest = read_manifest(card.id)
    assert dict(zip(card.layers, card.dims, strict=True)) == manifest["dims"]
    assert card.sample_rate == manifest["sample_rate"]
    size, published = SIZES[card.id], manifest["hyperparameters"]
    assert size.depth == published["depth"]
    assert size.heads == published["num_heads"]
    assert size.width == published["embed_dim"]


@each_card
def test_parameters_are_the_published_ones(card: ModelCard) -> None:
    with torch.device("meta"):
        network = DashengNetwork(SIZES[card.id])
    manifest = read_manifest(card.id)
    dropped = set(manifest["not_filled"]) | (CLASSIFIER if card == BASE_AS else set())
    assert dropped <= set(manifest["state_dict"])
    published = {
        name: shape for name, shape in manifest["state_dict"].items() if name not in dropped
    }
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes == published
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert parameters == card.parameters == manifest["parameters"]


@each_card
def test_fewer_blocks(card: ModelCard) -> None:
    short, size = shortened(card, SIZES[card.id], 2)
    with torch.device("meta"):
        network = DashengNetwork(size)
    assert sum(parameter.numel() for parameter in network.parameters()) == short.parameters
    assert short.layers == ("blocks.0", "blocks.1")
    assert short.dims == (card.dims[0],) * 2


@pytest.mark.parametrize("depth", [0, 41])
def test_an_impossible_depth(depth: int) -> None:
    with pytest.raises(ContractError, match=f"dasheng-12b has 40 blocks: depth={depth}"):
        load(LARGEST, "untrained", depth=depth)


@each_card
def test_untrained(card: ModelCard) -> None:
    models = [load_model(card.id, weights="untrained", seed=seed, depth=1) for seed in (0, 0, 1)]
    first, same, other = (model.network.state_dict() for model in models)
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["time_pos_embed"], other["time_pos_embed"])


def test_the_fingerprint_tells_depths_apart() -> None:
    models = [load(BASE, "untrained", depth=depth) for depth in (1, 2)]
    assert models[0].fingerprint != models[1].fingerprint
