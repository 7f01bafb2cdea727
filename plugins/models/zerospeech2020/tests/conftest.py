"""The network with stand-in weights, drawn once."""

from __future__ import annotations

from typing import Any

import pytest
from brainbench_zerospeech2020.cards import ZEROSPEECH2020
from brainbench_zerospeech2020.model import load

from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.comparison import read_manifest
from tests.parity.weights import standin_state_dict


@pytest.fixture(scope="session")
def standin_weights() -> dict[str, Any]:
    return standin_state_dict(read_manifest("zerospeech2020"))


@pytest.fixture(scope="session")
def published(standin_weights: dict[str, Any]) -> TorchModel:
    return load(ZEROSPEECH2020, standin_weights, device="cpu")
