from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from brainbench_ast.cards import AST
from brainbench_ast.network import FAMILY, FRAMES, AstNetwork
from torch import nn

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError
from brainbench_audio.testing.behaviour import (
    assert_finite,
    assert_independent_of_batch,
    noise,
    silence,
)


@pytest.fixture(scope="module")
def small() -> TorchModel:
    """Return a model of one block: a whole one takes seconds a sound, whatever its length."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AstNetwork(blocks=1)
        for parameter in network.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
    card = replace(AST, layers=("embedding", "encoder_1", "final"), dims=(768, 768, 527))
    return replace(FAMILY, build=lambda _card: network, rename=dict)(card, network.state_dict())


def test_a_sound_does_not_depend_on_its_batch(small: TorchModel) -> None:
    sounds = [noise(6000, 1), noise(9000, 2), 5 * noise(6000, 3), silence(6000)]
    assert_independent_of_batch(small, sounds, 1e-5)


def test_silence_is_finite(small: TorchModel) -> None:
    assert_finite(small, silence(1600))


def test_the_rest_of_the_image_is_padding(small: TorchModel) -> None:
    assert isinstance(small.network, AstNetwork)
    image = small.network.image(torch.from_numpy(noise(32_000))[None])[0].numpy()
    np.testing.assert_allclose(image[198:], 0.46703237, atol=1e-6)


def test_a_longer_sound_is_cut(small: TorchModel) -> None:
    fitting = 400 + (FRAMES - 1) * 160
    sound = noise(30 * 16_000)
    whole, start = small.activations([sound]), small.activations([sound[:fitting]])
    assert all(np.array_equal(whole[layer], start[layer]) for layer in whole)


def test_the_shortest_sound(small: TorchModel) -> None:
    assert np.isfinite(small.activations([noise(400)])["final"]).all()
    with pytest.raises(ContractError, match=r"399 samples .* too few for ast: .* 400 samples"):
        small.activations([noise(399)])


def test_constants() -> None:
    with torch.device("meta"):
        network = AstNetwork()
    norms = {
        name: part.eps for name, part in network.named_modules() if isinstance(part, nn.LayerNorm)
    }
    assert len(norms) == 26
    assert norms.pop("transformer.classifier.layernorm") == 1e-5
    assert set(norms.values()) == {1e-6}
