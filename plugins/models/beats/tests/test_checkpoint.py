from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_beats.cards import ITER1, ITER3_AS2M
from brainbench_beats.checkpoint import ARCHITECTURE, read
from brainbench_beats.model import load

from brainbench_audio import settings
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file

TRAINING = {"dropout": 0.1, "encoder_layerdrop": 0.05, "layer_wise_gradient_decay_ratio": 1.0}
CFG = {**ARCHITECTURE, **TRAINING}


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, pretrained_weights: dict[str, Any]) -> Path:
    path = tmp_path_factory.mktemp("published") / "BEATs_iter1.pt"
    state = {name: torch.from_numpy(value) for name, value in pretrained_weights.items()}
    torch.save({"cfg": CFG, "model": state}, path)
    return path


def in_hub_cache(card: ModelCard, file: Path) -> None:
    """Put a file where an earlier download would have left it."""
    location, _, revision = card.weights[0].url.removeprefix("hf://").partition("@")
    owner, name, path = location.split("/")
    cache = settings.data_home() / "weights" / "beats" / "hub"
    snapshot = cache / f"models--{owner}--{name}" / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (snapshot / path).symlink_to(file)


def test_a_published_file(published: Path, pretrained: TorchModel) -> None:
    loaded = load(ITER1, published)
    sound = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    ours, expected = (model.activations([sound]) for model in (loaded, pretrained))
    assert all(np.array_equal(ours[layer], expected[layer]) for layer in expected)
    assert loaded.fingerprint["given"] == {"weights": hash_file(published)}


def test_the_downloaded_file(published: Path) -> None:
    weights = dataclasses.replace(ITER1.weights[0], sha256=hash_file(published))
    card = dataclasses.replace(ITER1, weights=(weights,))
    in_hub_cache(card, published)
    assert load(card).fingerprint["given"] == {"weights": weights.sha256}


def test_another_file_under_the_published_name(tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    torch.save({"cfg": CFG, "model": {}}, other)
    in_hub_cache(ITER1, other)
    with pytest.raises(DataError, match=f"expected SHA-256 {ITER1.weights[0].sha256}"):
        load(ITER1)


def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"BEATs_iter1\.pt.*load_model\('beats-iter1', weights="):
        load(ITER1)


@pytest.mark.parametrize(("field", "value"), [("max_distance", 1280), ("deep_norm", False)])
def test_another_architecture(field: str, value: Any) -> None:
    with pytest.raises(DataError, match=rf"has {field} {value!r} instead of"):
        read({"cfg": {**CFG, field: value}, "model": {}})


@pytest.mark.parametrize("checkpoint", [{"model": {}}, {"cfg": CFG}, [1, 2]])
def test_another_nesting(checkpoint: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(checkpoint, path)
    with pytest.raises(DataError, match=r"weights\.pt.*has no entry '(cfg|model)'"):
        load(ITER1, path)


def test_other_names(pretrained_weights: dict[str, Any]) -> None:
    missing = dict(pretrained_weights)
    del missing["encoder.layers.5.fc1.bias"]
    with pytest.raises(DataError, match=r"1 missing: encoder\.layers\.5\.fc1\.bias"):
        load(ITER1, missing)
    unexpected = pretrained_weights | {"predictor.bias": np.zeros(527, np.float32)}
    with pytest.raises(DataError, match=r"1 unexpected: predictor\.bias"):
        load(ITER1, unexpected)


def test_a_pretrained_file_for_the_fine_tuned_model(published: Path) -> None:
    with pytest.raises(DataError, match=r"2 missing: predictor\.weight, predictor\.bias"):
        load(ITER3_AS2M, published)


@pytest.mark.slow
def test_permuted_weights_keep_their_values(
    pretrained: TorchModel, pretrained_weights: dict[str, Any]
) -> None:
    permuted = load(ITER1, pretrained_weights, control="permuted", seed=1)
    name = "encoder.layers.3.fc1.weight"
    ours, given = (model.network.state_dict()[name] for model in (permuted, pretrained))
    assert not torch.equal(ours, given)
    assert torch.equal(ours.flatten().sort()[0], given.flatten().sort()[0])
