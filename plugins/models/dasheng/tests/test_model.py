from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from brainbench_dasheng.cards import BASE
from brainbench_dasheng.model import load
from brainbench_dasheng.network import SHORTEST

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError


@pytest.fixture(scope="module")
def model() -> TorchModel:
    return load(BASE, "untrained", device="cpu", depth=2)


def noise(samples: int, seed: int = 0) -> npt.NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal(samples)).astype(np.float32)


def assert_close(ours: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    assert np.abs(ours - expected).max() <= 1e-5 * expected.std()


def test_a_sound_does_not_depend_on_its_batch(model: TorchModel) -> None:
    # A range of more than 120 dB in the first: a maximum over the batch would change the others.
    loud_and_silent = np.concatenate([9 * noise(4000), np.zeros(4000, np.float32)])
    sounds = [loud_and_silent, 1e-6 * noise(8000, 2), noise(20_000, 3), np.zeros(8000, np.float32)]
    together = model.activations(sounds)
    assert tuple(together) == model.layers
    for index, sound in enumerate(sounds):
        for layer, values in model.activations([sound]).items():
            assert values.shape == (1, 768)
            assert values.dtype == np.float32
            assert_close(together[layer][index], values[0])


def test_the_same_sound_gives_the_same_numbers(model: TorchModel) -> None:
    first, second = (model.activations([noise(8000)]) for _ in range(2))
    assert all(np.array_equal(first[layer], second[layer]) for layer in first)


@pytest.mark.parametrize("samples", [SHORTEST, 1600, 30 * 16_000])
@pytest.mark.parametrize("gain", [0, 1])
def test_lengths(model: TorchModel, samples: int, gain: int) -> None:
    activations = model.activations([gain * noise(samples)])
    assert all(np.isfinite(values).all() for values in activations.values())


def test_too_short_a_sound_is_refused(model: TorchModel) -> None:
    with pytest.raises(ContractError, match=r"at least 480 samples .* got 479"):
        model.activations([noise(479)])


def test_layers_by_name(model: TorchModel) -> None:
    assert list(model.activations([noise(4000)], layers=["blocks.1"])) == ["blocks.1"]
    with pytest.raises(ContractError, match=r"no layer 'blocks\.2'"):
        model.activations([noise(4000)], layers=["blocks.2"])
