from __future__ import annotations

import numpy as np
import pytest
import torch
from brainbench_wav2vec2.network import Wav2Vec2Network

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError
from brainbench_audio.testing.behaviour import (
    assert_finite,
    assert_independent_of_batch,
    assert_repeatable,
    noise,
    silence,
)

pytestmark = pytest.mark.standin("wav2vec2")


def test_a_sound_does_not_depend_on_its_batch(standin: TorchModel) -> None:
    sounds = [noise(4000, 1), noise(7000, 2), 5 * noise(4000, 3), silence(4000)]
    assert_independent_of_batch(standin, sounds, lambda values: 1e-5 * float(np.abs(values).max()))


def test_the_same_sound_gives_the_same_numbers(standin: TorchModel) -> None:
    assert_repeatable(standin, noise(8000))


@pytest.mark.parametrize("samples", [400, 1600, 8000])
def test_silence_is_finite(standin: TorchModel, samples: int) -> None:
    assert_finite(standin, silence(samples))


@pytest.mark.slow
def test_a_long_sound(standin: TorchModel) -> None:
    assert_finite(standin, noise(30 * 16_000))


def test_two_seconds_are_99_frames(standin: TorchModel) -> None:
    assert isinstance(standin.network, Wav2Vec2Network)
    with torch.inference_mode():
        frames = standin.network.wav2vec2.feature_extractor(torch.from_numpy(noise(32_000))[None])
    assert frames.shape == (1, 512, 99)


def test_a_sound_that_is_too_short(standin: TorchModel) -> None:
    with pytest.raises(ContractError, match=r"399 samples .* too few for wav2vec2: .* 400 samples"):
        standin.activations([noise(399)])


def test_the_positional_convolution_gets_its_weights(
    standin: TorchModel, standin_weights: dict[str, torch.Tensor]
) -> None:
    prefix = "wav2vec2.encoder.pos_conv_embed.conv"
    gain, direction = (standin_weights[f"{prefix}.weight_{end}"].numpy() for end in "gv")
    expected = gain * direction / np.linalg.norm(direction, axis=(0, 1), keepdims=True)
    convolution = standin.network.get_submodule(prefix)
    found = convolution.weight.detach().numpy()  # type: ignore[union-attr, operator]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
