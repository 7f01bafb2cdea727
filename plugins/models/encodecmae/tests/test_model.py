from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_encodecmae.network import FAMILY

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError
from brainbench_audio.testing.behaviour import (
    assert_finite,
    assert_independent_of_batch,
    assert_repeatable,
    noise,
    silence,
)

pytestmark = pytest.mark.standin("encodecmae-small")


def assert_close(ours: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    for layer, values in expected.items():
        np.testing.assert_allclose(ours[layer], values, atol=2e-5, rtol=0)


def test_a_sound_does_not_depend_on_its_batch(standin: TorchModel) -> None:
    sounds = [noise(6000, 1), noise(9001, 2), noise(6000, 3), silence(6000)]
    assert_independent_of_batch(standin, sounds, 2e-5)


def test_the_same_sound_gives_the_same_numbers(standin: TorchModel) -> None:
    assert_repeatable(standin, noise(8000))


def test_level_matters(standin: TorchModel) -> None:
    first, second = standin.activations([noise(8000), 0.1 * noise(8000)])["layer_4"]
    assert not np.allclose(first, second, atol=1e-2)


@pytest.mark.parametrize("seconds", [0.1, 2.0, 9.3])
def test_silence_is_finite(standin: TorchModel, seconds: float) -> None:
    assert_finite(standin, silence(int(seconds * 24_000)))


@pytest.mark.slow
def test_half_a_minute(standin: TorchModel) -> None:
    assert_finite(standin, noise(30 * 24_000))


def test_layers_by_name(standin: TorchModel) -> None:
    activations = standin.activations([noise(4000)], layers=["layer_4", "layer_0"])
    assert list(activations) == ["layer_4", "layer_0"]
    with pytest.raises(ContractError, match="no layer 'layer_5'"):
        standin.activations([noise(4000)], layers=["layer_5"])


def test_normalisation_is_part_of_the_fingerprint(
    tiny_states: dict[str, dict[str, torch.Tensor]], cards: dict[str, ModelCard]
) -> None:
    weights = tiny_states["encodecmae-small"]
    plain, same, other = (
        FAMILY(
            replace(cards["encodecmae-small"], dims=(24,) * 5), weights, normalisation=normalisation
        )
        for normalisation in (None, (-6.12, 4.82), (-6.0, 5.0))
    )
    assert same.fingerprint == plain.fingerprint != other.fingerprint
    found = [model.activations([noise(4000)]) for model in (plain, same, other)]
    assert_close(found[1], found[0])
    assert not np.allclose(found[2]["layer_0"], found[0]["layer_0"], atol=1e-3)


@pytest.mark.parametrize(
    ("identifier", "normalisation"),
    [("encodecmae-small", (0.0, 0.0)), ("encodecmae-ec-base", (0.0, 1.0))],
)
def test_normalisation_that_does_not_fit(
    identifier: str, normalisation: tuple[float, float], cards: dict[str, ModelCard]
) -> None:
    with pytest.raises(ContractError, match="does not fit"):
        FAMILY(cards[identifier], "untrained", normalisation=normalisation)
