from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from brainbench_vggish.cards import VGGISH
from brainbench_vggish.network import FAMILY, VggishNetwork
from brainbench_vggish.patches import SHORTEST, LogMelPatches

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.testing.behaviour import (
    assert_finite,
    assert_independent_of_batch,
    assert_repeatable,
    noise,
    silence,
)

SECOND = 16_000


@pytest.fixture(scope="module")
def small() -> TorchModel:
    """Return a network of the same shape with fewer channels."""
    narrow = replace(FAMILY, build=lambda card: VggishNetwork(card.layers, width=2))
    *features, embedding = VGGISH.dims
    dims = (*(dim // 32 for dim in features), embedding)
    return narrow(replace(VGGISH, dims=dims), "untrained")


def test_a_sound_does_not_depend_on_its_batch(small: TorchModel) -> None:
    sounds = [noise(SECOND, 1), noise(3 * SECOND, 2), noise(SECOND, 3), noise(700, 4)]
    sounds.append(silence(SECOND))
    assert_independent_of_batch(small, sounds, 1e-6)


def test_the_same_sound_gives_the_same_numbers(small: TorchModel) -> None:
    assert_repeatable(small, noise(2 * SECOND))


@pytest.mark.parametrize("samples", [VGGISH.shortest, SHORTEST, 30 * SECOND])
def test_silence_is_finite(small: TorchModel, samples: int) -> None:
    assert_finite(small, silence(samples))


def test_a_layer_is_the_mean_over_patches(small: TorchModel) -> None:
    hop = 96 * 160
    sound = noise(3 * hop + 240, 5)
    whole = small.activations([sound])
    parts = [sound[start : start + SHORTEST] for start in (0, hop, 2 * hop)]
    for layer, values in small.activations(parts).items():
        np.testing.assert_allclose(whole[layer][0], values.mean(0), atol=1e-6)


def test_what_fills_no_patch_is_dropped(small: TorchModel) -> None:
    sound = noise(SHORTEST + 9000, 6)
    whole, cut = small.activations([sound]), small.activations([sound[:SHORTEST]])
    assert all(np.array_equal(whole[layer], cut[layer]) for layer in whole)


def test_short_sounds_are_padded_at_the_end(small: TorchModel) -> None:
    sound = noise(1600)
    padded = np.pad(sound, (0, SHORTEST - 1600))
    alone, other = small.activations([sound]), small.activations([padded])
    assert all(np.array_equal(alone[layer], other[layer]) for layer in alone)


def test_level_matters(small: TorchModel) -> None:
    quiet, loud = small.activations([noise(SECOND), 10 * noise(SECOND)])["relu0"]
    assert np.linalg.norm(loud - quiet) > 0.1 * np.linalg.norm(quiet)


@pytest.mark.parametrize("frequency", [300.0, 1000.0, 4000.0])
def test_a_tone_is_loudest_in_its_band(frequency: float) -> None:
    tone = torch.sin(2 * torch.pi * frequency * torch.arange(SHORTEST) / SECOND)
    loudest = int(LogMelPatches()(tone[None])[0].mean((0, 1)).argmax())
    mel = 1127 * np.log1p(np.array([125.0, 7500.0, frequency]) / 700)
    centres = np.linspace(mel[0], mel[1], 66)[1:-1]
    assert loudest == np.abs(centres - mel[2]).argmin()
