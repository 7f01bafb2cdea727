"""Kernel alignment on a device: torch on the CPU stands in for a GPU."""

from __future__ import annotations

import brainbench_cka.metric
import numpy as np
import pytest
import torch
from brainbench_cka.metric import CKA

from brainbench_audio.arrays import HOST, Arrays
from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import ContractError

DEVICE = Arrays(torch.device("cpu"))


@pytest.mark.parametrize("variant", [None, "biased"])
def test_a_score_is_that_of_the_cpu_and_says_where_it_was_computed(
    variant: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    layers = {name: generator.standard_normal((30, 5000)).astype("f4") for name in ("in", "out")}
    layers["in"][:, 7] = 3.0  # a dead feature
    layers["dead"] = np.ones((30, 4), np.float32)
    voxels = layers["out"][:, :9] + 0.5 * generator.standard_normal((30, 9))
    target = build(voxels, [f"sound-{i}" for i in range(30)], "voxel", {})
    asked = []

    def arrays_on(device: str, *, large: bool) -> Arrays:
        asked.append(large)
        return DEVICE if device == "cuda" else HOST

    monkeypatch.setattr(brainbench_cka.metric, "arrays_on", arrays_on)
    monkeypatch.setattr(brainbench_cka.metric, "LARGE", 30**2 * 100)
    here, there = (
        CKA(variant=variant, permutations=19, device=device)(layers, target, np.arange(30) % 5)
        for device in ("cpu", "cuda")
    )
    assert asked == [True, True, False] * 2
    np.testing.assert_allclose(there.raw["layer_score"], here.raw["layer_score"], atol=1e-12)
    assert (there.layer, there.p) == (here.layer, here.p)
    assert there.error == pytest.approx(here.error, rel=1e-9)
    assert "metric_device" not in here.provenance
    assert there.provenance["metric_device"] == DEVICE.label
    with pytest.raises(ContractError, match="computes on cpu, cuda, auto, not on 'mps'"):
        CKA(device="mps")
