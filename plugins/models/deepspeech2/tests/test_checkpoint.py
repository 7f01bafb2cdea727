"""Published files with a narrow network, and files that want to do harm."""

from __future__ import annotations

import dataclasses
import enum
import pickle
import sys
import threading
import types
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from brainbench_deepspeech2 import checkpoint
from brainbench_deepspeech2.cards import DEEPSPEECH2
from brainbench_deepspeech2.checkpoint import read_snapshot
from brainbench_deepspeech2.model import load, recipe
from brainbench_deepspeech2.network import DeepSpeechNetwork

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import load_network
from brainbench_audio.cards import WeightsFile
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file

NARROW = recipe(width=8, depth=2)
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


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Leave the test's output alone."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Return the address of a server of the test's folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_published_file(file: Path, state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(pickle.UnpicklingError):
        torch.load(file, weights_only=True)
    network, fingerprint = load_network(DEEPSPEECH2, NARROW, file)
    assert fingerprint == {"weights": hash_file(file)}
    ours = network.state_dict()
    assert all(torch.equal(ours[name], state[name]) for name in state)
    assert "foreign_training" not in sys.modules


def test_a_download(file: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    card = dataclasses.replace(DEEPSPEECH2, weights=(WeightsFile(url=f"{address}/{NAME}"),))
    expected = {"weights": hash_file(file)}
    monkeypatch.delenv("BRAINBENCH_OFFLINE")
    assert load_network(card, NARROW, None)[1] == expected
    monkeypatch.setenv("BRAINBENCH_OFFLINE", "1")
    assert load_network(card, NARROW, None)[1] == expected


def test_tensors_that_share_their_numbers(tmp_path: Path) -> None:
    path, numbers = tmp_path / NAME, torch.arange(12.0)
    state = {
        "whole": numbers,
        "transposed": numbers.view(3, 4).T,
        "part": numbers[5:7],
        "scalar": numbers[3],
        "count": torch.tensor(7),
        "half": numbers.half(),
        "empty": torch.zeros(0, 3),
    }
    torch.save({"state_dict": state}, path)
    found = read_snapshot(path)["state_dict"]
    assert list(found) == list(state)
    for name, tensor in state.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)
    found["part"].fill_(-1)
    assert torch.equal(found["whole"], numbers)


def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"load_model\('deepspeech2', weights="):
        load(DEEPSPEECH2)


def test_other_names(state: dict[str, torch.Tensor]) -> None:
    missing = {name: tensor for name, tensor in state.items() if name != "fc.0.module.1.weight"}
    with pytest.raises(DataError, match=r"1 missing: fc\.0\.module\.1\.weight"):
        load_network(DEEPSPEECH2, NARROW, missing)
    unexpected = state | {"inference_softmax.weight": torch.zeros(1)}
    with pytest.raises(DataError, match=r"1 unexpected: inference_softmax\.weight"):
        load_network(DEEPSPEECH2, NARROW, unexpected)
    with pytest.raises(DataError, match=r"39 missing: .* …; .* of another shape: "):
        load(DEEPSPEECH2, state)


@pytest.mark.parametrize(
    "content",
    [{"epoch": 3}, {"state_dict": [1]}, [1], {"state_dict": {"a": 3}}, torch.zeros(3)],
)
def test_another_nesting(tmp_path: Path, content: Any) -> None:
    path = tmp_path / NAME
    torch.save(content, path)
    with pytest.raises(DataError, match=NAME):
        load_network(DEEPSPEECH2, NARROW, path)


def test_damaged_files(tmp_path: Path, file: Path) -> None:
    content = file.read_bytes()
    for damaged in (b"", content[: len(content) // 2], content[:100], b"\x80\x02}q\x00."):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{NAME} is damaged or not the published snapshot"):
            load_network(DEEPSPEECH2, NARROW, file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(DataError, match="not one of torch"):
        load_network(DEEPSPEECH2, NARROW, file)
    with pytest.raises(DataError, match=r"other\.ckpt does not exist"):
        load_network(DEEPSPEECH2, NARROW, tmp_path / "other.ckpt")


class Called:
    """Calls a function when it is read, or changes what a name stands for."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.recipe = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.recipe


def pickled(path: Path, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    return path


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int) -> None:
    monkeypatch.chdir(tmp_path)
    touch = Called(Path.touch, Path("touched"))
    evaluate = Called(eval, "open('touched', 'w')")
    content = {"state_dict": {"a": touch}, "hyper_parameters": [evaluate, {"x": touch}]}
    path = pickled(tmp_path / NAME, pickle.dumps(content, protocol=protocol))
    with pytest.raises(DataError, match="holds more than weights: 'a'"):
        load_network(DEEPSPEECH2, NARROW, path)
    assert not Path("touched").exists()


@pytest.mark.parametrize(
    "name",
    [
        b"collections\nOrderedDict",
        b"torch._utils\n_rebuild_tensor_v2",
        b"torch\nFloatStorage",
        b"a\nb",
    ],
)
def test_a_pickle_that_changes_classes(tmp_path: Path, name: bytes) -> None:
    before = {cls: dict(vars(cls)) for cls in (checkpoint._Foreign, checkpoint._Strided)}
    for change in (b"}X\x01\x00\x00\x00xNs", b"N}X\x01\x00\x00\x00xNs\x86"):  # attributes, slots
        data = b"\x80\x02c" + name + b"\n" + change + b"b."
        with pytest.raises(DataError):
            read_snapshot(pickled(tmp_path / NAME, data))
    assert before == {cls: dict(vars(cls)) for cls in before}


@pytest.mark.parametrize("shape", [(5,), (2, 3), (-1,), ("a",)])
def test_tensors_beyond_their_storage(tmp_path: Path, shape: tuple[Any, ...]) -> None:
    path = tmp_path / NAME
    torch.save({"state_dict": {"a": torch.ones(4)}}, path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    (inside,) = [name for name in contents if name.endswith("data.pkl")]
    # the shape of the tensor, (4,), is the integer 4 and the mark of a tuple of one
    forged = contents[inside].replace(b"K\x04\x85", pickle.dumps(shape, 2)[2:-1], 1)
    assert forged != contents[inside]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, forged if name == inside else content)
    with pytest.raises(DataError, match=NAME):
        read_snapshot(path)


def test_permuted_weights_keep_their_values(state: dict[str, torch.Tensor]) -> None:
    network, _ = load_network(DEEPSPEECH2, NARROW, state, control="permuted", seed=1)
    name = "rnns.1.rnn.weight_hh_l0"
    ours = network.state_dict()[name]
    assert not torch.equal(ours, state[name])
    assert torch.equal(ours.flatten().sort()[0], state[name].flatten().sort()[0])


@pytest.mark.slow
def test_a_file_of_the_published_size(
    tmp_path: Path, weights: dict[str, Any], published: TorchModel
) -> None:
    path = tmp_path / NAME
    state = {name: torch.from_numpy(value) for name, value in weights.items()}
    torch.save({"state_dict": state}, path)
    ours, expected = (m.network.state_dict() for m in (load(DEEPSPEECH2, path), published))
    assert all(torch.equal(ours[name].cpu(), expected[name]) for name in expected)
