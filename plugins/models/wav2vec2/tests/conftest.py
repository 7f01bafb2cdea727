"""The network with stand-in weights, made once: drawing them takes seconds."""

from __future__ import annotations

from typing import Any

import pytest

from brainbench_audio import load_model
from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.comparison import read_manifest
from tests.parity.weights import standin_state_dict


@pytest.fixture(scope="session")
def weights() -> dict[str, Any]:
    return standin_state_dict(read_manifest("wav2vec2"))


@pytest.fixture(scope="session")
def model(weights: dict[str, Any]) -> TorchModel:
    loaded = load_model("wav2vec2", weights=weights, device="cpu")
    assert isinstance(loaded, TorchModel)
    return loaded
