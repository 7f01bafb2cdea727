from __future__ import annotations

import numpy as np
import pytest
import torch
from brainbench_s2t.cards import S2T
from brainbench_s2t.network import S2tNetwork, configuration, rename

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.transformers_library import import_transformers
from brainbench_audio.errors import ContractError
from brainbench_audio.testing.behaviour import (
    assert_finite,
    assert_independent_of_batch,
    assert_repeatable,
    noise,
    silence,
)
from brainbench_audio.testing.references import read_manifest

pytestmark = pytest.mark.standin("s2t")


def test_a_sound_does_not_depend_on_its_batch(standin: TorchModel) -> None:
    sounds = [noise(4000, 1), noise(7000, 2), 5 * noise(4000, 3), silence(4000)]
    assert_independent_of_batch(standin, sounds, lambda values: 1e-5 * float(np.abs(values).max()))


def test_the_same_sound_gives_the_same_numbers(standin: TorchModel) -> None:
    assert_repeatable(standin, noise(8000))


@pytest.mark.parametrize("samples", [560, 1600, 8000])
def test_silence_is_finite(standin: TorchModel, samples: int) -> None:
    assert_finite(standin, silence(samples))


@pytest.mark.slow
def test_a_long_sound(standin: TorchModel) -> None:
    assert_finite(standin, noise(30 * 16_000))


def test_of_a_single_frame_nothing_is_left(standin: TorchModel) -> None:
    image, longer = (standin.network.image(torch.from_numpy(noise(n))[None]) for n in (559, 560))
    assert not image.any()
    assert longer.all()
    with pytest.raises(ContractError, match=r"559 samples .* too few for s2t: .* 560 samples"):
        standin.activations([noise(559)])


def empty(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def test_the_whole_model_is_the_published_one() -> None:
    with torch.device("meta"):
        network = import_transformers().Speech2TextForConditionalGeneration(configuration())
    own = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert own == read_manifest("s2t")["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == S2T.parameters


def test_what_is_left_out() -> None:
    names = ("model.encoder.embed_positions.weights", "model.decoder.x", "lm_head.weight")
    assert rename(empty({key: [3] for key in names})) == {}
    others = ("lm_head.bias", "model.encoder.other", "decoder.x")
    kept = ["lm_head.bias", "encoder.other", "decoder.x"]
    assert list(rename(empty({key: [3] for key in others}))) == kept


def test_channels_are_z_scored(standin: TorchModel) -> None:
    network = standin.network
    assert isinstance(network, S2tNetwork)
    image = network.image(torch.from_numpy(noise(8000))[None])[0]
    torch.testing.assert_close(image.mean(dim=0), torch.zeros(80), atol=1e-4, rtol=0)
    torch.testing.assert_close(image.std(dim=0, correction=0), torch.ones(80), atol=1e-4, rtol=0)
    silent = network.image(torch.zeros(1, 8000))
    assert silent.abs().max() < 1


def test_the_decoder_may_be_in_the_mapping(standin_weights: dict[str, torch.Tensor]) -> None:
    state = {key: tensor for key, tensor in standin_weights.items() if "layers.0" in key}
    decoder = {"model.decoder.embed_tokens.weight": torch.zeros(3), "lm_head.weight": torch.ones(3)}
    assert rename({**state, **decoder}) == rename(state) != {}
