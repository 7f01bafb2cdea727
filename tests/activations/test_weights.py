"""Weights: nothing in a file is executed, and every name and shape must fit."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio import settings
from brainbench_audio.activations.weights import (
    Recipe,
    fetch_weights,
    hash_state,
    load_network,
    load_strictly,
    nested,
    permuted,
    read_checkpoint,
    without_prefix,
)
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.errors import ContractError, DataError

CARD = ModelCard(
    id="net-work",
    family="net",
    label="Net",
    parameters=10,
    layers=("a",),
    dims=(2,),
    sample_rate=8000,
    licence="MIT",
    citation="c",
    training_data="none",
    source="s",
    packages=(),
    loader="m:f",
    weights=(WeightsFile(url="https://example.org/net.pt?download=1"),),
)
Network = torch.nn.Module


def build() -> Network:
    return torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))


RECIPE = Recipe(
    build=build,
    read=lambda found: without_prefix(nested(found, ["model"]), "net."),
    rename=lambda state: {name.replace("layer", "0"): value for name, value in state.items()},
)


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


def weight(network: Network) -> torch.Tensor:
    return network.state_dict()["0.weight"]


def test_a_file_and_a_mapping_give_the_same_network(
    file: Path, published: dict[str, torch.Tensor]
) -> None:
    from_file, file_print = load_network(CARD, RECIPE, file)
    arrays = {name: value.numpy() for name, value in published.items()}
    from_mapping, mapping_print = load_network(CARD, RECIPE, arrays)
    torch.testing.assert_close(weight(from_file), published["layer.weight"])
    torch.testing.assert_close(weight(from_mapping), published["layer.weight"])
    assert set(file_print) == set(mapping_print) == {"weights"}


def test_published_weights_are_looked_for_at_home(file: Path) -> None:
    with pytest.raises(DataError, match=r"BRAINBENCH_OFFLINE.*--weights FILE"):
        load_network(CARD, RECIPE, None)
    home = settings.data_home() / "weights" / "net"
    home.mkdir(parents=True, exist_ok=True)
    (home / "net.pt").write_bytes(file.read_bytes())
    assert fetch_weights(CARD) == home / "net.pt"
    network, _ = load_network(CARD, RECIPE, None)
    torch.testing.assert_close(weight(network), weight(load_network(CARD, RECIPE, file)[0]))


def test_untrained_follows_its_seed_and_no_other() -> None:
    state = torch.random.get_rng_state()
    first, seed_zero = load_network(CARD, RECIPE, "untrained")
    again, _ = load_network(CARD, RECIPE, None, control="untrained")
    other, seed_one = load_network(CARD, RECIPE, "untrained", seed=1)
    torch.testing.assert_close(weight(first), weight(again))
    assert not torch.equal(weight(first), weight(other))
    assert seed_zero != seed_one
    assert torch.equal(torch.random.get_rng_state(), state)


def test_permuted_keeps_values_and_loses_order(file: Path) -> None:
    plain, plain_print = load_network(CARD, RECIPE, file)
    shuffled, shuffled_print = load_network(CARD, RECIPE, file, control="permuted")
    again, _ = load_network(CARD, RECIPE, file, control="permuted")
    one, two = weight(plain).flatten(), weight(shuffled).flatten()
    torch.testing.assert_close(one.sort().values, two.sort().values)
    assert not torch.equal(one, two)
    torch.testing.assert_close(weight(again), weight(shuffled))
    assert shuffled_print != plain_print
    assert shuffled_print["weights"] == plain_print["weights"]


def test_permuted_leaves_counters_alone() -> None:
    state = {"values": torch.arange(50.0), "counter": torch.arange(50), "one": torch.ones(1)}
    found = permuted(state, seed=0)
    assert torch.equal(found["counter"], state["counter"])
    assert torch.equal(found["one"], state["one"])
    assert not torch.equal(found["values"], state["values"])
    assert torch.equal(permuted(state, 0)["values"], found["values"])
    assert not torch.equal(permuted(state, 1)["values"], found["values"])


def test_an_unknown_control(file: Path) -> None:
    with pytest.raises(ContractError, match="no control 'shuffled': choose from untrained"):
        load_network(CARD, RECIPE, file, control="shuffled")


def test_names_and_shapes_must_fit(published: dict[str, torch.Tensor]) -> None:
    published["layer.weight"] = torch.zeros(2, 4)
    published["layer.extra"] = published.pop("layer.bias")
    told = r"1 missing: 0\.bias; 1 unexpected: 0\.extra; .*0\.weight \(2, 4\) instead of \(2, 3\)"
    with pytest.raises(DataError, match=f"net-work: the given mapping.*{told}"):
        load_network(CARD, RECIPE, published)


def test_only_the_first_ten_problems_are_named() -> None:
    state = {f"x{number:02d}": torch.zeros(1) for number in range(12)}
    with pytest.raises(DataError, match=r"12 unexpected: x00, .*x09 …") as told:
        load_strictly(build(), state, "here")
    assert "x10" not in str(told.value)


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


def test_missing_files_and_entries(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.pt does not exist"):
        load_network(CARD, RECIPE, tmp_path / "nowhere.pt")
    torch.save({"state": {}}, tmp_path / "other.pt")
    with pytest.raises(DataError, match=r"other\.pt.*no entry 'model', only \['state'\]"):
        load_network(CARD, RECIPE, tmp_path / "other.pt")
    with pytest.raises(DataError, match="holds int, expected named tensors"):
        nested({"a": {"b": 3}}, ["a", "b"])


def test_hash_state() -> None:
    state = {"a": np.zeros(3, np.float32), "b": np.ones((1, 3), np.float32)}
    variants: list[dict[str, Any]] = [
        state,
        {**state, "a": np.zeros(3)},
        {**state, "a": np.array([0, 0, 1], np.float32)},
        {**state, "b": np.ones((3, 1), np.float32)},
        {"a": state["a"], "c": state["b"]},
    ]
    assert len({hash_state(variant) for variant in variants}) == len(variants)
    assert hash_state(dict(reversed(state.items()))) == hash_state(state)
    assert hash_state({name: torch.as_tensor(value) for name, value in state.items()}) == (
        hash_state(state)
    )


def in_hub_cache(commit: str, content: bytes, reference: str = "main") -> Path:
    """Put a file where huggingface_hub keeps it, and let a revision point to it."""
    cache = settings.data_home() / "weights" / "net" / "hub" / "models--owner--net"
    for folder in (cache / "refs", cache / "snapshots" / commit):
        folder.mkdir(parents=True, exist_ok=True)
    (cache / "refs" / reference).write_text(commit)
    file = cache / "snapshots" / commit / "net.pt"
    file.write_bytes(content)
    return file


def test_a_hub_file_is_held_to_its_first_download_at_each_revision() -> None:
    newest = replace(CARD, weights=(WeightsFile(url="hf://owner/net/net.pt"),))
    other = replace(CARD, weights=(WeightsFile(url="hf://owner/net/net.pt@v2"),))
    file = in_hub_cache("0" * 40, b"first")
    in_hub_cache("1" * 40, b"second", "v2")
    assert fetch_weights(newest).read_bytes() == b"first"
    assert fetch_weights(other).read_bytes() == b"second"
    assert fetch_weights(newest).read_bytes() == b"first"
    file.write_bytes(b"changed")
    with pytest.raises(DataError, match="is not the file it should be: expected SHA-256"):
        fetch_weights(newest)
    assert not file.exists()
    assert fetch_weights(other).read_bytes() == b"second"
