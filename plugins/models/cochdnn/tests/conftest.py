"""Small networks of the same shape, for tests that need no published sizes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from brainbench_cochdnn import network as network_module
from brainbench_cochdnn.cards import CARDS
from brainbench_cochdnn.cochcnn9 import CochCNN9
from brainbench_cochdnn.cochresnet50 import CochResNet50
from brainbench_cochdnn.network import build

from brainbench_audio.cards import ModelCard

State = dict[str, Any]
# without the dims, which are those of the published sizes
BY_ID = {card.id: replace(card, dims=()) for card in CARDS}
SMALL = {
    "cochcnn9": partial(CochCNN9, channels=(4, 5, 6, 7, 8), units=9),
    "cochresnet50": partial(CochResNet50, width=2),
}
FRONT_END = {
    "module.preproc.normalize.new_mean": torch.zeros(1, 1, 1),
    "module.preproc.normalize.new_std": torch.ones(1, 1, 1),
    "module.model.0.full_rep.rep.Cochleagram.downsampling.downsample_filter": torch.zeros(3),
}


@pytest.fixture(scope="session")
def cards() -> dict[str, ModelCard]:
    return BY_ID


class QuickCochleagram(torch.nn.Module):
    """Stands for the real one, which takes most of a small model's time: (batch, 211, 390)."""

    def __init__(self, _oversampling: float | None) -> None:
        super().__init__()

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        frames = waveforms[:, :39_000].reshape(-1, 390, 100).abs().transpose(1, 2)
        return frames.repeat(1, 3, 1)[:, :211]


@pytest.fixture
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_module, "BODIES", SMALL)
    monkeypatch.setattr(network_module, "Cochleagram", QuickCochleagram)


def wrapped(state: State) -> State:
    """Return a state dict under the published names, with everything the published file has."""
    once = {name.replace("body.", "module.model.1.", 1): x for name, x in state.items()} | FRONT_END
    twice = {f"module.attacker.{name.removeprefix('module.')}": x for name, x in once.items()}
    return once | twice


@pytest.fixture
def small_states(small_sizes: None) -> dict[str, State]:
    """Make the models small for a test; return published state dicts of two that differ in all."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ids = ("cochcnn9-multitask", "cochresnet50-word")
        return {name: wrapped(build(BY_ID[name]).state_dict()) for name in ids}
