from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from brainbench_beats.cards import ITER1

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError
from brainbench_audio.testing.behaviour import (
    assert_finite,
    assert_independent_of_batch,
    assert_repeatable,
    noise,
    silence,
)

pytestmark = pytest.mark.standin("beats-iter1")

Activations = dict[str, npt.NDArray[np.float32]]


def assert_close(ours: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    np.testing.assert_allclose(ours, expected, atol=1e-5, rtol=0)


def test_a_sound_does_not_depend_on_its_batch(standin: TorchModel) -> None:
    sounds = [noise(6000, 1), noise(9000, 2), noise(6000, 3), silence(6000)]
    assert_independent_of_batch(standin, sounds, 1e-5)


def test_the_same_sound_gives_the_same_numbers(standin: TorchModel) -> None:
    assert_repeatable(standin, noise(8000))


@pytest.mark.parametrize("samples", [ITER1.shortest, 20_000])
def test_silence_is_finite(standin: TorchModel, samples: int) -> None:
    assert_finite(standin, silence(samples))


def test_what_fills_no_patch_is_dropped(standin: TorchModel) -> None:
    sound = noise(2 * ITER1.shortest)
    patches = (1 + (len(sound) - 400) // 160) // 16
    used = 400 + (16 * patches - 1) * 160
    whole, cut = standin.activations([sound]), standin.activations([sound[:used]])
    for layer in whole:
        assert_close(whole[layer], cut[layer])


@pytest.mark.slow
def test_half_a_minute(standin: TorchModel) -> None:
    assert_finite(standin, noise(30 * 16_000))


def test_layers_by_name(standin: TorchModel) -> None:
    activations: Activations = standin.activations([noise(4000)], layers=["encoder_12", "input"])
    assert list(activations) == ["encoder_12", "input"]
    with pytest.raises(ContractError, match="no layer 'encoder_13'"):
        standin.activations([noise(4000)], layers=["encoder_13"])
