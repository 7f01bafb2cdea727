"""The network with stand-in weights, made once: drawing them takes seconds."""

from __future__ import annotations

from typing import Any

import pytest

from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.standin import standin_model, standin_weights


@pytest.fixture(scope="session")
def weights() -> dict[str, Any]:
    return standin_weights("deepspeech2")


@pytest.fixture(scope="session")
def published(weights: dict[str, Any]) -> TorchModel:
    return standin_model("deepspeech2", weights)
