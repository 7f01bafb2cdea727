"""Every family computes on the device of its network: nothing goes back to the CPU on the way.

The device is torch's fake GPU: tensors of shapes without numbers, which this machine need not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from brainbench_audio.activations.family import Family
from brainbench_audio.activations.precision import in_float64
from brainbench_audio.registry.lookup import find_model, load_attribute

from .families import FAMILIES

FAST = ("beats-iter1", "spectrotemporal", "vggish")


class Devices(TorchDispatchMode):
    """Notes the operations that take something on the GPU and put out something on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.on_gpu = 0
        self.back: list[str] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.is_nonzero.default:
            return False  # one number that decides whether to refuse a sound
        if func is torch.ops.aten.unique_dim.default:  # whose output's shape depends on numbers
            output = args[0], torch.arange(len(args[0]), device=args[0].device), None
        else:
            output = func(*args, **(kwargs or {}))
        taken, given = _devices((args, kwargs)), _devices(output)
        self.on_gpu += given == {"cuda"}
        if "cuda" in taken and given - {"cuda"}:
            self.back.append(str(func))
        return output


def _devices(values: Any) -> set[str]:
    return {each.device.type for each in tree_leaves(values) if isinstance(each, torch.Tensor)}


def on_a_fake_gpu(network: torch.nn.Module, fake: FakeTensorMode) -> torch.nn.Module:
    """Put a network's parameters and buffers on a GPU that does not exist; the rest stays."""
    for module in network.modules():
        for name, value in [*module._parameters.items(), *module._buffers.items()]:
            if value is None:
                continue
            moved = torch.empty(value.shape, dtype=value.dtype, device="cuda")
            learned = isinstance(value, torch.nn.Parameter)
            setattr(module, name, torch.nn.Parameter(moved, False) if learned else moved)
        for name, value in list(vars(module).items()):
            if isinstance(value, torch.Tensor):
                setattr(module, name, fake.from_tensor(value))
    return network


@pytest.mark.filterwarnings("ignore")  # fake tensors have no address, as recurrent layers find
@pytest.mark.parametrize(
    "identifier",
    [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in FAMILIES],
)
def test_nothing_of_a_sound_goes_back_to_the_cpu(identifier: str) -> None:
    card = find_model(identifier).card
    family = load_attribute(card.loader)
    assert isinstance(family, Family)
    configured = family._configured(card, None, {})
    with torch.device("meta"):
        network = family.build(configured.card, **configured.arguments).eval()
    samples = max(card.shortest, card.sample_rate)
    with FakeTensorMode(allow_non_fake_inputs=True) as fake, torch.inference_mode():
        network = on_a_fake_gpu(network, fake)
        waveforms = torch.empty(2, samples, device="cuda")
        with Devices() as devices:
            network(waveforms)
    assert devices.on_gpu > 10
    assert not devices.back


@pytest.mark.parametrize(("device", "place"), [("cpu", "cpu"), ("cuda", "cuda"), ("mps", "cpu")])
def test_float64_is_computed_on_the_device_unless_that_has_none(device: str, place: str) -> None:
    with FakeTensorMode():
        exact = in_float64(torch.empty(3, device=device))
    assert (exact.dtype, exact.device.type) == (torch.float64, place)
    assert in_float64(torch.tensor([0.1])).item() == float(np.float32(0.1))
