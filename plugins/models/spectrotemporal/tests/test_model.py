from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brainbench_spectrotemporal.cards import SPECTROTEMPORAL
from brainbench_spectrotemporal.network import FAMILY

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError


@pytest.fixture(scope="module")
def model() -> TorchModel:
    return FAMILY(SPECTROTEMPORAL)


@pytest.mark.parametrize("samples", [2, 40_000, 40_001])
def test_silence_is_finite(model: TorchModel, samples: int) -> None:
    features = model.activations([np.zeros(samples, np.float32)])["avgpool"]
    assert np.isfinite(features).all()
    assert (features >= 1e-8 * (1 - 1e-6)).all()


def test_level_and_offset_do_not_matter(model: TorchModel) -> None:
    sound = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
    one, other = model.activations([sound, 0.01 * sound + np.float32(0.2)])["avgpool"]
    assert np.linalg.norm(one - other) < 1e-4 * np.linalg.norm(one)


@pytest.mark.parametrize("weights", ["untrained", "permuted", "/no/such/file", {"a": 1}])
def test_weights_are_refused(weights: Any) -> None:
    with pytest.raises(ContractError, match=r"spectrotemporal has no weights.*Leave weights out"):
        FAMILY(SPECTROTEMPORAL, weights=weights)


def test_the_activations_can_be_cached(model: TorchModel) -> None:
    assert model.fingerprint is not None
    assert model.fingerprint == FAMILY(SPECTROTEMPORAL).fingerprint
