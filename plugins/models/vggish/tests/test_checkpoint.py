"""The published file, written in a small size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from brainbench_vggish.cards import VGGISH
from brainbench_vggish.model import load

from brainbench_audio import settings
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file

State = dict[str, torch.Tensor]
SOUND = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)


def test_a_published_file(tmp_path: Path, small_state: State) -> None:
    path = tmp_path / "vggish-10086976.pth"
    torch.save(small_state, path)
    loaded, expected = (load(VGGISH, weights) for weights in (path, small_state))
    ours, theirs = (model.activations([SOUND]) for model in (loaded, expected))
    assert all(np.array_equal(ours[layer], theirs[layer]) for layer in theirs)
    assert loaded.fingerprint["given"] == {"weights": hash_file(path)}


def test_the_downloaded_file(small_state: State) -> None:
    path = settings.data_home() / "weights" / "vggish" / "vggish-10086976.pth"
    path.parent.mkdir(parents=True)
    torch.save(small_state, path)
    assert load(VGGISH).fingerprint["given"] == {"weights": hash_file(path)}


def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"vggish-10086976\.pth.*load_model\('vggish', weights="):
        load(VGGISH)


def test_other_names(small_state: State) -> None:
    bias = small_state.pop("embeddings.4.bias")
    with pytest.raises(DataError, match=r"1 missing: embeddings\.4\.bias"):
        load(VGGISH, small_state)
    extra = {"embeddings.4.bias": bias, "pproc.pca_means": bias}
    with pytest.raises(DataError, match=r"1 unexpected: pproc\.pca_means"):
        load(VGGISH, small_state | extra)


def test_another_nesting(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save([1, 2], path)
    with pytest.raises(DataError, match=r"weights\.pth.* holds list, expected named tensors"):
        load(VGGISH, path)


def test_controls(small_state: State) -> None:
    permuted = load(VGGISH, small_state, control="permuted").network.state_dict()
    name = "features.3.weight"
    assert not torch.equal(permuted[name], small_state[name])
    assert torch.equal(permuted[name].flatten().sort()[0], small_state[name].flatten().sort()[0])
    with pytest.raises(ContractError, match="no control 'shuffled'"):
        load(VGGISH, small_state, control="shuffled")
