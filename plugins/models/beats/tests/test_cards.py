from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from brainbench_beats import brainbench_models
from brainbench_beats.cards import CARDS, ITER3_AS2M
from brainbench_beats.model import load
from brainbench_beats.network import BeatsNetwork

from brainbench_audio.cards import ModelCard
from tests.parity.comparison import read_manifest

MANIFESTS = {
    "beats-iter1": "beats-iter1",
    "beats-iter2": "beats-iter1",
    "beats-iter3": "beats-iter1",
    "beats-iter3-as2m": "beats-iter3-as2m",
}
each_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)


def test_the_hook_hands_over_the_cards() -> None:
    assert brainbench_models() == CARDS
    assert [card.id for card in CARDS] == list(MANIFESTS)


def test_cards_are_light() -> None:
    code = (
        "import sys, brainbench_beats as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'numpy', 'scipy', 'xarray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@each_card
def test_layers_are_those_of_the_manifest(card: ModelCard) -> None:
    manifest = read_manifest(MANIFESTS[card.id])
    assert card.id in (manifest["model"], *manifest["also"])
    assert dict(zip(card.layers, card.dims, strict=True)) == manifest["dims"]
    assert card.sample_rate == manifest["sample_rate"]


@each_card
def test_weights_are_pinned(card: ModelCard) -> None:
    (file,) = card.weights
    assert file.sha256 is not None
    assert len(file.sha256) == 64
    # four bytes a parameter, twelve names for one table of 320 x 12, and the container
    shown = 4 * (card.parameters + 11 * 320 * 12)
    assert 0 < file.size - shown < 500_000


@each_card
def test_parameters_are_the_published_ones(card: ModelCard) -> None:
    with torch.device("meta"):
        network = BeatsNetwork(527 if card.id.endswith("as2m") else 0)
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes == read_manifest(MANIFESTS[card.id])["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == card.parameters


def test_untrained() -> None:
    model, same = (load(ITER3_AS2M, "untrained", seed=3, device="cpu") for _ in range(2))
    assert model.fingerprint["given"] == {"control": "untrained", "seed": 3}
    ours, expected = model.network.state_dict(), same.network.state_dict()
    assert all(torch.equal(ours[name], expected[name]) for name in expected)
