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
    """Return the encoder's weights; the decoder may be left out and takes as long again to draw."""
    manifest = read_manifest("s2t")
    prefix = manifest["used_prefix"]
    encoder = {
        name: shape for name, shape in manifest["state_dict"].items() if name.startswith(prefix)
    }
    return standin_state_dict({**manifest, "state_dict": encoder})


@pytest.fixture(scope="session")
def model(weights: dict[str, Any]) -> TorchModel:
    loaded = load_model("s2t", weights=weights, device="cpu")
    assert isinstance(loaded, TorchModel)
    return loaded
