from __future__ import annotations

import pytest
import torch
from brainbench_dasheng.cards import BASE, CARDS, LARGEST
from brainbench_dasheng.model import SIZES, load, shortened
from brainbench_dasheng.network import DashengNetwork

from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError
from tests.parity.comparison import read_manifest

each_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)


@each_card
def test_sizes_are_those_of_the_manifest(card: ModelCard) -> None:
    manifest = read_manifest(card.id)
    size, published = SIZES[card.id], manifest["hyperparameters"]
    assert size.depth == published["depth"]
    assert size.heads == published["num_heads"]
    assert size.width == published["embed_dim"]


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


def test_the_fingerprint_tells_depths_apart() -> None:
    models = [load(BASE, "untrained", depth=depth) for depth in (1, 2)]
    assert models[0].fingerprint != models[1].fingerprint
