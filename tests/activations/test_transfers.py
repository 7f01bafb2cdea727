"""Copies to and from a GPU, with a CUDA that is made up: in which order what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio.activations import transfers
from brainbench_audio.activations.transfers import from_device, to_device

CUDA = torch.device("cuda")


class Gpu:
    """Stands for `torch.cuda`; its tensors are those of the CPU, its copies those of the meta."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.late: list[tuple[torch.Tensor, torch.Tensor]] = []

    def Stream(self, device: Any) -> Any:
        return Stream(self, "copies")

    def current_stream(self, device: Any) -> Any:
        return Stream(self, "computing")

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        self.log.append(f"on {stream.name}")
        yield
        self.log.append(f"off {stream.name}")

    def Event(self) -> Any:
        return Event(self)


class Stream:
    def __init__(self, gpu: Gpu, name: str) -> None:
        self.gpu, self.name = gpu, name

    def wait_stream(self, other: Any) -> None:
        self.gpu.log.append(f"{self.name} waits for {other.name}")


class Event:
    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu

    def record(self, stream: Any) -> None:
        self.gpu.log.append(f"event on {stream.name}")

    def synchronize(self) -> None:
        self.gpu.log.append("waited")
        for target, source in self.gpu.late:
            target.data.numpy()[:] = source.numpy()


class OnGpu(torch.Tensor):
    """Says that it lies on a GPU."""

    device = CUDA


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    made = Gpu()
    empty = torch.empty

    class Pinned(torch.Tensor):
        def to(self, device: Any, *, non_blocking: bool) -> Any:  # type: ignore[override]
            made.log.append(f"to {device}, non-blocking: {non_blocking}")
            return self.as_subclass(Moved)

        def copy_(self, source: Any, *, non_blocking: bool) -> Any:  # type: ignore[override]
            made.log.append(f"back, non-blocking: {non_blocking}")
            made.late.append((self, source.as_subclass(torch.Tensor)))

    class Moved(torch.Tensor):
        def record_stream(self, stream: Any) -> None:
            made.log.append(f"kept for {stream.name}")

    def pinned(*shape: Any, pin_memory: bool, **options: Any) -> torch.Tensor:
        assert pin_memory
        return empty(*shape, **options).fill_(-1).as_subclass(Pinned)

    monkeypatch.setattr(torch, "cuda", made)
    monkeypatch.setattr(torch, "empty", pinned)
    monkeypatch.setattr(transfers, "_copies", made.Stream)
    return made


def test_sounds_are_copied_while_the_device_computes(gpu: Gpu) -> None:
    clips = [np.arange(3, dtype=np.float32), np.arange(3, 6, dtype=np.float32)]
    batch = to_device(clips, CUDA)
    np.testing.assert_array_equal(batch.as_subclass(torch.Tensor).numpy(), np.stack(clips))
    assert gpu.log == [
        "on copies",
        "to cuda, non-blocking: True",
        "off copies",
        "computing waits for copies",
        "kept for computing",
    ]


def test_all_layers_come_back_in_one_copy_that_is_waited_for(gpu: Gpu) -> None:
    layers = [torch.arange(6.0).reshape(2, 3).half(), torch.arange(4.0).reshape(2, 2)]
    wait = from_device([layer.as_subclass(OnGpu) for layer in layers])
    assert gpu.log == ["back, non-blocking: True", "event on computing"]
    for found, layer in zip(wait(), layers, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, layer.float().numpy())
    assert gpu.log[2:] == ["waited"]


def test_on_a_cpu_and_on_others_nothing_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch, "cuda")
    clips = [np.ones(3, np.float32), np.zeros(3, np.float32)]
    batch = to_device(clips, torch.device("cpu"))
    assert batch.dtype == torch.float32
    assert from_device([batch.half(), batch[:, :2]])()[0].dtype == np.float32
    np.testing.assert_array_equal(from_device([batch, batch[:, :2]])()[1], [[1, 1], [0, 0]])
    assert to_device(clips, torch.device("meta")).device.type == "meta"
