from __future__ import annotations

import numpy as np
import pytest
import torch
from brainbench_resemblyzer.cards import RESEMBLYZER
from brainbench_resemblyzer.network import HOP, WINDOW, VoiceEncoder, window_starts

from brainbench_audio import load_model
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.testing.behaviour import noise

SECOND = 16_000


@pytest.fixture(scope="module")
def model() -> TorchModel:
    loaded = load_model("resemblyzer", device="cpu")
    assert isinstance(loaded, TorchModel)
    return loaded


def test_layers_and_parameters(model: TorchModel) -> None:
    activations = model.activations([noise(4000)])
    assert tuple(activations) == RESEMBLYZER.layers
    assert tuple(values.shape[1] for values in activations.values()) == RESEMBLYZER.dims
    assert all(values.dtype == np.float32 for values in activations.values())
    parameters = sum(parameter.numel() for parameter in model.network.parameters())
    assert parameters == RESEMBLYZER.parameters


def test_windows_cover_a_sound() -> None:
    for samples in range(1, 6 * SECOND, 997):
        starts = window_starts(samples)
        assert starts == list(range(0, 77 * len(starts), 77))
        # at most a quarter of a window is left unheard, but for the step to the next one
        assert HOP * (starts[-1] + WINDOW) > samples - HOP * 77


def test_chunks_only_bound_memory(model: TorchModel) -> None:
    whole = model.network
    assert isinstance(whole, VoiceEncoder)
    chunked = VoiceEncoder(windows_per_chunk=2).eval()
    chunked.load_state_dict(whole.state_dict())
    sound = torch.from_numpy(noise(5 * SECOND))[None]
    with torch.inference_mode():
        torch.testing.assert_close(chunked(sound), whole(sound), atol=1e-5, rtol=0)


def test_a_sound_after_a_sound_is_not_heard_backwards(model: TorchModel) -> None:
    """Recurrence: what comes first changes all frames, what comes last none before it."""
    sound = noise(int(1.6 * SECOND))
    other_end, other_start = sound.copy(), sound.copy()
    other_end[-SECOND // 4 :] *= 0.1
    other_start[: SECOND // 4] *= 0.1
    network = model.network
    assert isinstance(network, VoiceEncoder)
    with torch.inference_mode():
        first, end, start = (
            network.lstm[0](network.mel(torch.from_numpy(one))[None, :WINDOW])[0][0]
            for one in (sound, other_end, other_start)
        )
    torch.testing.assert_close(first[:130], end[:130])
    assert float((first[150:] - end[150:]).abs().max()) > 0.01
    assert float((first[40:50] - start[40:50]).abs().max()) > 1e-4


def test_level_counts(model: TorchModel) -> None:
    quiet, loud = model.activations([noise(8000), 8 * noise(8000)])["lstm1"]
    assert np.abs(quiet - loud).max() > 0.05
