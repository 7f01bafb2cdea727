"""The network with stand-in weights, made once."""

from __future__ import annotations

import pytest
import torch

from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.standin import standin_model, standin_weights


@pytest.fixture(scope="session")
def weights() -> dict[str, torch.Tensor]:
    drawn = standin_weights("metricgan")
    return {name: torch.from_numpy(value) for name, value in drawn.items()}


@pytest.fixture(scope="session")
def model(weights: dict[str, torch.Tensor]) -> TorchModel:
    return standin_model("metricgan", weights)
