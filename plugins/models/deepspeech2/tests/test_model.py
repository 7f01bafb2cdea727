from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_deepspeech2.cards import DEEPSPEECH2
from brainbench_deepspeech2.network import FAMILY, DeepSpeechNetwork, Spectrogram

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError
from brainbench_audio.testing.behaviour import (
    assert_finite,
    assert_independent_of_batch,
    assert_repeatable,
    noise,
    silence,
)

RATE = 16_000

Waveform = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> TorchModel:
    """Return a narrow network; the published one takes a second a sound."""
    narrow = replace(FAMILY, build=lambda _card: DeepSpeechNetwork(width=8))
    dims = (*DEEPSPEECH2.dims[:2], *[16] * 5)
    return narrow(replace(DEEPSPEECH2, dims=dims), "untrained")


def limit(values: npt.NDArray[np.float32]) -> float:
    return 1e-5 * max(1e-2, float(values.std()))


def test_a_sound_does_not_depend_on_its_batch(model: TorchModel) -> None:
    # The first is much louder than the third: a maximum over the batch would show.
    loud, soft = 9 * noise(RATE, 1), np.float32(1e-3) * noise(RATE, 3)
    sounds = [loud, noise(2 * RATE, 2), soft, silence(RATE)]
    assert_independent_of_batch(model, sounds, limit)


def test_the_same_sound_gives_the_same_numbers(model: TorchModel) -> None:
    assert_repeatable(model, noise(RATE))


@pytest.mark.parametrize("seconds", [0.1, 0.5, 2])
def test_silence_is_finite(model: TorchModel, seconds: float) -> None:
    assert_finite(model, silence(int(seconds * RATE)))


@pytest.mark.parametrize("samples", [161, 1600, 480_000])
def test_sounds_of_other_lengths(model: TorchModel, samples: int) -> None:
    activations = model.activations([noise(samples)])
    for layer, width in [("hardtanh0", 2592), ("hardtanh1", 1312), ("lstm0", 16), ("lstm4", 16)]:
        assert activations[layer].shape == (1, width)
        assert np.isfinite(activations[layer]).all()


def test_layers_by_name(model: TorchModel) -> None:
    activations = model.activations([noise(RATE)], layers=["lstm4", "hardtanh0"])
    assert list(activations) == ["lstm4", "hardtanh0"]
    with pytest.raises(ContractError, match="no layer 'other'"):
        model.activations([noise(RATE)], layers=["other"])


@torch.inference_mode()
def test_each_spectrogram_is_normalised_by_itself() -> None:
    sounds = np.stack([noise(RATE), 0.01 * noise(RATE, 2), np.zeros(RATE, np.float32)])
    images = Spectrogram()(torch.from_numpy(sounds))
    assert images.shape == (3, 161, 101)
    torch.testing.assert_close(images[:2].mean(dim=(1, 2)), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(images[:2].std(dim=(1, 2)), torch.ones(2))
    assert not images[2].any()


@torch.inference_mode()
def test_cells_are_last_states_of_both_directions(model: TorchModel) -> None:
    """The cell states are those of two networks of one direction each, one of them backwards."""
    assert isinstance(model.network, DeepSpeechNetwork)
    layer, frames = model.network.rnns[0].rnn, torch.randn(1, 20, 1312)
    found = model.network.rnns[0].cell
    seen: list[torch.Tensor] = []
    handle = found.register_forward_hook(lambda *values: seen.append(values[-1]))
    summed = model.network.rnns[0](frames)
    handle.remove()
    both = torch.zeros(1, 20, 8)
    for index, suffix in enumerate(("", "_reverse")):
        single = torch.nn.LSTM(1312, 8, batch_first=True)
        for name, parameter in single.named_parameters():
            parameter.copy_(getattr(layer, name + suffix))
        heard = frames.flip(1) if suffix else frames
        outputs, (_, cells) = single(heard)
        both += outputs.flip(1) if suffix else outputs
        torch.testing.assert_close(seen[0][:, 8 * index : 8 * index + 8], cells[0])
    torch.testing.assert_close(summed, both)


@pytest.mark.slow
@pytest.mark.standin("deepspeech2")
def test_the_published_size_in_batches(standin: TorchModel) -> None:
    sounds = [noise(RATE, 1), noise(8000, 2), noise(RATE, 3)]
    assert_independent_of_batch(standin, sounds, limit)
