from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_zerospeech2020.network import LogMel

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError

RATE = 16_000

Waveform = npt.NDArray[np.float32]


def noise(samples: int, seed: int = 0) -> Waveform:
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal(samples)).astype(np.float32)


def assert_close(ours: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    assert np.abs(ours - expected).max() <= 1e-5 * max(1e-2, expected.std())


def test_a_sound_does_not_depend_on_its_batch(published: TorchModel) -> None:
    # The first is much louder than the third: a maximum over the batch would show.
    sounds = [9 * noise(RATE, 1), noise(2 * RATE, 2), 1e-3 * noise(RATE, 3), np.zeros(RATE)]
    together = published.activations([sound.astype(np.float32) for sound in sounds])
    assert tuple(together) == published.layers
    for index, sound in enumerate(sounds):
        for layer, values in published.activations([sound.astype(np.float32)]).items():
            assert values.dtype == np.float32
            assert_close(together[layer][index], values[0])


def test_the_same_sound_gives_the_same_numbers(published: TorchModel) -> None:
    first, second = (published.activations([noise(RATE)]) for _ in range(2))
    assert all(np.array_equal(first[layer], second[layer]) for layer in first)


@pytest.mark.parametrize("seconds", [0.1, 0.5, 2])
def test_silence_is_finite(published: TorchModel, seconds: float) -> None:
    activations = published.activations([np.zeros(int(seconds * RATE), np.float32)])
    assert all(np.isfinite(values).all() for values in activations.values())


@pytest.mark.parametrize("samples", [1025, 1600, 480_000])
def test_sounds_of_other_lengths(published: TorchModel, samples: int) -> None:
    activations = published.activations([noise(samples)])
    for layer, width in zip(published.card.layers, published.card.dims, strict=True):
        assert activations[layer].shape == (1, width)
        assert np.isfinite(activations[layer]).all()


def test_too_short_a_sound_is_refused(published: TorchModel) -> None:
    with pytest.raises(ContractError, match="at least 1025 samples"):
        published.activations([noise(1025 - 1)])


def test_layers_by_name(published: TorchModel) -> None:
    activations = published.activations([noise(RATE)], layers=["relu4", "relu0"])
    assert list(activations) == ["relu4", "relu0"]
    with pytest.raises(ContractError, match="no layer 'other'"):
        published.activations([noise(RATE)], layers=["other"])


def test_the_level_does_not_matter(published: TorchModel) -> None:
    loud, soft = (published.activations([gain * noise(RATE)]) for gain in (1.0, 0.125))
    for layer, values in loud.items():
        assert_close(soft[layer], values)


@torch.inference_mode()
def test_the_range_is_that_of_each_sound() -> None:
    sounds = np.stack([noise(RATE), np.zeros(RATE, np.float32)])
    sounds[0, RATE // 2 :] = 0
    images = LogMel()(torch.from_numpy(sounds)).numpy()
    assert images[0].max() - images[0].min() == pytest.approx(1, abs=1e-6)
    # 20 log10(1e-5) = -100 dB
    np.testing.assert_allclose(images[1], 1 - 100 / 80, atol=1e-6)
