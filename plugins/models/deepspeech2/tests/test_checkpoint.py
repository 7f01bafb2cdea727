"""Published files with a narrow network, and files that want to do harm."""

from __future__ import annotations

import enum
import pickle
import sys
import types
from collections import OrderedDict, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from brainbench_deepspeech2.cards import DEEPSPEECH2
from brainbench_deepspeech2.network import FAMILY, DeepSpeechNetwork

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file

NARROW = replace(FAMILY, build=lambda _card: DeepSpeechNetwork(width=8, depth=2))
SHORT = replace(DEEPSPEECH2, layers=DEEPSPEECH2.layers[:4], dims=DEEPSPEECH2.dims[:4])
NAME = "librispeech_pretrained_v3.ckpt"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return DeepSpeechNetwork(width=8, depth=2).state_dict()


def foreign_objects() -> dict[str, Any]:
    """Return objects of a package that is not there any more when they are read."""
    module = types.ModuleType("foreign_training")

    class Settings:
        def __init__(self) -> None:
            self.parent, self.hidden_size = self, 1024

    class Window(enum.Enum):
        hamming = "hamming"

    class Attributes(dict[str, Any]):
        pass

    class Names(list[str]):
        pass

    classes: list[type] = [Settings, Window, Attributes, Names]
    for kind in classes:
        kind.__module__, kind.__qualname__ = module.__name__, kind.__name__
        setattr(module, kind.__name__, kind)
    sys.modules[module.__name__] = module
    return {
        "hyper_parameters": Attributes(model_cfg=Settings(), labels=Names("_'AB")),
        "callbacks": {Settings: {"best": torch.tensor(1.5)}, Window.hamming: {Window.hamming}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}}],
        "lr_schedulers": [defaultdict(dict, base={"path": Path("x")})],
        "mask": torch.ones(2, dtype=torch.bool),
    }


@pytest.fixture
def file(tmp_path: Path, state: dict[str, torch.Tensor]) -> Path:
    path = tmp_path / NAME
    entries = {"epoch": 11, "state_dict": OrderedDict(state), **foreign_objects()}
    torch.save(entries, path)
    del sys.modules["foreign_training"]
    return path


def test_a_published_file(file: Path, state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(pickle.UnpicklingError):
        torch.load(file, weights_only=True)
    model = NARROW(SHORT, file)
    assert model.fingerprint["given"] == {"weights": hash_file(file)}
    ours = model.network.state_dict()
    assert all(torch.equal(ours[name], state[name]) for name in state)
    assert "foreign_training" not in sys.modules


@pytest.mark.parametrize("letters", [None, 29, 35])
def test_letters_feed_no_layer(letters: int | None, state: dict[str, torch.Tensor]) -> None:
    head = {
        "fc.0.module.0.bias": torch.ones(8),
        "fc.0.module.1.weight": torch.ones(letters or 0, 8),
    }
    model = NARROW(SHORT, {**state, **(head if letters else {})})
    assert model.network.state_dict().keys() == state.keys()


def test_the_card_counts_the_published_letters() -> None:
    with torch.device("meta"):
        heard = sum(parameter.numel() for parameter in DeepSpeechNetwork().parameters())
    assert DEEPSPEECH2.parameters == heard + 2 * 1024 + 29 * 1024


@pytest.mark.parametrize(
    "content",
    [{"epoch": 3}, {"state_dict": [1]}, [1], {"state_dict": {"a": 3}}, torch.zeros(3)],
)
def test_another_nesting(tmp_path: Path, content: Any) -> None:
    path = tmp_path / NAME
    torch.save(content, path)
    with pytest.raises(DataError, match=NAME):
        NARROW(SHORT, path)


def test_damaged_files(tmp_path: Path, file: Path) -> None:
    content = file.read_bytes()
    for damaged in (b"", content[: len(content) // 2], content[:100], b"\x80\x02}q\x00."):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{NAME} is damaged or no weights file"):
            NARROW(SHORT, file)
    with pytest.raises(DataError, match=r"other\.ckpt does not exist"):
        NARROW(SHORT, tmp_path / "other.ckpt")


def test_another_format(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    old = tmp_path / "old.pth"
    torch.save({"state_dict": state}, old, _use_new_zipfile_serialization=False)
    ours = NARROW(SHORT, old).network.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in state.items())
    # with an object of a foreign class, which only the snapshot may have
    content = {"state_dict": state, "path": Path("x")}
    torch.save(content, old, _use_new_zipfile_serialization=False)
    with pytest.raises(DataError, match=r"old\.pth holds a \S+Path, expected tensors"):
        NARROW(SHORT, old)


@pytest.mark.slow
@pytest.mark.standin("deepspeech2")
def test_a_file_of_the_published_size(
    tmp_path: Path, standin_weights: dict[str, torch.Tensor], standin: TorchModel
) -> None:
    path = tmp_path / NAME
    torch.save({"state_dict": standin_weights}, path)
    ours, expected = (m.network.state_dict() for m in (FAMILY(DEEPSPEECH2, path), standin))
    assert all(torch.equal(ours[name].cpu(), expected[name]) for name in expected)
