"""Layers that are planted in half of the subjects are chosen for the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from brainbench_simcortex.planted import planted_layers

from brainbench_audio import load_metric
from brainbench_audio.data_source import LoadedDataset
from brainbench_audio.interfaces import SecondData

pytest.importorskip("brainbench_ridge")
PLANTED = {"Lateral": "syllables", "Posterior": "pitch", "Anterior": "category"}


def test_the_planted_layer_is_chosen_from_the_second_data_set(dataset: LoadedDataset) -> None:
    layers = planted_layers()
    layers["decoy"] = np.random.default_rng(0).standard_normal((165, 16))
    assembly, folds = dataset.assembly, np.asarray(dataset.folds)
    first = np.isin(assembly["subject"].values, assembly["subject"].values[:1])

    def half(region: str, *, own: bool) -> xr.DataArray:
        return assembly[:, (assembly["region"].values == region) & (first == own)]

    metric: Any = load_metric("ridge-from")
    same = np.eye(165, dtype=bool)
    for region, planted in PLANTED.items():
        target = half(region, own=True)
        second = SecondData(layers, half(region, own=False), folds, same)
        found = metric(layers, target, folds, second=second)
        assert found.provenance["choice"]["layers"] == [planted] * 5
        # near what there is to learn, though voxels have other reliabilities
        reached = found.raw["r2"].values / target["reliability"].values
        assert np.median(reached) == pytest.approx(0.96, abs=0.04)
        assert found.layer == planted
    # a data set that another layer drives leads astray
    astray = SecondData(layers, half("Posterior", own=False), folds, same)
    wrong = metric(layers, half("Lateral", own=True), folds, second=astray)
    assert set(wrong.provenance["choice"]["layers"]) == {"pitch"}
    assert wrong.value < 0.6 * wrong.raw["profile"].max()
