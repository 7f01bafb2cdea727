"""The map of layers and regions: beside plain loops, and with known layers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import DataError
from brainbench_audio.report.layer_regions import layer_regions
from brainbench_audio.scores.score import Score

LAYERS = ["in", "low", "high", "out"]


def made_up(voxels: int = 60) -> xr.Dataset:
    """Two subjects and three regions (one of them with a single subject), and some of no region."""
    generator = np.random.default_rng(0)
    r2 = generator.random((4, voxels))
    subject = np.where(np.arange(voxels) < voxels // 2, "subject-0", "subject-1")
    region = generator.choice(["Primary", "Lateral", "Anterior", ""], voxels)
    region[(subject == "subject-1") & (region == "Anterior")] = ""
    r2[:, 3] = 0.0
    r2[:, 4] = np.nan
    region[3:5] = "Primary"
    coordinates = {"layer": LAYERS, "subject": ("voxel", subject), "region": ("voxel", region)}
    return xr.Dataset({"layer_score": (("layer", "voxel"), r2)}, coordinates)


def test_equal_to_a_plain_loop() -> None:
    raw = made_up()
    found = layer_regions(raw)
    assert set(found["region"].values.tolist()) == {"Primary", "Lateral", "Anterior"}
    for region in found["region"].values.tolist():
        medians = []
        for subject in ("subject-0", "subject-1"):
            voxels, places = 0, []
            for voxel in range(60):
                one = raw.isel(voxel=voxel)
                if (one["subject"], one["region"]) == (subject, region):
                    voxels += 1
                    r2 = one["layer_score"].values
                    if np.nanmax(r2, initial=0.0) > 0:
                        places.append(int(np.argmax(r2)))
            cell = found.sel(subject=subject, region=region)
            assert cell["voxels"].item() == voxels
            assert cell["unpredicted"].item() == voxels - len(places)
            if not places:
                assert np.isnan(cell["median_position"])
                assert np.isnan(cell["share"]).all()
                continue
            counts = Counter(places)
            shares = [counts[place] / len(places) for place in range(4)]
            np.testing.assert_allclose(cell["share"], shares)
            medians.append(float(np.median(places)) / 3)
            assert cell["median_position"].item() == pytest.approx(medians[-1])
        over = found.sel(region=region)
        assert over["subjects"].item() == len(medians)
        assert over["mean_position"].item() == pytest.approx(np.mean(medians))
        if len(medians) > 1:
            error = np.std(medians, ddof=1) / np.sqrt(len(medians))
            assert over["position_error"].item() == pytest.approx(error)
        else:
            assert np.isnan(over["position_error"])
        assert over["mean_share"].sum().item() == pytest.approx(1)


def test_what_is_left_out_is_counted() -> None:
    raw = made_up()
    found = layer_regions(raw)
    assert found["best_layer"].values[3:5].tolist() == [-1, -1]
    assert np.isnan(found["position"].values[3:5]).all()
    assert found["unpredicted"].sum() == 2
    assert found["voxels"].sum() + found.attrs["without_region"] == 60
    assert found["voxels"].sel(subject="subject-1", region="Anterior") == 0
    assert found["subjects"].sel(region="Anterior") == 1


def test_a_region_that_no_layer_predicts() -> None:
    raw = made_up()
    raw["layer_score"][:, raw["region"].values == "Lateral"] = 0.0
    lateral = layer_regions(raw).sel(region="Lateral")
    assert lateral["subjects"] == 0
    assert np.isnan([lateral["mean_position"], lateral["position_error"]]).all()
    assert np.isnan(lateral["mean_share"]).all()


def test_equal_layers_are_the_first() -> None:
    raw = made_up()
    raw["layer_score"][:] = 0.5
    assert (layer_regions(raw)["best_layer"] == 0).all()


def test_one_layer_has_position_zero() -> None:
    assert set(layer_regions(made_up().isel(layer=[0]))["position"].values.tolist()[:3]) == {0.0}


def test_components_are_one_region_of_one_subject() -> None:
    raw = xr.Dataset({"layer_score": (("layer", "component"), np.eye(4)[:, :3])}, {"layer": LAYERS})
    found = layer_regions(raw)
    assert found["region"].values.tolist() == found["subject"].values.tolist() == ["all"]
    assert found["mean_position"].item() == pytest.approx(1 / 3)


def test_other_results_are_refused() -> None:
    with pytest.raises(DataError, match="no `layer_score`"):
        layer_regions(xr.Dataset())
    raw = made_up()
    with pytest.raises(DataError, match="belongs to a region"):
        layer_regions(raw.assign_coords(region=("voxel", [""] * 60)))


def check(score: Score, decoy: int) -> None:
    """Compare the map with the layers that the voxels were made from."""
    found = layer_regions(score.raw)
    planted = score.raw["planted_layer"].values
    best = score.raw["layer"].values[found["best_layer"].values]
    assert (best == planted).mean() > 0.97
    expected = {"Lateral": 3, "Anterior": 4, "Posterior": 2}
    for region, place in expected.items():
        one = found.sel(region=region)
        assert one["mean_position"].item() == pytest.approx(place / 5)
        assert one["mean_share"][place] > 0.9
    primary = found["mean_share"].sel(region="Primary")
    assert primary[:2].sum() > 0.95
    assert found["mean_share"][:, decoy].sum() == 0


def test_planted_layers_are_found() -> None:
    cortex = pytest.importorskip("brainbench_simcortex.cortex")
    ridge = pytest.importorskip("brainbench_ridge.metric")
    generator = np.random.default_rng(0)
    sizes = {"frequency": 20, "modulation": 24, "pitch": 18, "syllables": 24, "category": 11}
    layers = {name: generator.standard_normal((165, size)) for name, size in sizes.items()}
    kinds = ("Music", "Song", "EngSpeech", "ForSpeech", *"abcdefg")
    made = cortex.simulate(layers, kinds, generator)
    names = [f"stim{number}" for number in range(165)]
    labels = {key: getattr(made, key) for key in ("subject", "region", "planted_layer")}
    target = build(made.responses, names, "voxel", labels)
    layers["decoy"] = generator.standard_normal((165, 16))
    check(ridge.Ridge()(layers, target, np.arange(165) % 5), decoy=5)


@pytest.mark.slow
def test_a_model_that_hears_the_planted_layers() -> None:
    planted = pytest.importorskip("brainbench_simcortex.planted")
    from brainbench_audio import score

    check(score(planted.PlantedModel(), "SimCortex-ridge"), decoy=5)
