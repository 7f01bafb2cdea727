"""Weights: nothing in a file is executed, and every name and shape must fit."""

from __future__ import annotations

import argparse
import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio.activations.weights import (
    check_finite,
    hash_state,
    load_strictly,
    nested,
    permuted,
    read_checkpoint,
)
from brainbench_audio.errors import DataError

Network = torch.nn.Module


def build() -> Network:
    return torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))


@pytest.fixture
def published() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    state = build().state_dict()
    return {name.replace("0.", "layer."): value for name, value in state.items()}


@pytest.fixture
def file(tmp_path: Path, published: dict[str, torch.Tensor]) -> Path:
    path = tmp_path / "net.pt"
    named = {f"net.{name}": value for name, value in published.items()}
    torch.save({"model": named, "epoch": 3}, path)
    return path


def test_permuted_leaves_counters_alone() -> None:
    state = {"values": torch.arange(50.0), "counter": torch.arange(50), "one": torch.ones(1)}
    found = permuted(state, seed=0)
    assert torch.equal(found["counter"], state["counter"])
    assert torch.equal(found["one"], state["one"])
    assert not torch.equal(found["values"], state["values"])
    assert torch.equal(permuted(state, 0)["values"], found["values"])
    assert not torch.equal(permuted(state, 1)["values"], found["values"])


def test_only_the_first_three_problems_are_named() -> None:
    state = {f"x{number:02d}": torch.zeros(1) for number in range(12)}
    with pytest.raises(DataError, match=r"12 unexpected: x00, x01, x02 …") as told:
        load_strictly(build(), state, "here")
    assert "x03" not in str(told.value)


def test_whole_numbers_are_no_weights() -> None:
    whole = {name: x.to(torch.int8) for name, x in build().state_dict().items()}
    with pytest.raises(DataError, match=r"6 of another kind of number: 0\.weight torch\.int8 inst"):
        load_strictly(build(), whole, "here")


def test_quantised_weights_are_refused() -> None:
    state = build().state_dict()
    for dtype in (torch.float8_e4m3fn, torch.float8_e5m2):
        small = {name: x.to(dtype) if x.is_floating_point() else x for name, x in state.items()}
        check_finite(small, "here")
        with pytest.raises(
            DataError, match=rf"6 of another kind of number: 0\.weight {dtype} inst"
        ):
            load_strictly(build(), permuted(small, 0), "here")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_weights_that_diverged_are_refused(value: float, dtype: torch.dtype) -> None:
    state = {f"x{number}": torch.ones(2, 3, dtype=dtype) for number in range(6)}
    check_finite({**state, "empty": torch.zeros(0), "count": torch.tensor(3)}, "here")
    for number in range(1, 6):
        state[f"x{number}"][1, 1] = value
    with pytest.raises(DataError, match=r"NaN or infinity \(here\): x1, x2, x3 …\. "):
        check_finite(state, "here")


class Dangerous:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("executed"),))


def test_code_in_a_file_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Dangerous()}, tmp_path / "saved.pt")
    (tmp_path / "pickled.pt").write_bytes(pickle.dumps(Dangerous()))
    for name in ("saved.pt", "pickled.pt"):
        with pytest.raises(DataError, match=name):
            read_checkpoint(tmp_path / name)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [b"", b"<html>", None], ids=["empty", "html", "cut"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_damaged_files(file: Path, tmp_path: Path, content: bytes | None, suffix: str) -> None:
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"bad{suffix}"
    whole = file.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(DataError, match=rf"bad\{suffix}"):
        read_checkpoint(path)


def test_hash_state() -> None:
    state = {"a": np.zeros(3, np.float32), "b": np.ones((1, 3), np.float32)}
    variants: list[dict[str, Any]] = [
        state,
        {**state, "a": np.zeros(3)},
        {**state, "a": np.array([0, 0, 1], np.float32)},
        {**state, "b": np.ones((3, 1), np.float32)},
        {"a": state["a"], "c": state["b"]},
        {**state, "a": torch.zeros(3, dtype=torch.bfloat16)},
        {**state, "a": torch.tensor([0, 0, 1], dtype=torch.bfloat16)},
        {**state, "a": torch.zeros(3, dtype=torch.int16)},
        {**state, "a": torch.tensor(0, dtype=torch.bfloat16)},
    ]
    assert len({hash_state(variant) for variant in variants}) == len(variants)
    assert hash_state(dict(reversed(state.items()))) == hash_state(state)
    assert hash_state({name: torch.as_tensor(value) for name, value in state.items()}) == (
        hash_state(state)
    )


def test_entries_that_are_missing_or_something_else() -> None:
    assert nested({"a": {"b": {"c": 3}}}, ["a", "b"]) == {"c": 3}
    with pytest.raises(DataError, match=r"no entry 'model', only \['state'\]"):
        nested({"state": {}}, ["model"])
    with pytest.raises(DataError, match="holds int, expected named tensors"):
        nested({"a": {"b": 3}}, ["a", "b"])


class Whole(torch.nn.Module):
    """A module that somebody pickled instead of its state dict."""


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"args": argparse.Namespace(arch="x")}, "argparse.Namespace"),
        (Whole(), r"test_weights.Whole"),
        ({"log": collections.deque([1])}, "collections.deque"),
    ],
)
def test_a_refused_class_is_named_without_torch_s_advice(
    tmp_path: Path, content: Any, named: str
) -> None:
    torch.save(content, tmp_path / "trained.pt")
    with pytest.raises(DataError, match=rf"holds a \S*{named}.*state_dict\(\)") as told:
        read_checkpoint(tmp_path / "trained.pt")
    assert "\x1b" not in str(told.value)
    assert "weights_only" not in str(told.value)


def test_no_message_of_a_damaged_file_has_colours_or_careless_advice(tmp_path: Path) -> None:
    for number, content in enumerate((b"x" * 50, b"\x80\x02}q\x00.", b"PK\x03\x04" + b"0" * 80)):
        path = tmp_path / f"bad{number}.pt"
        path.write_bytes(content)
        with pytest.raises(DataError, match=path.name) as told:
            read_checkpoint(path)
        assert "\x1b" not in str(told.value)
        assert "weights_only" not in str(told.value)


def test_a_safetensors_file_is_known_by_its_content(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file({"a": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    assert read_checkpoint(tmp_path / "pytorch_model.bin")["a"].tolist() == [1, 1]


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    values = torch.arange(600.0)
    torch.save({"a": values}, path)
    content = bytearray(path.read_bytes())
    content[bytes(content).index(values.numpy().tobytes()) + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"weights\.pt is damaged or no weights file: Bad CRC-32"):
        read_checkpoint(path)


def test_weights_that_torch_wrote_without_checksums(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"a": torch.arange(3.0)}, path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert read_checkpoint(path)["a"].tolist() == [0, 1, 2]
