from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from brainbench_cochdnn.network import FAMILY

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from brainbench_audio.testing.behaviour import (
    assert_finite,
    assert_independent_of_batch,
    assert_repeatable,
    noise,
    silence,
)

SECOND = 20_000
FAMILIES = ("cochcnn9", "cochresnet50")


@pytest.fixture(params=FAMILIES)
def small(
    request: pytest.FixtureRequest, cards: dict[str, ModelCard], small_states: dict[str, Any]
) -> TorchModel:
    name = next(name for name in small_states if name.startswith(request.param))
    return FAMILY(cards[name], small_states[name])


def assert_close(ours: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    np.testing.assert_allclose(ours, expected, atol=1e-5 * (1 + np.abs(expected).max()), rtol=0)


def test_a_sound_does_not_depend_on_its_batch(small: TorchModel) -> None:
    lengths = (2 * SECOND, 3 * SECOND, 2 * SECOND, 2000)
    sounds = [noise(length, seed) for seed, length in enumerate(lengths)]
    sounds.append(silence(2 * SECOND))
    assert_independent_of_batch(small, sounds, lambda values: 1e-5 * (1 + np.abs(values).max()))


def test_the_same_sound_gives_the_same_numbers(small: TorchModel) -> None:
    assert_repeatable(small, noise(2 * SECOND))


@pytest.mark.parametrize("samples", [2, 2 * SECOND, 2 * SECOND + 1])
def test_silence_is_finite(small: TorchModel, samples: int) -> None:
    assert_finite(small, silence(samples))


@pytest.mark.slow
def test_half_a_minute(small: TorchModel) -> None:
    assert_finite(small, noise(30 * SECOND))


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
