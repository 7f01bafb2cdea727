"""The network with stand-in weights, made once."""

from __future__ import annotations

import pytest
import torch
from brainbench_sepformer.cards import SEPFORMER
from brainbench_sepformer.model import load

from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.comparison import read_manifest
from tests.parity.weights import standin_state_dict


@pytest.fixture(scope="session")
def weights() -> dict[str, torch.Tensor]:
    drawn = standin_state_dict(read_manifest("sepformer"))
    return {name: torch.from_numpy(value) for name, value in drawn.items()}


@pytest.fixture(scope="session")
def model(weights: dict[str, torch.Tensor]) -> TorchModel:
    return load(SEPFORMER, weights, device="cpu")
