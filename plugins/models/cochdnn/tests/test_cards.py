from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from brainbench_cochdnn import brainbench_models
from brainbench_cochdnn.cards import CARDS
from brainbench_cochdnn.checkpoint import member, rename
from brainbench_cochdnn.model import build

from brainbench_audio.cards import ModelCard
from tests.parity.comparison import read_manifest

each_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)


def published_shapes(card: ModelCard) -> dict[str, list[int]]:
    """Return the shapes of a card's published file, without duplicates and front end."""
    manifest: dict[str, Any] = read_manifest(f"{card.family}-word")
    assert card.id in (manifest["model"], *manifest["also"])
    heads = manifest["heads"]
    shared = {
        name: shape
        for name, shape in manifest["state_dict"].items()
        if name not in heads[manifest["model"]] and name not in manifest["not_filled"]
    }
    shapes: dict[str, list[int]] = shared | heads[card.id]
    return shapes


def test_the_hook_hands_over_the_cards() -> None:
    assert brainbench_models() == CARDS
    tasks = ("word", "speaker", "audioset", "multitask")
    expected = [f"{family}-{task}" for family in ("cochcnn9", "cochresnet50") for task in tasks]
    assert [card.id for card in CARDS] == expected


def test_cards_are_light() -> None:
    code = (
        "import sys, brainbench_cochdnn as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'numpy', 'scipy', 'xarray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@each_card
def test_layers_are_those_of_the_manifest(card: ModelCard) -> None:
    manifest = read_manifest(f"{card.family}-word")
    assert list(card.layers) == manifest["layers"]
    assert dict(zip(card.layers, card.dims, strict=True)) == manifest["dims"]
    assert card.sample_rate == manifest["sample_rate"]
    assert card.parameters == manifest["parameters"][card.id]


@each_card
def test_parameters_are_the_published_ones(card: ModelCard) -> None:
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network = build(card)
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    published = {
        name: torch.empty(shape, device="meta") for name, shape in published_shapes(card).items()
    }
    assert shapes == {name: list(tensor.shape) for name, tensor in rename(published).items()}
    assert sum(parameter.numel() for parameter in network.parameters()) == card.parameters


def test_each_model_has_a_checkpoint_of_its_own() -> None:
    assert len({member(card.id) for card in CARDS}) == len(CARDS)
    assert {len(member(card.id).parts) for card in CARDS} == {4}
