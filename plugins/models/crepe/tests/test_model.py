from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from brainbench_crepe.cards import TINY
from brainbench_crepe.network import CrepeNetwork, cut

from brainbench_audio import load_model
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.testing.behaviour import noise

SECOND = 16_000


@pytest.fixture(scope="module")
def model() -> TorchModel:
    loaded = load_model("crepe-tiny", device="cpu")
    assert isinstance(loaded, TorchModel)
    return loaded


def test_layers_and_parameters(model: TorchModel) -> None:
    activations = model.activations([noise(4000)])
    assert tuple(activations) == TINY.layers
    assert tuple(values.shape[1] for values in activations.values()) == TINY.dims
    assert all(values.dtype == np.float32 for values in activations.values())
    parameters = sum(parameter.numel() for parameter in model.network.parameters())
    assert parameters == TINY.parameters


@pytest.mark.parametrize("pitch", [110.0, 440.0, 880.0])
def test_the_weights_know_pitch(model: TorchModel, pitch: float) -> None:
    time = np.arange(SECOND // 2) / SECOND
    tone = sum(np.sin(2 * np.pi * harmonic * pitch * time) / harmonic for harmonic in range(1, 6))
    logits = model.activations([np.float32(0.1) * np.asarray(tone, np.float32)])["classifier"][0]
    # 20 cents a class, from 1997.379 cents above 10 Hz
    found = 10 * 2 ** ((20 * int(logits.argmax()) + 1997.379) / 1200)
    assert abs(1200 * np.log2(found / pitch)) < 30


def test_level_does_not_matter(model: TorchModel) -> None:
    quiet, loud = model.activations([noise(3000), 8 * noise(3000)])["classifier"]
    np.testing.assert_allclose(quiet, loud, atol=1e-4)


@pytest.mark.parametrize("samples", [2, 1600])
@pytest.mark.parametrize("level", [0.0, 0.3])
def test_silence_and_constant_pressure_are_finite(
    model: TorchModel, samples: int, level: float
) -> None:
    activations = model.activations([np.full(samples, level, np.float32)])
    assert all(np.isfinite(values).all() for values in activations.values())


def test_chunks_only_bound_memory(model: TorchModel) -> None:
    whole = model.network
    assert isinstance(whole, CrepeNetwork)
    chunked = CrepeNetwork(frames_per_chunk=4).eval()
    chunked.load_state_dict(whole.state_dict())
    sound = torch.from_numpy(noise(1600))[None]
    with torch.inference_mode():
        torch.testing.assert_close(chunked(sound), whole(sound), atol=1e-5, rtol=0)


def test_windows_of_a_run_share_their_frames(
    model: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = noise(SECOND)
    windows = [run[start : start + 8000] for start in range(0, 8000, 1600)]
    alone = [model.activations([window]) for window in windows]
    heard: list[int] = []
    stages = CrepeNetwork.stages

    def counting(network: CrepeNetwork, frames: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
        heard.append(len(frames))
        return stages(network, frames)

    monkeypatch.setattr(CrepeNetwork, "stages", counting)
    together = model.activations(windows)
    # frames within 32 ms of an end of a window see the zeros beyond it: 8 of 51
    assert sum(heard) == 43 + 4 * 10 + 5 * 8
    for layer, values in together.items():
        for one, value in zip(alone, values, strict=True):
            np.testing.assert_allclose(value, one[layer][0], rtol=1e-5, atol=1e-5)


def test_frames_are_centred_on_their_times() -> None:
    click = torch.zeros(3200)
    click[1600] = 1.0
    frames = cut(click)
    assert frames.shape == (21, 1024)
    assert int(frames[10].argmax()) == 512
    assert int(frames[11].argmax()) == 512 - 160
    assert not frames[0].any()
    torch.testing.assert_close(frames[10].std(), torch.tensor(1.0))
