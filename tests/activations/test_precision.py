"""Float32 is float32: torch's switches during a forward pass, and what less exact ones change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio.activations.precision import in_float32
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError
from brainbench_audio.testing.dummies import dummy_card
from brainbench_audio.tf32 import float32_products

BACKENDS: Any = torch.backends
SOUND = np.linspace(-1, 1, 40, dtype=np.float32)


def switches() -> list[str]:
    """Return torch's switches: convolutions, recurrent layers, matrices; of the GPU, of the CPU."""
    gpu = (BACKENDS.cudnn.conv, BACKENDS.cudnn.rnn, BACKENDS.cuda.matmul)
    cpu = (BACKENDS.mkldnn.conv, BACKENDS.mkldnn.rnn, BACKENDS.mkldnn.matmul)
    return [switch.fp32_precision for switch in (*gpu, *cpu)]


def older() -> list[bool]:
    return [torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32]


class Watching(torch.nn.Module):
    """Notes the switches that its learned part and its front end see."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = self.asks_older = False
        self.seen: list[list[str]] = []
        self.older: list[bool] = []
        self.seen_in_front: list[list[str]] = []

    @in_float32
    def front_end(self, waveforms: torch.Tensor) -> torch.Tensor:
        self.seen_in_front.append(switches())
        return waveforms

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        image = self.front_end(waveforms)
        self.seen.append(switches())
        if self.asks_older:
            self.older = older()
        if self.fails:
            raise ValueError("no")
        return image[:, :3]


def watching(dtype: str = "float32") -> tuple[TorchModel, Watching]:
    network = Watching()
    card = dummy_card(layers=("layer",), dims=(3,))
    model = TorchModel(card, network, {"layer": ""}, fingerprint=1, dtype=dtype)
    return model, network


@pytest.fixture(
    params=[
        "as torch sets them",
        "older: no TF32",
        "older: matrices in bfloat16",
        "newer: all in TF32",
        "both",
    ]
)
def before(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Set the switches as somebody may have; return them; put them back."""
    as_torch_sets_them = switches()
    match request.param:
        case "older: no TF32":
            torch.backends.cudnn.allow_tf32 = False
        case "older: matrices in bfloat16":
            torch.set_float32_matmul_precision("medium")
        case "newer: all in TF32":
            BACKENDS.fp32_precision = "tf32"
        case "both":
            torch.set_float32_matmul_precision("high")
            BACKENDS.cudnn.conv.fp32_precision = "ieee"
    yield switches()
    BACKENDS.fp32_precision = "none"
    torch.backends.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision("highest")
    for switch in (BACKENDS.cuda.matmul, BACKENDS.mkldnn.matmul):
        switch.fp32_precision = "none"
    assert switches() == as_torch_sets_them


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that there is a GPU; a network without parameters can be put there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_tf32_supported", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "NVIDIA X1")


@pytest.mark.parametrize("fails", [False, True])
def test_a_network_computes_in_float32_and_leaves_the_switches_as_they_were(
    before: list[str], fails: bool
) -> None:
    model, network = watching()
    network.fails = fails
    if fails:
        with pytest.raises(ValueError, match="no"):
            model.activations([SOUND])
    else:
        model.activations([SOUND])
    assert network.seen == network.seen_in_front == [["ieee"] * 6]
    assert switches() == before


def test_who_asks_torch_s_older_switches_gets_the_same_answer() -> None:
    before = older()
    model, network = watching()
    network.asks_older = True
    model.activations([SOUND])
    assert network.older == [False, False]
    with float32_products(tf32=True):
        assert older() == [True, True]
    assert older() == before


def test_tf32_is_for_what_was_learned_and_not_for_the_front_end(gpu: None) -> None:
    before = switches()
    model, network = watching("tf32")
    model.device = torch.device("cpu")
    model.activations([SOUND])
    assert network.seen == [["tf32"] * 6]
    assert network.seen_in_front == [["ieee"] * 6]
    assert switches() == before


def test_blocks_stand_in_each_other_and_threads_take_turns() -> None:
    before = switches()
    with float32_products(tf32=True):
        with float32_products():
            assert switches() == ["ieee"] * 6
        assert switches() == ["tf32"] * 6
    wrong: list[list[str]] = []
    start = threading.Barrier(4)

    def work(tf32: bool) -> None:
        start.wait()
        for _ in range(200):
            with float32_products(tf32=tf32):
                seen = switches()
                if seen != ["tf32" if tf32 else "ieee"] * 6:
                    wrong.append(seen)

    threads = [threading.Thread(target=work, args=(bool(number % 2),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert switches() == before


def test_each_precision_has_a_key_of_its_own(gpu: None) -> None:
    model, _ = watching()
    assert model.fingerprint == {"given": 1, "dtype": "float32"}  # as without a GPU
    keys = [model.fingerprint]
    for dtype in ("tf32", "float16", "bfloat16"):
        model.place("cuda", dtype)
        assert model.computed_in == f"cuda (NVIDIA X1), {dtype}"
        assert model.fingerprint["device"] == "cuda"
        keys.append(model.fingerprint)
    model.place("cpu", "bfloat16")
    assert model.fingerprint == {"given": 1, "dtype": "bfloat16", "front_end": "float32"}
    keys.append(model.fingerprint)
    assert all(keys.count(key) == 1 for key in keys)


def test_tf32_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch, gpu: None) -> None:
    model, _ = watching()
    with pytest.raises(ContractError, match=r"^TF32 is .* on the cpu, which has none: choose"):
        model.place("cpu", "tf32")
    monkeypatch.setattr(torch.cuda, "is_tf32_supported", lambda: False)
    with pytest.raises(ContractError, match="GPUs from 2020 on"):
        model.place("cuda", "tf32")
    assert model.dtype == "float32"
