"""What `raw` may hold, and how it is read: now, as stored before, and where it does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.scores import layers, profiles
from brainbench_audio.scores.profiles import SCHEMA, check_raw, layer_profile, mean_profile
from brainbench_audio.scores.score import Score

LAYERS = {"layer": ["in", "out"]}
VALUES = np.array([[0.1, 0.2, 0.6, 0.5], [np.nan, np.nan, 0.4, 0.8]])
SUBJECTS = {"subject": ("voxel", ["x", "x", "x", "y"])}


def of_voxels(name: str = "layer_score", **coordinates: Any) -> xr.Dataset:
    return xr.Dataset({name: (("layer", "voxel"), VALUES)}, LAYERS | coordinates)


def everything() -> xr.Dataset:
    """Return each variable of the schema once, in the dimensions that it names."""
    sizes = {"layer": 2, "stimulus": 3, "part": 4, "fold": 2, "draw": 5, "subject": 2}
    kinds = {"number": 0.5, "integer": 1, "text": "name"}
    variables = {
        entry.name: (entry.dims, np.full([sizes.get(dim, 2) for dim in entry.dims], kinds[kind]))
        for entry in SCHEMA.values()
        for kind in [entry.kind]
    }
    return xr.Dataset(variables, LAYERS | {"stimulus": ["a", "b", "c"]}, {"seed": 3})


def test_the_whole_schema_is_checked_and_survives_a_file(tmp_path: Path) -> None:
    raw = everything()
    assert check_raw(raw) == []
    Score(value=0.5, raw=raw).to_netcdf(tmp_path / "x.nc")
    assert check_raw(Score.from_netcdf(tmp_path / "x.nc").raw) == []
    stored = profiles.read_raw(tmp_path / "x.nc", *profiles.SCHEMA)
    assert check_raw(stored) == []
    curves = profiles.learning_curves(stored)
    assert stored["bootstrap"].values.tolist() == [0.5] * 5
    assert curves is not None
    assert curves.attrs == {"chosen": 0, "metric": "score"}


def test_other_names_and_other_orders_are_free() -> None:
    raw = everything().transpose(..., "layer").assign(own=("layer", ["x", "y"]))
    assert check_raw(raw) == []
    found = profiles.layer_targets(raw)
    assert found is not None
    assert found.dims == ("layer", "part")


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"layer_score": ("layer", [0.1, 0.2])}, "`layer_score` is (layer), not (layer, part)."),
        ({"measured": (("fold", "voxel"), VALUES)}, "is (fold, voxel), not (stimulus, part)."),
        ({"profile": ("layer", [1, 2])}, "`profile` is of type int64, not number."),
        ({"chosen_layer": (("fold", "voxel"), VALUES)}, "is of type float64, not integer."),
        ({"prediction": (("stimulus", "x"), VALUES)}, "no coordinate `stimulus` names these"),
        ({"prediction": (("stimulus", "x"), VALUES)}, "of no use without each other"),
        ({"bootstrap": ("draw", [0.1])}, "without the attribute `seed`"),
    ],
)
def test_what_does_not_follow_the_schema_is_told(variables: Any, told: str) -> None:
    assert told in " ".join(check_raw(xr.Dataset(variables, LAYERS)))


def test_layers_without_names_are_no_profile() -> None:
    raw = of_voxels().drop_vars("layer")
    assert "no coordinate `layer`" in check_raw(raw)[0]
    assert layer_profile(raw) is None
    assert mean_profile(raw) is None


@pytest.mark.parametrize("name", ["layer_score", "layer_r2", "rho", "cka"])
def test_profiles_of_subjects_are_medians_also_under_former_names(name: str) -> None:
    raw = of_voxels(name, **SUBJECTS)
    found = layer_profile(raw)
    assert found is not None
    assert found.dims == ("layer", "subject")
    assert found["subject"].values.tolist() == ["x", "y"]
    np.testing.assert_allclose(found, [[0.2, 0.5], [0.4, 0.8]])
    mean = mean_profile(raw)
    assert mean is not None
    np.testing.assert_allclose(mean, [0.35, 0.6])
    assert list(mean.coords) == ["layer"]
    raw[name].attrs["average"] = "mean"  # as the value of the metric is
    found = layer_profile(raw)
    assert found is not None
    np.testing.assert_allclose(found, [[0.3, 0.5], [0.4, 0.8]])


def test_the_present_name_goes_before_a_former_one() -> None:
    found = layer_profile(of_voxels().assign(rho=(("layer", "subject"), [[9.0], [9.0]])))
    assert found is not None
    np.testing.assert_array_equal(found, VALUES)
    assert found["voxel"].values.tolist() == [f"voxel {place}" for place in range(4)]


def test_times_of_one_component_are_averaged() -> None:
    raw = of_voxels().rename(voxel="component").assign_coords(component=["a", "b", "a", "a"])
    found = layer_profile(raw)
    assert found is not None
    assert found["component"].values.tolist() == ["a", "b"]
    np.testing.assert_allclose(found, [[0.4, 0.2], [0.6, np.nan]])


def test_a_mean_is_taken_as_stored_and_is_a_profile_by_itself() -> None:
    raw = of_voxels(**SUBJECTS).assign(profile=("layer", [0.3, 0.2]))
    assert layers.layer_means(Score(value=0.5, raw=raw)) == {"in": 0.3, "out": 0.2}
    found = layer_profile(raw[["profile"]])
    assert found is not None
    assert found.dims == ("layer", "part")
    assert found.values.tolist() == [[0.3], [0.2]]


def test_a_score_without_a_profile_is_one_layer() -> None:
    weights = xr.Dataset({"layer_weights": (("fold", "layer"), [[0.2, 0.8]])}, LAYERS)
    score = Score(value=0.5, layer="out", parts={"a": 0.4, "b": 0.6}, raw=weights)
    assert layer_profile(weights) is None
    assert layers.layer_scores(score).values.tolist() == [[0.4, 0.6]]
    assert layers.layer_means(score) == {"out": 0.5}
    assert layers.layer_means(Score(value=0.7)) == {"all": 0.7}


def test_what_is_absent_is_named_with_a_remedy() -> None:
    with pytest.raises(DataError, match=r"no `rdm` \(distances .* `brainbench info METRIC`"):
        profiles.present(profiles.best_rdm(xr.Dataset()), "rdm")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    distances = np.random.default_rng(0).random(20_000)
    Score(value=0.5, raw=xr.Dataset({"rdm": ("pair", distances)})).to_netcdf(tmp_path / "x.nc")
    content = bytearray((tmp_path / "x.nc").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    (tmp_path / "x.nc").write_bytes(content)
    with pytest.raises(DataError, match=r"x.nc is damaged"):
        profiles.read_raw(tmp_path / "x.nc")
    with pytest.raises(DataError, match=r"gone.nc"):
        profiles.read_raw(tmp_path / "gone.nc")
