"""What hearing changed in a model: noted after it, without reading all weights again."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

from brainbench_audio.activations import object_state
from brainbench_audio.activations.object_state import sealed, settle, state_of
from brainbench_audio.hashing import live_code, live_data
from brainbench_audio.hashing.live_tensors import TensorDigests


class Net:
    """A network that hearing may change."""

    def __init__(self) -> None:
        self.network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
        self.calls = 0


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """Every tensor whose numbers are read."""
    found: list[torch.Tensor] = []
    original = live_data.tensor_content

    def reading(value: torch.Tensor) -> Any:
        found.append(value)
        return original(value)

    monkeypatch.setattr(live_code, "tensor_content", reading)
    return found


def test_only_what_changed_is_read_again(read: list[torch.Tensor]) -> None:
    model: Any = Net()
    sealed(model, None)
    before = state_of(model)
    model.calls += 1  # as hearing may
    model.network(torch.randn(5, 3))  # and in training mode statistics move
    read.clear()
    settle(model)
    names = {id(value): name for name, value in model.network.state_dict(keep_vars=True).items()}
    statistics = ["1.num_batches_tracked", "1.running_mean", "1.running_var"]
    assert sorted(names[id(value)] for value in read) == statistics
    assert state_of(model) == before
    with torch.no_grad():
        model.network[0].bias.mul_(2)
    read.clear()
    settle(model)
    assert sorted(names[id(value)] for value in read) == ["0.bias", *statistics]
    assert state_of(model) == before


def replaced(network: Any) -> None:
    network[0].weight = torch.nn.Parameter(torch.zeros(4, 3))


def stepped(network: Any) -> None:
    with torch.no_grad():
        network[0].weight.add_(1)


def behind_its_back(network: Any) -> None:
    network[0].weight.data.add_(1)


def by_numpy(network: Any) -> None:
    network[0].weight.detach().numpy()[0, 0] += 1


def given_other_data(network: Any) -> None:
    network[0].weight.data = torch.zeros(4, 3)


@pytest.mark.parametrize("change", [replaced, stepped, behind_its_back, by_numpy, given_other_data])
def test_a_change_of_weights_after_hearing_is_always_seen(change: Callable[[Any], None]) -> None:
    """Whether torch counts it or not."""
    model: Any = Net()
    sealed(model, None)
    before = state_of(model)
    settle(model)
    change(model.network)
    assert state_of(model) != before


@pytest.mark.parametrize("change", [behind_its_back, by_numpy])
def test_what_hearing_changed_without_torch_knowing_counts(change: Callable[[Any], None]) -> None:
    """It is not taken for harmless, so that nothing is mistaken for what it was."""
    model: Any = Net()
    sealed(model, None)
    before = state_of(model)
    change(model.network)
    settle(model)
    assert state_of(model) != before


def test_copies_of_a_model_know_no_digests() -> None:
    model: Any = Net()
    sealed(model, None)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin._brainbench_seal.tensors._kept == {}
        assert state_of(twin) == state_of(model)
    assert isinstance(object_state.seal_of(model).tensors, TensorDigests)  # type: ignore[union-attr]
