from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_metricgan.cards import METRICGAN
from brainbench_metricgan.model import load

from brainbench_audio import settings
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file

SOUND = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
NAME = "enhance_model.ckpt"
State = dict[str, torch.Tensor]


@pytest.fixture
def published(tmp_path: Path, weights: State) -> Path:
    path = tmp_path / NAME
    torch.save(weights, path)
    return path


def assert_same(ours: TorchModel, expected: TorchModel) -> None:
    found, wanted = (model.activations([SOUND]) for model in (ours, expected))
    assert all(np.array_equal(found[layer], wanted[layer]) for layer in wanted)


def test_a_published_file(published: Path, model: TorchModel) -> None:
    for path in (published, published.parent):
        loaded = load(METRICGAN, path)
        assert loaded.fingerprint["given"] == {"weights": hash_file(published)}
        assert_same(loaded, model)


def test_the_downloaded_file(published: Path, model: TorchModel) -> None:
    folder = settings.data_home() / "weights" / "metricgan" / "hub"
    cache = folder / "models--speechbrain--metricgan-plus-voicebank"
    commit = "0" * 40
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(commit)
    (cache / "snapshots" / commit).mkdir(parents=True)
    (cache / "snapshots" / commit / NAME).symlink_to(published)
    assert_same(load(METRICGAN), model)


def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"enhance_model\.ckpt.*load_model\('metricgan', weights="):
        load(METRICGAN)


def test_other_names(weights: State) -> None:
    missing = {name: value for name, value in weights.items() if name != "Learnable_sigmoid.slope"}
    with pytest.raises(DataError, match=r"1 missing: Learnable_sigmoid\.slope"):
        load(METRICGAN, missing)
    with pytest.raises(DataError, match=r"1 unexpected: linear3\.bias"):
        load(METRICGAN, weights | {"linear3.bias": torch.zeros(3)})
    with pytest.raises(DataError, match=r"linear1\.bias \(299,\) instead of \(300,\)"):
        load(METRICGAN, weights | {"linear1.bias": torch.zeros(299)})


@pytest.mark.parametrize("content", [{"epoch": 3}, {"model": {"a": 1}}, [1], {0: "text"}])
def test_another_nesting(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "weights.ckpt"
    torch.save(content, path)
    with pytest.raises(DataError, match=re.escape(str(path))):
        load(METRICGAN, path)


def test_permuted_weights_keep_their_values(weights: State) -> None:
    shuffled = load(METRICGAN, weights, control="permuted", seed=1).network.state_dict()
    name = "blstm.rnn.weight_hh_l1_reverse"
    ours = shuffled[name].cpu()
    assert not torch.equal(ours, weights[name])
    assert torch.equal(ours.flatten().sort()[0], weights[name].flatten().sort()[0])
