from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from brainbench_encodecmae import brainbench_models
from brainbench_encodecmae.cards import CARDS
from brainbench_encodecmae.configuration import CONFIGURATIONS
from brainbench_encodecmae.model import load
from brainbench_encodecmae.network import EncodecMAE

from brainbench_audio.cards import ModelCard
from tests.parity.comparison import read_manifest

SHARED = ("encodecmae-base-as", "encodecmae-base-ll", "encodecmae-base-fma")
each_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)


def manifest_name(card: ModelCard) -> str:
    return "encodecmae-base" if card.id in SHARED else card.id


def test_the_hook_hands_over_the_cards() -> None:
    assert brainbench_models() == CARDS
    assert [card.id for card in CARDS] == list(CONFIGURATIONS)


def test_cards_are_light() -> None:
    code = (
        "import sys, brainbench_encodecmae as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'numpy', 'scipy', 'xarray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@each_card
def test_layers_are_those_of_the_manifest(card: ModelCard) -> None:
    manifest = read_manifest(manifest_name(card))
    assert card.id in (manifest["model"], *manifest["also"])
    assert dict(zip(card.layers, card.dims, strict=True)) == manifest["dims"]
    assert list(card.layers) == manifest["layers"]
    assert card.sample_rate == manifest["sample_rate"]
    published = card.weights[0].url.removeprefix("hf://lpepino/encodecmae-v2/")
    assert published.removesuffix(".pt") in manifest["hub_names"]


@each_card
def test_parameters_are_the_published_ones(card: ModelCard) -> None:
    with torch.device("meta"):
        network = EncodecMAE(CONFIGURATIONS[card.id])
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes == read_manifest(manifest_name(card))["state_dict"]
    heard = [
        parameter
        for name, parameter in network.named_parameters()
        if name.startswith(("wav_encoder.", "masker.", "visible_encoder."))
        and not name.startswith("visible_encoder.post_net.")
    ]
    assert sum(parameter.numel() for parameter in heard) == card.parameters


def check_untrained(card: ModelCard, noise: torch.Tensor) -> None:
    model = load(card, "untrained", seed=3, device="cpu")
    same = load(card, "untrained", seed=3, device="cpu")
    first, second = (found.activations([noise.numpy()]) for found in (model, same))
    for layer, dim in zip(card.layers, card.dims, strict=True):
        assert first[layer].shape == (1, dim)
        assert (first[layer] == second[layer]).all()
    assert model.fingerprint == same.fingerprint


def test_untrained(cards: dict[str, ModelCard], noise: torch.Tensor) -> None:
    check_untrained(cards["encodecmae-small"], noise)


@pytest.mark.slow
@each_card
def test_each_model_untrained(card: ModelCard, noise: torch.Tensor) -> None:
    check_untrained(card, noise)


def test_initial_weights_are_those_of_the_training(cards: dict[str, ModelCard]) -> None:
    network = load(cards["encodecmae-small"], "untrained", device="cpu").network.state_dict()
    weight = network["visible_encoder.encoder_layers.3.ff_layer.0.weight"]
    bound = (6 / sum(weight.shape)) ** 0.5
    assert 0.99 * bound < weight.abs().max() <= bound
    assert not network["visible_encoder.encoder_layers.3.ff_layer.0.bias"].any()
    assert network["masker.positional_encoder.scale"] == 1
