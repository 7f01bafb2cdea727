from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_zerospeech2020.cards import FILE, ZEROSPEECH2020
from brainbench_zerospeech2020.network import FAMILY

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file
from brainbench_audio.testing.behaviour import noise
from brainbench_audio.testing.published import put_in_place

pytestmark = pytest.mark.standin("zerospeech2020")


@pytest.fixture
def file(tmp_path: Path, standin_weights: dict[str, torch.Tensor]) -> Path:
    snapshot = {
        "encoder": {**standin_weights, "jitter.prob": torch.tensor([0.25, 0.5, 0.25])},
        "decoder": {"rnn1.bias_ih_l0": torch.zeros(3)},
        "optimizer": {"state": {}, "param_groups": [{"lr": 4e-4, "params": [0, 1]}]},
        "amp": {"loss_scaler0": {"loss_scale": 65536.0, "unskipped": 3}},
        "scheduler": {"milestones": [300_000, 400_000], "gamma": 0.5},
        "step": 500_000,
    }
    path = tmp_path / FILE
    torch.save(snapshot, path)
    return path


def test_a_published_file_and_one_in_its_place(file: Path, standin: TorchModel) -> None:
    given = FAMILY(ZEROSPEECH2020, file)
    place = put_in_place(ZEROSPEECH2020, file)
    taken = FAMILY(ZEROSPEECH2020)
    assert (given.files, taken.files) == ((file,), (place,))
    expected = standin.activations([noise(8000)])
    for loaded in (given, taken):
        assert loaded.fingerprint["given"] == {"weights": hash_file(file)}
        ours = loaded.activations([noise(8000)])
        assert all(np.array_equal(ours[layer], expected[layer]) for layer in expected)


def test_controls_take_the_file_in_its_place(file: Path) -> None:
    put_in_place(ZEROSPEECH2020, file)
    short, long = (
        FAMILY(ZEROSPEECH2020, weights, control=control).fingerprint["given"]
        for weights, control in (("permuted", None), (None, "permuted"))
    )
    assert short == long == {"weights": hash_file(file), "control": "permuted", "seed": 0}


def test_without_the_file() -> None:
    with pytest.raises(DataError, match=r"(?s)by hand: Download .*tag/v0\.1, .*weights=FILE"):
        FAMILY(ZEROSPEECH2020)


@pytest.mark.parametrize("content", [[1], {"decoder": {}}, {"encoder": [1]}])
def test_another_nesting(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / FILE)
    with pytest.raises(DataError, match=rf"{FILE}: .*expected (those of|named tensors)"):
        FAMILY(ZEROSPEECH2020, tmp_path / FILE)
