from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_cochdnn.model import load

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard

SECOND = 20_000
FAMILIES = ("cochcnn9", "cochresnet50")


def noise(samples: int, seed: int = 0) -> npt.NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal(samples)).astype(np.float32)


@pytest.fixture(params=FAMILIES)
def small(
    request: pytest.FixtureRequest, cards: dict[str, ModelCard], small_states: dict[str, Any]
) -> TorchModel:
    name = next(name for name in small_states if name.startswith(request.param))
    return load(cards[name], small_states[name], device="cpu")


def assert_close(ours: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    np.testing.assert_allclose(ours, expected, atol=1e-5 * (1 + np.abs(expected).max()), rtol=0)


def test_a_sound_does_not_depend_on_its_batch(small: TorchModel) -> None:
    lengths = (2 * SECOND, 3 * SECOND, 2 * SECOND, 2000)
    sounds = [noise(length, seed) for seed, length in enumerate(lengths)]
    together = small.activations([*sounds, np.zeros(2 * SECOND, np.float32)])
    assert tuple(together) == small.layers
    for index, sound in enumerate(sounds):
        for layer, values in small.activations([sound]).items():
            assert values.dtype == np.float32
            assert_close(together[layer][index], values[0])


def test_the_same_sound_gives_the_same_numbers(small: TorchModel) -> None:
    first, second = (small.activations([noise(2 * SECOND)]) for _ in range(2))
    assert all(np.array_equal(first[layer], second[layer]) for layer in first)


@pytest.mark.parametrize("samples", [1, 2 * SECOND, 2 * SECOND + 1])
def test_silence_is_finite(small: TorchModel, samples: int) -> None:
    activations = small.activations([np.zeros(samples, np.float32)])
    assert all(np.isfinite(values).all() for values in activations.values())


@pytest.mark.slow
def test_half_a_minute(small: TorchModel) -> None:
    activations = small.activations([noise(30 * SECOND)])
    assert all(np.isfinite(values).all() for values in activations.values())


def test_a_long_sound_is_the_mean_of_its_clips(small: TorchModel) -> None:
    sound = noise(5 * SECOND)
    clips = [sound[start * SECOND : (start + 2) * SECOND] for start in (0, 2, 3)]
    whole = small.activations([sound])
    for layer, values in small.activations(clips).items():
        assert_close(whole[layer][0], values.mean(0))


def test_level_and_offset_do_not_matter(small: TorchModel) -> None:
    sound = noise(2 * SECOND)
    one, other = small.activations([sound, 0.01 * sound + np.float32(0.2)])[small.layers[-1]]
    assert np.linalg.norm(one - other) < 1e-3 * np.linalg.norm(one)


def test_untrained(cards: dict[str, ModelCard], small_sizes: None) -> None:
    for name in ("cochcnn9-word", "cochresnet50-speaker"):
        first, same, other = (
            load(cards[name], "untrained", seed=seed).network.state_dict() for seed in (3, 3, 4)
        )
        assert all(torch.equal(first[key], same[key]) for key in first)
        assert not all(torch.equal(first[key], other[key]) for key in first)


def test_half_precision_is_near(
    small: TorchModel, cards: dict[str, ModelCard], small_states: dict[str, Any]
) -> None:
    name = small.card.id
    near = load(cards[name], small_states[name], device="cpu", dtype="bfloat16")
    activations = near.activations([noise(2 * SECOND)])
    for layer, values in small.activations([noise(2 * SECOND)]).items():
        assert np.linalg.norm(activations[layer] - values) < 0.03 * np.linalg.norm(values)
