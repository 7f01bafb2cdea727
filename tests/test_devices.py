"""Devices that are not there, are busy or fail: one sentence with torch's own reason."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch

from brainbench_audio.activations import placement, torch_model
from brainbench_audio.activations.extraction import activations_folder, extracted, plan_extraction
from brainbench_audio.activations.lazy import as_lazy
from brainbench_audio.activations.store import StoredActivations
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.devices import choose_device, free_memory, visible_gpus
from brainbench_audio.errors import ContractError
from brainbench_audio.testing import dummy_stimuli
from brainbench_audio.testing.dummies import dummy_card

NO_DRIVER = (
    "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed "
    "a driver from http://www.nvidia.com/Download/index.aspx"
)
OLD_DRIVER = (
    "The NVIDIA driver on your system is too old (found version 12020). Please update your GPU "
    "driver by downloading and installing a new version from the URL: "
    "http://www.nvidia.com/Download/index.aspx Alternatively, go to: https://pytorch.org to "
    "install a PyTorch version that has been compiled with your version of the CUDA driver."
)
LATER = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call, so the "
    "stacktrace below might be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1"
)
BUSY = "CUDA error: CUDA-capable device(s) is/are busy or unavailable" + LATER
GONE = "CUDA error: unspecified launch failure" + LATER


def raising(error: Exception) -> Callable[..., NoReturn]:
    def fail(*_arguments: Any, **_options: Any) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AssertionError("Torch not compiled with CUDA enabled"), "Torch not compiled with CUDA"),
        (RuntimeError(NO_DRIVER), "Found no NVIDIA driver on your system"),
        (RuntimeError(OLD_DRIVER), "The NVIDIA driver on your system is too old"),
        (RuntimeError("No CUDA GPUs are available"), "No CUDA GPUs are available"),
    ],
)
def test_a_gpu_that_is_asked_for_and_not_there(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "current_device", raising(error))
    with pytest.raises(ContractError) as refused:
        choose_device("cuda")
    told = str(refused.value)
    assert told.startswith(f"Device 'cuda' is not available here ({reason}")
    assert told.endswith("): choose auto, cpu.")
    assert "\n" not in told
    assert "http" not in told


def test_a_driver_that_is_too_old_is_told_once_and_the_cpu_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unavailable() -> bool:
        warnings.warn(f"CUDA initialization: {OLD_DRIVER} (Triggered internally)", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", unavailable)
    assert choose_device("auto").type in ("cpu", "mps")
    (record,) = caplog.records
    assert record.getMessage() == (
        "The GPU is not used: CUDA initialization: The NVIDIA driver on your system is too old "
        "(found version 12020)."
    )


class Network(torch.nn.Module):
    """Fails with an error after some sounds, or with more than some at once."""

    def __init__(self) -> None:
        super().__init__()
        self.out = torch.nn.Linear(10, 4)
        self.error: Exception | None = None
        self.after = 0
        self.most = 1 << 30
        self.heard = 0
        self.batches: list[int] = []

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        if self.error and (len(waveforms) > self.most or self.heard >= self.after):
            raise self.error
        self.heard += len(waveforms)
        self.batches.append(len(waveforms))
        output: torch.Tensor = self.out(waveforms.unfold(1, 10, 10))
        return output


class Model(TorchModel):
    """Is the same model whatever its network is to do."""

    transient = frozenset({"network"})


def model(network: Network) -> TorchModel:
    card = dummy_card(layers=("out",), dims=(4,), sample_rate=8000)
    return Model(card, network, {"out": "out"}, fingerprint=1, device="cpu")


def on_a_gpu(monkeypatch: pytest.MonkeyPatch, free: int, move: Callable[..., Any]) -> None:
    """Pretend that there is a GPU with some free bytes."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(placement, "free_memory", lambda _device: free)
    monkeypatch.setattr(torch.nn.Module, "to", move)


