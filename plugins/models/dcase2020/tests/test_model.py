from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_dcase2020.network import LogMel

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError

RATE = 44_100

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


@pytest.mark.parametrize("samples", [513, 4410, 1_323_000])
def test_sounds_of_other_lengths(published: TorchModel, samples: int) -> None:
    activations = published.activations([noise(samples)])
    for layer, width in zip(published.card.layers, published.card.dims, strict=True):
        assert activations[layer].shape == (1, width)
        assert np.isfinite(activations[layer]).all()


def test_too_short_a_sound_is_refused(published: TorchModel) -> None:
    with pytest.raises(ContractError, match="at least 513 samples"):
        published.activations([noise(513 - 1)])


def test_layers_by_name(published: TorchModel) -> None:
    activations = published.activations([noise(RATE)], layers=["classifier", "gru1"])
    assert list(activations) == ["classifier", "gru1"]
    with pytest.raises(ContractError, match="no layer 'other'"):
        published.activations([noise(RATE)], layers=["other"])


def test_the_level_does_not_matter(published: TorchModel) -> None:
    loud, soft = (published.activations([gain * noise(RATE)]) for gain in (1.0, 0.125))
    for layer, values in loud.items():
        assert_close(soft[layer], values)


@torch.inference_mode()
def test_silence_in_a_sound_is_neither_dithered_nor_clipped() -> None:
    sound = noise(RATE)
    sound[RATE // 2 :] = 0
    image = LogMel()(torch.from_numpy(sound)[None])[0].numpy()
    assert image.shape == (1 + RATE // 512, 64)
    np.testing.assert_allclose(image[-20:], np.log(np.finfo(float).eps), atol=1e-5)
    assert image[:20].min() > -15
