"""Snapshots with objects of foreign packages, and files that want to do harm."""

from __future__ import annotations

import argparse
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from brainbench_audio.activations import snapshots
from brainbench_audio.activations.snapshots import read_snapshot
from brainbench_audio.activations.weights import read_checkpoint
from brainbench_audio.errors import DataError

NAME = "snapshot.pt"


def test_what_is_plain_is_read_beside_objects(tmp_path: Path) -> None:
    content: dict[str, Any] = {
        "args": argparse.Namespace(arch="x"),
        "model": {"a": torch.arange(3.0), "b": torch.ones(2).half(), "path": Path("x")},
        "optimizer": {"state": {0: {"exp_avg": torch.ones(9)}}},
        "epoch": 3,
    }
    torch.save(content, tmp_path / NAME)
    found = read_checkpoint(tmp_path / NAME)
    assert list(found["model"]) == ["a", "b", "path"]
    assert found["model"]["path"] == {}
    assert all(torch.equal(found["model"][name], content["model"][name]) for name in "ab")
    assert (found["args"], found["optimizer"], found["epoch"]) == ({}, {"state": {}}, 3)


def test_mappings_that_hold_themselves(tmp_path: Path) -> None:
    content: dict[str, Any] = {"a": torch.ones(1), "args": argparse.Namespace()}
    content |= {f"again{number}": content for number in range(3000)}
    torch.save(content, tmp_path / NAME)
    assert read_snapshot(tmp_path / NAME)["a"].tolist() == [1]


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / NAME, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(DataError, match="not one of torch"):
        read_snapshot(tmp_path / NAME)


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
    with pytest.raises(DataError, match=r"holds a \S+, expected tensors|damaged"):
        read_checkpoint(path)
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
    before = {cls: dict(vars(cls)) for cls in (snapshots._Foreign, snapshots._Strided)}
    for change in (b"}X\x01\x00\x00\x00xNs", b"N}X\x01\x00\x00\x00xNs\x86"):  # attributes, slots
        data = b"\x80\x02c" + name + b"\n" + change + b"b."
        with suppress(DataError):
            assert read_snapshot(pickled(tmp_path / NAME, data)) == {}
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
