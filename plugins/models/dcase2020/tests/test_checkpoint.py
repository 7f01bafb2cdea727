from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_dcase2020.cards import DCASE2020
from brainbench_dcase2020.model import load, recipe

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import load_network
from brainbench_audio.cards import WeightsFile
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file

SOUND = np.random.default_rng(0).standard_normal(8820).astype(np.float32)
NARROW = recipe(width=8, words=10)


@pytest.fixture
def file(tmp_path: Path, weights: dict[str, Any]) -> Path:
    path = tmp_path / "dcase_model_baseline_pre_trained.pt"
    torch.save({name: torch.from_numpy(value) for name, value in weights.items()}, path)
    return path


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Leave the test's output alone."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Return the address of a server of the test's folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def assert_same(loaded: TorchModel, published: TorchModel) -> None:
    ours, expected = (model.activations([SOUND]) for model in (loaded, published))
    assert all(np.array_equal(ours[layer], expected[layer]) for layer in expected)


def test_a_published_file(file: Path, published: TorchModel) -> None:
    loaded = load(DCASE2020, file)
    assert_same(loaded, published)
    assert loaded.fingerprint["given"] == {"weights": hash_file(file)}


def test_a_download(
    file: Path, address: str, published: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = dataclasses.replace(DCASE2020, weights=(WeightsFile(url=f"{address}/{file.name}"),))
    monkeypatch.delenv("BRAINBENCH_OFFLINE")
    assert_same(load(card), published)
    monkeypatch.setenv("BRAINBENCH_OFFLINE", "1")
    assert_same(load(card), published)


def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"load_model\('dcase2020', weights="):
        load(DCASE2020)


def test_other_names(weights: dict[str, Any]) -> None:
    missing = dict(weights)
    del missing["encoder.gru_2.bias_hh_l0_reverse"]
    with pytest.raises(DataError, match=r"1 missing: encoder\.gru_2\.bias_hh_l0_reverse"):
        load(DCASE2020, missing)
    unexpected = weights | {"encoder.gru_4.bias": np.zeros(3, np.float32)}
    with pytest.raises(DataError, match=r"1 unexpected: encoder\.gru_4\.bias"):
        load(DCASE2020, unexpected)


def test_another_size(weights: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"30 of another shape: encoder\.gru_1\.weight_ih_l0"):
        load_network(DCASE2020, NARROW, weights)


@pytest.mark.parametrize("content", [[1], {"state_dict": {}}, torch.zeros(3)])
def test_another_nesting(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    with pytest.raises(DataError, match=r"weights\.pt"):
        load(DCASE2020, path)


def test_permuted_weights_keep_their_values(published: TorchModel, weights: dict[str, Any]) -> None:
    permuted = load(DCASE2020, weights, control="permuted", seed=1)
    name = "encoder.gru_3.weight_ih_l0"
    ours, given = (model.network.state_dict()[name] for model in (permuted, published))
    assert not torch.equal(ours, given)
    assert torch.equal(ours.flatten().sort()[0], given.flatten().sort()[0])
