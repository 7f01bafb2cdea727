from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from brainbench_spectrotemporal import brainbench_models
from brainbench_spectrotemporal.cards import CARDS, SPECTROTEMPORAL
from brainbench_spectrotemporal.model import load

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError


@pytest.fixture(scope="module")
def model() -> TorchModel:
    return load(SPECTROTEMPORAL, device="cpu")


def test_the_hook_hands_over_the_card() -> None:
    assert brainbench_models() == CARDS
    assert [card.id for card in CARDS] == ["spectrotemporal"]


def test_the_card_is_light() -> None:
    code = (
        "import sys, brainbench_spectrotemporal as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'numpy', 'scipy', 'xarray'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_layers_and_dimensions(model: TorchModel) -> None:
    sounds = [np.random.default_rng(0).standard_normal(n).astype(np.float32) for n in (500, 40_000)]
    activations = model.activations(sounds)
    assert tuple(activations) == model.layers == SPECTROTEMPORAL.layers
    assert activations["avgpool"].shape == (2, *SPECTROTEMPORAL.dims)
    assert activations["avgpool"].dtype == np.float32
    assert np.isfinite(activations["avgpool"]).all()
    assert model.sample_rate == 20_000


def test_a_sound_is_the_same_alone_and_in_a_batch(model: TorchModel) -> None:
    generator = np.random.default_rng(0)
    sounds = [
        generator.standard_normal(n).astype(np.float32) for n in (40_000, 40_000, 700, 50_000)
    ]
    together = model.activations(sounds)["avgpool"]
    for row, sound in zip(together, sounds, strict=True):
        assert np.array_equal(model.activations([sound])["avgpool"][0], row)


@pytest.mark.parametrize("samples", [1, 40_000, 40_001])
def test_silence_is_finite(model: TorchModel, samples: int) -> None:
    features = model.activations([np.zeros(samples, np.float32)])["avgpool"]
    assert np.isfinite(features).all()
    assert (features >= 1e-8 * (1 - 1e-6)).all()


def test_level_and_offset_do_not_matter(model: TorchModel) -> None:
    sound = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
    one, other = model.activations([sound, 0.01 * sound + np.float32(0.2)])["avgpool"]
    assert np.linalg.norm(one - other) < 1e-4 * np.linalg.norm(one)


@pytest.mark.parametrize("weights", ["untrained", "permuted", "/no/such/file", {}, {"a": 1}])
def test_weights_are_refused(weights: Any) -> None:
    with pytest.raises(ContractError, match=r"spectrotemporal has no weights.*Leave weights out"):
        load(SPECTROTEMPORAL, weights=weights)


def test_the_activations_can_be_cached(model: TorchModel) -> None:
    assert model.fingerprint is not None
    assert model.fingerprint == load(SPECTROTEMPORAL, device="cpu").fingerprint
