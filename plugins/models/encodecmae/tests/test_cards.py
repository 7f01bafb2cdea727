from __future__ import annotations

import pytest
import torch
from brainbench_encodecmae.cards import CARDS
from brainbench_encodecmae.configuration import CONFIGURATIONS
from brainbench_encodecmae.network import FAMILY, EncodecMAE, heard_parameters

from brainbench_audio.cards import ModelCard
from brainbench_audio.testing.references import read_manifest

SHARED = ("encodecmae-base-as", "encodecmae-base-ll", "encodecmae-base-fma")
each_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)


def manifest_name(card: ModelCard) -> str:
    return "encodecmae-base" if card.id in SHARED else card.id


@each_card
def test_files_are_those_of_the_manifest(card: ModelCard) -> None:
    manifest = read_manifest(manifest_name(card))
    published = card.weights[0].url.removeprefix("hf://lpepino/encodecmae-v2/")
    assert published.removesuffix(".pt") in manifest["hub_names"]


@each_card
def test_parameters_are_those_that_are_heard(card: ModelCard) -> None:
    with torch.device("meta"):
        network = EncodecMAE(CONFIGURATIONS[card.id])
    heard = heard_parameters(network)
    assert sum(parameter.numel() for parameter in heard) == card.parameters


@pytest.mark.slow
@each_card
def test_each_model_untrained(card: ModelCard, noise: torch.Tensor) -> None:
    model, same = (FAMILY(card, "untrained", seed=3) for _ in range(2))
    first, second = (found.activations([noise.numpy()]) for found in (model, same))
    for layer, dim in zip(card.layers, card.dims, strict=True):
        assert first[layer].shape == (1, dim)
        assert (first[layer] == second[layer]).all()
    assert model.fingerprint == same.fingerprint


def test_initial_weights_are_those_of_the_training(cards: dict[str, ModelCard]) -> None:
    network = FAMILY(cards["encodecmae-small"], "untrained").network.state_dict()
    weight = network["visible_encoder.encoder_layers.3.ff_layer.0.weight"]
    bound = (6 / sum(weight.shape)) ** 0.5
    assert 0.99 * bound < weight.abs().max() <= bound
    assert not network["visible_encoder.encoder_layers.3.ff_layer.0.bias"].any()
    assert network["masker.positional_encoder.scale"] == 1
