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
    sounds = [noise(6000, 1), noise(9000, 2), 20 * noise(6000, 3), np.zeros(6000, np.float32)]
    together = model.activations(sounds)
    assert tuple(together) == model.layers
    for index, sound in enumerate(sounds):
        for layer, values in model.activations([sound]).items():
            assert values.shape == (1, model.card.dims[model.layers.index(layer)])
            assert values.dtype == np.float32
            np.testing.assert_allclose(together[layer][index], values[0], atol=1e-5)


def test_the_same_sound_gives_the_same_numbers(model: TorchModel) -> None:
    first, second = (model.activations([noise(8000)]) for _ in range(2))
    assert all(np.array_equal(first[layer], second[layer]) for layer in first)


def test_the_level_is_kept(model: TorchModel) -> None:
    loud, soft = (model.activations([level * noise(8000)]) for level in (1, 0.1))
    assert all(np.abs(loud[layer] - soft[layer]).max() > 0.01 for layer in loud)


@pytest.mark.parametrize("samples", [1, 1600, 30 * 16_000])
def test_other_lengths_and_silence(model: TorchModel, samples: int) -> None:
    for sound in (noise(samples), np.zeros(samples, np.float32)):
        activations = model.activations([sound])
        assert all(np.isfinite(values).all() for values in activations.values())


def test_an_empty_sound_is_refused(model: TorchModel) -> None:
    with pytest.raises(ContractError, match="at least one sample"):
        model.activations([noise(0)])


def test_layers_by_name(model: TorchModel) -> None:
    assert list(model.activations([noise(4000)], layers=["linear2", "lstm1_cell"])) == [
        "linear2",
        "lstm1_cell",
    ]
    with pytest.raises(ContractError, match="no layer 'linear3'"):
        model.activations([noise(4000)], layers=["linear3"])


def test_by_id() -> None:
    models = [load_model("metricgan", weights="untrained", seed=seed) for seed in (0, 1)]
    layers = [model.activations([noise(4000)])["linear2"] for model in models]
    assert not np.allclose(layers[0], layers[1], atol=1e-3)
