"""Distances on a device: torch on the CPU stands in for a GPU."""

from __future__ import annotations

import brainbench_rsa.metric
import numpy as np
import pytest
import torch
from brainbench_rsa.metric import RSA
from brainbench_rsa.rdm import UndefinedDistance, rdm

from brainbench_audio import devices
from brainbench_audio.arrays import HOST, Arrays
from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.scores.score import Score

DEVICE = Arrays(torch.device("cpu"))
FOLDS = np.arange(30) % 5


@pytest.mark.parametrize(
    ("variant", "zscore"),
    [(None, True), (None, False), ("crossnobis", True), ("crossnobis", False)],
)
def test_a_score_is_that_of_the_cpu_and_says_where_it_was_computed(
    variant: str | None, zscore: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    layers = {name: generator.standard_normal((30, 40)) for name in ("in", "out")}
    layers["in"][:, 7] = 3.1  # a dead feature, and one that differs by rounding only
    layers["in"][:, 8] = 0.1 + np.spacing(0.1) * (np.arange(30) % 2)
    layers["dead"] = np.ones((30, 4))
    voxels = layers["out"][:, :9, None] + 0.5 * generator.standard_normal((30, 9, 2))
    target = build(voxels, [f"sound-{i}" for i in range(30)], "voxel", {})
    asked = []

    def arrays_on(device: str, *, large: bool) -> Arrays:
        asked.append(large)
        return DEVICE if device == "cuda" else HOST

    monkeypatch.setattr(brainbench_rsa.metric, "arrays_on", arrays_on)
    monkeypatch.setattr(brainbench_rsa.metric, "LARGE", 30**2 * 10)

    def score(device: str, max_memory: int | None = None) -> Score:
        metric = RSA(
            variant=variant, zscore=zscore, permutations=19, device=device, max_memory=max_memory
        )
        return metric(layers, target, FOLDS)

    here, there = score("cpu"), score("cuda")
    assert asked == [True, True, False] * 2
    np.testing.assert_allclose(there.raw["layer_score"], here.raw["layer_score"], atol=1e-12)
    np.testing.assert_allclose(there.raw["rdm"], here.raw["rdm"], atol=1e-12)
    assert (there.layer, there.p) == (here.layer, here.p)
    assert there.error == pytest.approx(here.error, rel=1e-9)
    assert "metric_device" not in here.provenance
    assert there.provenance["metric_device"] == DEVICE.label
    # layers that do not fit are compared on the CPU
    small = score("cuda", max_memory=1000)
    monkeypatch.setattr(devices, "free_memory", lambda device: 2000)
    full = score("cuda")
    for found in (small, full):
        assert "metric_device" not in found.provenance
        assert found.value == here.value


def test_what_has_no_distances_is_refused_alike() -> None:
    generator = np.random.default_rng(0)
    features = generator.standard_normal((9, 5))
    features[4] = 2.0
    with pytest.raises(UndefinedDistance, match=r"1 of 9 stimuli have the same .*first: row 4"):
        rdm(features, zscore=False, arrays=DEVICE)
    features[3, 2] = np.nan
    with pytest.raises(DataError, match="1 of 5 features hold NaN"):
        rdm(features, arrays=DEVICE)
    with pytest.raises(ContractError, match="computes on cpu, cuda, auto, not on 'mps'"):
        RSA(device="mps")
