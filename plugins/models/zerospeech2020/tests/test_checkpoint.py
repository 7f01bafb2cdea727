from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_zerospeech2020.cards import FILE, ZEROSPEECH2020
from brainbench_zerospeech2020.model import load

from brainbench_audio import settings
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file

SOUND = np.random.default_rng(0).standard_normal(8000).astype(np.float32)


@pytest.fixture
def file(tmp_path: Path, weights: dict[str, Any]) -> Path:
    encoder = {name: torch.from_numpy(value) for name, value in weights.items()}
    snapshot = {
        "encoder": encoder | {"jitter.prob": torch.tensor([0.25, 0.5, 0.25])},
        "decoder": {"rnn1.bias_ih_l0": torch.zeros(3)},
        "optimizer": {"state": {}, "param_groups": [{"lr": 4e-4, "params": [0, 1]}]},
        "amp": {"loss_scaler0": {"loss_scale": 65536.0, "unskipped": 3}},
        "scheduler": {"milestones": [300_000, 400_000], "gamma": 0.5},
        "step": 500_000,
    }
    path = tmp_path / FILE
    torch.save(snapshot, path)
    return path


def assert_same(loaded: TorchModel, published: TorchModel) -> None:
    ours, expected = (model.activations([SOUND]) for model in (loaded, published))
    assert all(np.array_equal(ours[layer], expected[layer]) for layer in expected)


def test_a_published_file(file: Path, published: TorchModel) -> None:
    loaded = load(ZEROSPEECH2020, file)
    assert_same(loaded, published)
    assert loaded.fingerprint["given"] == {"weights": hash_file(file)}


def test_a_file_in_its_place(file: Path, published: TorchModel) -> None:
    place = settings.data_home() / "weights" / "zerospeech2020" / FILE
    place.parent.mkdir(parents=True)
    place.symlink_to(file)
    assert_same(load(ZEROSPEECH2020), published)
    short, long = (
        load(ZEROSPEECH2020, weights, control=control).fingerprint["given"]
        for weights, control in (("permuted", None), (None, "permuted"))
    )
    assert short == long == {"weights": hash_file(file), "control": "permuted", "seed": 0}


def test_without_the_file() -> None:
    with pytest.raises(DataError, match=r"Download .*releases/tag/v0\.1, .*weights=FILE"):
        load(ZEROSPEECH2020)


def test_an_unknown_control() -> None:
    with pytest.raises(ContractError, match="no control 'random'"):
        load(ZEROSPEECH2020, {}, control="random")


def test_other_names(weights: dict[str, Any]) -> None:
    missing = dict(weights)
    del missing["encoder.15.bias"]
    with pytest.raises(DataError, match=r"1 missing: encoder\.15\.bias"):
        load(ZEROSPEECH2020, missing)
    unexpected = weights | {"codebook.codes": np.zeros(3, np.float32)}
    with pytest.raises(DataError, match=r"1 unexpected: codebook\.codes"):
        load(ZEROSPEECH2020, unexpected)


@pytest.mark.parametrize("content", [[1], {"decoder": {}}, {"encoder": [1]}])
def test_another_nesting(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    with pytest.raises(DataError, match=r"weights\.pt"):
        load(ZEROSPEECH2020, path)
