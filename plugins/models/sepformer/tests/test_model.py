from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from brainbench_audio import load_model
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError


def noise(samples: int, seed: int = 0) -> npt.NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal(samples)).astype(np.float32)


def test_a_sound_does_not_depend_on_its_batch(model: TorchModel) -> None:
    sounds = [20 * noise(800, 1), noise(1000, 2), np.zeros(800, np.float32), noise(800, 3)]
    together = model.activations(sounds)
    assert tuple(together) == model.layers
    for index in (1, 2, 3):
        for layer, values in model.activations([sounds[index]]).items():
            assert values.shape == (1, 256)
            assert values.dtype == np.float32
            np.testing.assert_allclose(together[layer][index], values[0], atol=1e-5)


def test_the_same_sound_gives_the_same_numbers(model: TorchModel) -> None:
    first, second = (model.activations([noise(800)]) for _ in range(2))
    assert all(np.array_equal(first[layer], second[layer]) for layer in first)


def test_level(model: TorchModel) -> None:
    loud, soft = (model.activations([level * noise(800)]) for level in (1, 0.5))
    np.testing.assert_allclose(loud["encoder"], 2 * soft["encoder"], rtol=1e-5)
    np.testing.assert_allclose(loud["transformer32"], soft["transformer32"], atol=1e-4)


@pytest.mark.parametrize("samples", [16, 2500])
def test_other_lengths_and_silence(model: TorchModel, samples: int) -> None:
    for sound in (noise(samples), np.zeros(samples, np.float32)):
        activations = model.activations([sound])
        assert all(np.isfinite(values).all() for values in activations.values())


@pytest.mark.slow
def test_half_a_minute(model: TorchModel) -> None:
    activations = model.activations([noise(30 * 8_000)])
    assert all(np.isfinite(values).all() for values in activations.values())


def test_too_short_a_sound_is_refused(model: TorchModel) -> None:
    with pytest.raises(ContractError, match=r"at least 16 samples .* got 15"):
        model.activations([noise(15)])


def test_layers_by_name(model: TorchModel) -> None:
    chosen = ["transformer9", "encoder"]
    assert list(model.activations([noise(800)], layers=chosen)) == chosen
    with pytest.raises(ContractError, match="no layer 'transformer33'"):
        model.activations([noise(800)], layers=["transformer33"])


def test_by_id() -> None:
    models = [load_model("sepformer", weights="untrained", seed=seed) for seed in (0, 1)]
    layers = [model.activations([noise(800)])["transformer32"] for model in models]
    assert not np.allclose(layers[0], layers[1], atol=1e-3)
