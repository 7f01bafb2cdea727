"""Where the weights come from; activations of Resemblyzer's own code beside ours."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
import sys
import types
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_resemblyzer.cards import RESEMBLYZER
from brainbench_resemblyzer.network import FAMILY, VoiceEncoder, window_starts

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import read_checkpoint
from brainbench_audio.activations.weights_files import local_weights
from brainbench_audio.cards import WeightsFile
from brainbench_audio.errors import DataError
from brainbench_audio.testing.behaviour import noise
from brainbench_audio.testing.sounds import parity_sounds

SOUNDS = parity_sounds(16_000)
# of Resemblyzer 0.1.4 with librosa 0.11, sounds mirrored at their ends as before librosa 0.8;
# `frontend` is every eighth frame of the first window
GOLDEN = np.load(Path(__file__).with_name("golden.npz"))


@pytest.fixture(scope="module")
def installed() -> Path:
    paths = local_weights(RESEMBLYZER)
    assert paths is not None, "Run pip install --no-deps Resemblyzer: it holds the weights."
    return paths[0]


@pytest.fixture(scope="module")
def model(installed: Path) -> TorchModel:
    return FAMILY(RESEMBLYZER)


@pytest.mark.parametrize("sound", SOUNDS)
def test_resemblyzer_gave_the_same_layers(model: TorchModel, sound: str) -> None:
    activations = model.activations([SOUNDS[sound]])
    for layer, values in activations.items():
        np.testing.assert_allclose(values[0], GOLDEN[f"{sound}/{layer}"], atol=1e-5)
    network = model.network
    assert isinstance(network, VoiceEncoder)
    mel = network.mel(torch.from_numpy(SOUNDS[sound]))[:160:8].numpy()
    np.testing.assert_allclose(mel, GOLDEN[f"{sound}/frontend"], rtol=1e-4, atol=1e-6)


@pytest.fixture
def original(installed: Path, model: TorchModel, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return Resemblyzer's encoder; what it needs for sounds is not here, so it gets our mel."""
    network = model.network
    assert isinstance(network, VoiceEncoder)
    audio = types.ModuleType("resemblyzer.audio")
    audio.wav_to_mel_spectrogram = (  # type: ignore[attr-defined]
        lambda waveform: network.mel(torch.from_numpy(waveform)).numpy()
    )
    package = types.ModuleType("resemblyzer")
    package.audio = audio  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "resemblyzer", package)
    for name in ("hparams", "voice_encoder"):
        module = _module(name)
        monkeypatch.setitem(sys.modules, f"resemblyzer.{name}", module)
        module.__spec__.loader.exec_module(module)  # type: ignore[union-attr]
    encoder = sys.modules["resemblyzer.voice_encoder"].VoiceEncoder
    return encoder("cpu", verbose=False, weights_fpath=installed)


def _module(name: str) -> types.ModuleType:
    files = metadata.files("Resemblyzer") or []
    (path,) = (file.locate() for file in files if file.as_posix() == f"resemblyzer/{name}.py")
    spec = importlib.util.spec_from_file_location(f"resemblyzer.{name}", str(path))
    assert spec is not None
    return importlib.util.module_from_spec(spec)


@pytest.mark.parametrize("samples", [201, 9000, 25_600, 31_000, 50_000, 70_000])
def test_resemblyzer_hears_the_same_windows(model: TorchModel, original: Any, samples: int) -> None:
    _, slices = original.compute_partial_slices(samples, 1.3, 0.75)
    assert window_starts(samples) == [one.start for one in slices]
    outputs: list[torch.Tensor] = []
    original.linear.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    sound = noise(samples)
    network = model.network
    assert isinstance(network, VoiceEncoder)
    with torch.inference_mode():
        if len(slices) == 1:  # which we do not pad
            original(network.mel(torch.from_numpy(sound))[None, :160])
        else:
            original.embed_utterance(sound)
    ours = model.activations([sound])["linear"][0]
    np.testing.assert_allclose(ours, outputs[0].mean(0).numpy(), atol=1e-5)


def hash_given(model: TorchModel) -> Any:
    return model.fingerprint["given"]["weights"]


def test_the_installed_weights_are_taken(installed: Path, model: TorchModel) -> None:
    assert hash_given(model) == RESEMBLYZER.weights[0].sha256
    assert model.files == (installed,)
    state = read_checkpoint(installed)["model_state"]
    ours = model.network.state_dict()
    assert len(ours) == len(state) - 2  # scale and offset of the loss
    for depth in range(3):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            published = state[f"lstm.{name}_l{depth}"]
            assert torch.equal(ours[f"lstm.{depth}.{name}_l0"], published)


def test_a_local_copy(installed: Path, tmp_path: Path) -> None:
    copy = shutil.copy(installed, tmp_path / "copy.pt")
    assert hash_given(FAMILY(RESEMBLYZER, copy)) == RESEMBLYZER.weights[0].sha256


def test_untrained_needs_no_file() -> None:
    file = WeightsFile(url="https://no.where/file")
    card = dataclasses.replace(RESEMBLYZER, weights=(file,))
    assert FAMILY(card, "untrained").files == ()


def test_other_names(installed: Path, tmp_path: Path) -> None:
    state = dict(read_checkpoint(installed)["model_state"])
    bias = state.pop("lstm.bias_hh_l2")
    with pytest.raises(DataError, match=r"1 missing: lstm\.2\.bias_hh_l0"):
        FAMILY(RESEMBLYZER, state)
    with pytest.raises(DataError, match=r"1 unexpected: linear2\.bias"):
        FAMILY(RESEMBLYZER, {**state, "lstm.bias_hh_l2": bias, "linear2.bias": bias})
    torch.save({"state": state}, tmp_path / "other.pt")
    with pytest.raises(DataError, match=r"no named tensors.* it holds state\."):
        FAMILY(RESEMBLYZER, tmp_path / "other.pt")


def test_checkpoints_of_other_programs(installed: Path, model: TorchModel, tmp_path: Path) -> None:
    published = read_checkpoint(installed)["model_state"]
    contents: list[Any] = [
        published,
        {"state_dict": published},
        {"model_state": {f"module.{name}": values for name, values in published.items()}},
    ]
    expected = model.network.state_dict()
    for content in contents:
        torch.save(content, tmp_path / "mine.pt")
        ours = FAMILY(RESEMBLYZER, tmp_path / "mine.pt").network.state_dict()
        assert all(torch.equal(ours[name], values) for name, values in expected.items())
