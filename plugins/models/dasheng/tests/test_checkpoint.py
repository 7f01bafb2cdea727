"""Published files, written with the first block only."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from brainbench_dasheng.cards import BASE, BASE_AS
from brainbench_dasheng.model import load
from torch import Tensor

from brainbench_audio import settings
from brainbench_audio.cards import WeightsFile
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file
from tests.parity.comparison import read_manifest
from tests.parity.weights import standin_state_dict

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
    return load(BASE, weights, depth=1).activations([SOUND])["blocks.0"]


def assert_loads(card: Any, path: Path | State | None, expected: np.ndarray) -> None:
    model = load(card, path, depth=1)
    np.testing.assert_array_equal(model.activations([SOUND])["blocks.0"], expected)


def test_the_form_of_zenodo(tmp_path: Path, weights: State, expected: np.ndarray) -> None:
    path = tmp_path / "dasheng_base.pt"
    torch.save({"model": weights | FRONT_END, "config": {"target_length": 1008}}, path)
    assert_loads(BASE, path, expected)


def test_the_form_of_the_hub(tmp_path: Path, weights: State, expected: np.ndarray) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file({f"encoder.{name}": x for name, x in weights.items()}, path)
    assert_loads(BASE, path, expected)


def test_the_form_of_the_fine_tuned_model(
    tmp_path: Path, fine_tuned_weights: State, expected: np.ndarray
) -> None:
    path = tmp_path / "dasheng_audioset_mAP497.pt"
    torch.save(fine_tuned_weights | FRONT_END, path)
    assert_loads(BASE_AS, path, expected)


def test_download_from_the_hub(weights: State, expected: np.ndarray) -> None:
    cache = settings.data_home() / "weights" / "dasheng" / "hub" / "models--mispeech--dasheng-base"
    commit = "0" * 40
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(commit)
    (cache / "snapshots" / commit).mkdir(parents=True)
    safetensors.torch.save_file(
        {f"encoder.{name}": x for name, x in weights.items()},
        cache / "snapshots" / commit / "model.safetensors",
    )
    assert_loads(BASE, None, expected)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Leave the test's output alone."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_download_from_zenodo(
    server: tuple[Path, str],
    fine_tuned_weights: State,
    expected: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, address = server
    published = folder / "dasheng_audioset_mAP497.pt"
    torch.save(fine_tuned_weights, published)
    file = WeightsFile(url=f"{address}/{published.name}?download=1", sha256=hash_file(published))
    card = dataclasses.replace(BASE_AS, weights=(file,))
    monkeypatch.delenv("BRAINBENCH_OFFLINE")
    assert_loads(card, None, expected)
    monkeypatch.setenv("BRAINBENCH_OFFLINE", "1")
    assert_loads(card, None, expected)


def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"load_model\('dasheng-base', weights="):
        load(BASE)


def test_other_names(weights: State, fine_tuned_weights: State) -> None:
    missing = {name: x for name, x in weights.items() if name != "norm.bias"}
    with pytest.raises(DataError, match=r"1 missing: norm\.bias"):
        load(BASE, missing, depth=1)
    with pytest.raises(DataError, match=r"4 unexpected: outputlayer\.0\.weight"):
        load(BASE, fine_tuned_weights, depth=1)
    with pytest.raises(DataError, match=r"132 missing: blocks\.1\.norm1\.weight, .* …"):
        load(BASE, weights)


@pytest.mark.parametrize("content", [{"epoch": 3}, {"model": [1]}, [1], {0: "text"}])
def test_another_nesting(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    with pytest.raises(DataError, match=re.escape(str(path))):
        load(BASE, path, depth=1)


def with_steps(weights: State, steps: int) -> State:
    table = weights["time_pos_embed"]
    longer = torch.cat([table, torch.full_like(table, 7.0)], dim=-1)
    return weights | {"time_pos_embed": longer[..., :steps].clone()}


@pytest.mark.parametrize("steps", [50, 251, 253, 300])
def test_positions_of_other_lengths(weights: State, expected: np.ndarray, steps: int) -> None:
    assert_loads(BASE, with_steps(weights, steps), expected)


def test_too_few_positions(weights: State) -> None:
    with pytest.raises(DataError, match="49 positions in time_pos_embed"):
        load(BASE, with_steps(weights, 49), depth=1)
    model = load(BASE, with_steps(weights, 60), depth=1)
    with pytest.raises(ContractError, match=r"60 positions, .* \(2\.40 s\), .* needs 75"):
        model.activations([np.zeros(48_000, np.float32)])


def test_permuted_weights_keep_their_values(weights: State) -> None:
    permuted = load(BASE, weights, control="permuted", seed=1, depth=1).network.state_dict()
    name = "blocks.0.mlp.fc1.weight"
    assert not torch.equal(permuted[name], weights[name])
    assert torch.equal(permuted[name].flatten().sort()[0], weights[name].flatten().sort()[0])
