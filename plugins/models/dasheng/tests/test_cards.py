from __future__ import annotations

import pytest
import torch
from brainbench_dasheng.cards import BASE, CARDS, LARGEST
from brainbench_dasheng.network import FAMILY, SIZES, DashengNetwork, configure

from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError
from brainbench_audio.testing.references import read_manifest

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
    configured = configure(card, None, depth=2)
    short = configured.card
    with torch.device("meta"):
        network = DashengNetwork(**configured.arguments)
    assert sum(parameter.numel() for parameter in network.parameters()) == short.parameters
    assert short.layers == ("blocks.0", "blocks.1")
    assert short.dims == (card.dims[0],) * 2


@pytest.mark.parametrize("depth", [0, 41])
def test_an_impossible_depth(depth: int) -> None:
    with pytest.raises(ContractError, match=f"dasheng-12b has 40 blocks: depth={depth}"):
        FAMILY(LARGEST, "untrained", depth=depth)


def test_the_fingerprint_tells_depths_apart() -> None:
    models = [FAMILY(BASE, "untrained", depth=depth) for depth in (1, 2)]
    assert models[0].fingerprint != models[1].fingerprint
