"""A small network of the same shape, for tests that need no published sizes."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from brainbench_vggish import model as model_module
from brainbench_vggish.cards import VGGISH
from brainbench_vggish.network import VggishNetwork

State = dict[str, torch.Tensor]


def small_network(layers: Iterable[str]) -> VggishNetwork:
    return VggishNetwork(layers, width=2)


@pytest.fixture
def small_state(monkeypatch: pytest.MonkeyPatch) -> State:
    """Make the model small for a test; return weights of that size."""
    monkeypatch.setattr(model_module, "VggishNetwork", small_network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return small_network(VGGISH.layers).state_dict()