def test_a_busy_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    hears = model(Network())
    on_a_gpu(monkeypatch, 1 << 30, raising(torch.AcceleratorError(BUSY)))
    told = (
        r"^The cuda device failed when model net-work was to be put there \(CUDA error: "
        r"CUDA-capable device\(s\) is/are busy or unavailable\)\. End what else runs on it, or "
        r"choose device cpu\.$"
    )
    with pytest.raises(ContractError, match=told):
        hears.place("cuda")
    # where only asking for memory fails
    on_a_gpu(monkeypatch, 0, lambda network, _device: network)
    monkeypatch.setattr(placement, "free_memory", raising(torch.AcceleratorError(BUSY)))
    with pytest.raises(ContractError, match=told):
        hears.place("cuda")
    assert hears.device.type == "cpu"


def test_weights_that_do_not_fit_are_refused_with_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network()
    network.out = torch.nn.Linear(10_000, 1_000)  # 40 MB
    hears = model(network)
    moved = []
    on_a_gpu(monkeypatch, 30_000_000, lambda network, _device: moved.append(network))
    told = (
        r"^The weights of model net-work take 0\.04 GB, and 0\.03 GB are free on the cuda: it was "
        r"not put there\. Choose a device with more memory, end what else runs on it"
    )
    with pytest.raises(ContractError, match=told):
        hears.place("cuda")
    assert not moved
    on_a_gpu(monkeypatch, 50_000_000, raising(torch.OutOfMemoryError("CUDA out of memory. Tried")))
    with pytest.raises(ContractError, match=r"^Memory of the cuda ran out when model net-work"):
        hears.place("cuda")
    on_a_gpu(monkeypatch, 50_000_000, lambda network, _device: moved.append(network))
    hears.place("cuda")
    assert moved == [network]


def test_a_gpu_that_fails_in_a_run_leaves_what_was_heard(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path / "sounds", 100)  # chunks of 64
    network = Network()
    network.error, network.after = torch.AcceleratorError(GONE), 64 + 1
    hears = model(network)
    told = (
        r"^The cpu device failed while model net-work heard sounds \(CUDA error: unspecified "
        r"launch failure\)\. What was heard before is kept: start it again, or choose another "
        r"device\.$"
    )
    with pytest.raises(ContractError, match=told), extracted(hears, stimuli):
        pass
    plan = plan_extraction(as_lazy(hears).identity, stimuli)
    assert StoredActivations.open(activations_folder(), plan).missing() == [1]
    network.error, network.heard = None, 0
    with extracted(hears, stimuli) as found:
        assert found["out"].shape == (100, 4)
    assert network.heard == 36


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.26 GiB. GPU 0 has a total"),
        torch.AcceleratorError("CUDA error: out of memory" + LATER),
    ],
)
def test_a_batch_beyond_the_memory_of_the_gpu_is_halved(error: Exception) -> None:
    network = Network()
    network.error, network.most, network.after = error, 3, 1 << 30
    sounds = [np.full(100, number / 10, np.float32) for number in range(8)]
    found = model(network).activations(sounds)["out"]
    assert max(network.batches) <= 3
    network.error = None
    np.testing.assert_allclose(found, model(network).activations(sounds)["out"], atol=1e-6)


@pytest.mark.parametrize(
    ("variable", "count", "names"),
    [(None, 0, ()), (None, 2, ("0", "1")), ("3, 5", 2, ("3", "5")), ("", 0, ()), ("GPU-8f", 0, ())],
)
def test_which_gpus_there_are(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, count: int, names: tuple[str, ...]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    assert visible_gpus() == names


def test_free_memory_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 10)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 30)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (50, 100))
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda _device: 1.0)
    assert free_memory(device) == 70  # what torch keeps can be used again
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda _device: 0.25)
    assert free_memory(device) == 15


def test_a_gpu_that_fails_while_it_is_waited_for_is_told_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = raising(torch.AcceleratorError(GONE))
    monkeypatch.setattr(torch_model, "from_device", lambda outputs: failed)
    with pytest.raises(ContractError, match=r"^The cpu device failed while model net-work heard"):
        model(Network()).activations([np.zeros(800, dtype=np.float32)])
