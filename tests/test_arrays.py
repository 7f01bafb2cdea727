"""Which arrays a metric gets: NumPy's, or those of a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio import devices
from brainbench_audio.arrays import HOST, Arrays, arrays_on, on_host
from brainbench_audio.errors import ContractError

DEVICE = Arrays(torch.device("cpu"))


def test_a_gpu_is_taken_where_it_is_asked_for_or_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    monkeypatch.setattr(devices, "choose_device", lambda name: gpu)
    assert arrays_on("cuda", large=False) == Arrays(gpu)
    assert arrays_on("auto", large=True) == Arrays(gpu)
    assert arrays_on("auto", large=False) == HOST
    assert arrays_on("cpu", large=True) == HOST
    for other in ("mps", "cpu"):  # what `auto` is where there is no CUDA
        monkeypatch.setattr(devices, "choose_device", lambda name, other=other: torch.device(other))
        assert arrays_on("auto", large=True) == HOST
    with pytest.raises(ContractError, match="computes on cpu, cuda, auto, not on 'cuda:9'"):
        arrays_on("cuda:9", large=True)


def test_a_gpu_that_is_not_there_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ContractError, match=r"^Device 'cuda' is not available here \(.*\): choose"):
        arrays_on("cuda", large=False)


def test_what_a_device_may_take_is_half_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "free_memory", lambda device: 1000)
    assert [DEVICE.budget(limit) for limit in (None, 400, 600)] == [500, 400, 500]
    assert HOST.budget(400) is None


@pytest.mark.parametrize("dtype", ["f4", ">f4", "f8", ">f8", "f2", "i2", "?"])
def test_numbers_of_any_kind_go_there_and_come_back_in_float64(dtype: str) -> None:
    values = np.array([[0, 1, 1], [1, 0, 0]]).astype(dtype)[:, ::-1]
    values.flags.writeable = False
    for arrays in (HOST, DEVICE):
        there = arrays.copy(values)
        there += 1
        assert there.dtype in (np.float64, torch.float64)
        np.testing.assert_array_equal(on_host(there), values.astype(float) + 1)
    assert isinstance(DEVICE.put(values), torch.Tensor)


def test_metrics_import_no_torch_where_no_device_is_asked_for(
    python: Callable[..., Any],
) -> None:
    work = """
import sys
import numpy as np
from brainbench_cka.metric import CKA
from brainbench_ridge.metric import Ridge
from brainbench_rsa.metric import RSA
from brainbench_audio.assemblies.assembly import build

values = np.random.default_rng(0).standard_normal((20, 6))
target = build(values[:, :3], [str(number) for number in range(20)], "voxel", {})
for metric in (CKA(), Ridge(device="auto"), RSA(permutations=0), RSA(device="cpu")):
    metric({"layer": values}, target, np.arange(20) % 4)
print(sorted({"torch"} & set(sys.modules)))
"""
    told = python(work)
    assert (told.returncode, told.stdout.strip()) == (0, "[]"), told.stderr
