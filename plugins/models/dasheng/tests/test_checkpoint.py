"""Published files, written with the first block only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from brainbench_dasheng.cards import BASE, BASE_AS
from brainbench_dasheng.network import FAMILY
from torch import Tensor

from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file
from brainbench_audio.testing.published import put_in_place
from brainbench_audio.testing.references import read_manifest
from brainbench_audio.testing.standin import standin_state_dict

SOUND = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
OTHER_BLOCKS = {"left_out": r"^blocks\.([1-9]|\d\d)\."}
FRONT_END = {
    "front_end.0.spectrogram.window": torch.zeros(512),
    "front_end.0.mel_scale.fb": torch.zeros(257, 64),
}

State = dict[str, Tensor]


def one_block(name: str) -> State:
    drawn = standin_state_dict({**read_manifest(name), "reduced": OTHER_BLOCKS})
    return {name: torch.from_numpy(value) for name, value in drawn.items()}


@pytest.fixture(scope="module")
def weights() -> State:
    return one_block("dasheng-base")


@pytest.fixture(scope="module")
def fine_tuned_weights() -> State:
    return one_block("dasheng-base-as")


@pytest.fixture(scope="module")
def expected(weights: State) -> np.ndarray:
    return FAMILY(BASE, weights, depth=1).activations([SOUND])["blocks.0"]


def assert_loads(card: ModelCard, path: Path | State | None, expected: np.ndarray) -> None:
    model = FAMILY(card, path, depth=1)
    np.testing.assert_array_equal(model.activations([SOUND])["blocks.0"], expected)


def test_the_form_of_zenodo(tmp_path: Path, weights: State, expected: np.ndarray) -> None:
    path = tmp_path / "dasheng_base.pt"
    torch.save({"model": weights | FRONT_END, "config": {"target_length": 1008}}, path)
    assert_loads(BASE, path, expected)


def test_the_form_of_the_hub(tmp_path: Path, weights: State, expected: np.ndarray) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file({f"encoder.{name}": x for name, x in weights.items()}, path)
    assert_loads(BASE, path, expected)
    put_in_place(BASE, path)
    assert_loads(BASE, None, expected)


def test_the_form_of_the_fine_tuned_model(
    tmp_path: Path, fine_tuned_weights: State, expected: np.ndarray
) -> None:
    path = tmp_path / "dasheng_audioset_mAP497.pt"
    torch.save(fine_tuned_weights | FRONT_END, path)
    assert_loads(BASE_AS, path, expected)


def test_heads_and_decoders_are_left_aside(
    tmp_path: Path, weights: State, expected: np.ndarray
) -> None:
    head = {"outputlayer.1.weight": torch.zeros(50, 768), "outputlayer.1.bias": torch.zeros(50)}
    assert_loads(BASE, weights | head, expected)
    path = tmp_path / "pretrained.pt"
    whole = {f"encoder.{name}": x for name, x in (weights | FRONT_END).items()}
    torch.save(whole | {"decoder.mask_token": torch.zeros(1, 1, 512)}, path)
    assert_loads(BASE, path, expected)
    assert FAMILY(BASE, path, depth=1).provenance["weights"] == {
        "files": {"pretrained.pt": hash_file(path)},
        "prefix": "encoder.",
        "left_aside": ["decoder.mask_token", *FRONT_END],
    }


def test_other_names(weights: State) -> None:
    missing = {name: x for name, x in weights.items() if name != "norm.bias"}
    with pytest.raises(DataError, match=r"1 missing: norm\.bias"):
        FAMILY(BASE, missing, depth=1)
    with pytest.raises(DataError, match=r"1 unexpected: classifier\.weight"):
        FAMILY(BASE, weights | {"classifier.weight": torch.zeros(50, 768)}, depth=1)
    with pytest.raises(DataError, match=r"132 missing: blocks\.1\.norm1\.weight, .* …"):
        FAMILY(BASE, weights)


def with_steps(weights: State, steps: int) -> State:
    table = weights["time_pos_embed"]
    longer = torch.cat([table, torch.full_like(table, 7.0)], dim=-1)
    return weights | {"time_pos_embed": longer[..., :steps].clone()}


@pytest.mark.parametrize("steps", [50, 251, 253, 300])
def test_positions_of_other_lengths(weights: State, expected: np.ndarray, steps: int) -> None:
    assert_loads(BASE, with_steps(weights, steps), expected)


def test_too_few_positions(weights: State) -> None:
    with pytest.raises(DataError, match="49 positions in time_pos_embed"):
        FAMILY(BASE, with_steps(weights, 49), depth=1)
    model = FAMILY(BASE, with_steps(weights, 60), depth=1)
    with pytest.raises(ContractError, match=r"60 positions, .* \(2\.40 s\), .* needs 75"):
        model.activations([np.zeros(48_000, np.float32)])
