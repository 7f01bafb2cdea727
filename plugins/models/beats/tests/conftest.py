"""Networks with stand-in weights, made once: drawing 90 million numbers takes seconds."""

from __future__ import annotations

from typing import Any

import pytest
from brainbench_beats.cards import ITER1, ITER3_AS2M
from brainbench_beats.model import load

from brainbench_audio.activations.torch_model import TorchModel
from tests.parity.comparison import read_manifest
from tests.parity.weights import standin_state_dict


@pytest.fixture(scope="session")
def pretrained_weights() -> dict[str, Any]:
    return standin_state_dict(read_manifest("beats-iter1"))


@pytest.fixture(scope="session")
def pretrained(pretrained_weights: dict[str, Any]) -> TorchModel:
    return load(ITER1, pretrained_weights, device="cpu")


@pytest.fixture(scope="session")
def fine_tuned() -> TorchModel:
    return load(ITER3_AS2M, standin_state_dict(read_manifest("beats-iter3-as2m")), device="cpu")
