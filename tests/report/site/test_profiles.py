"""Layer profiles are found in whatever shape a metric stored them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.report.site.profiles import LayerProfile
from brainbench_audio.report.site.stored import read_stored
from brainbench_audio.scores.score import Score

LAYERS = ["a", "b", "c"]


def kept(folder: Path, variables: dict[str, Any], **coordinates: Any) -> LayerProfile | None:
    path = folder / "score.nc"
    raw = xr.Dataset(variables, {"layer": LAYERS, **coordinates})
    Score(value=0.5, raw=raw).to_netcdf(path)
    return read_stored(path).profile


def test_one_curve(tmp_path: Path) -> None:
    found = kept(tmp_path, {"profile": ("layer", [0.1, np.nan, 0.3])})
    assert found
    assert (found.what, found.layers, found.parts) == ("score", ("a", "b", "c"), ())
    np.testing.assert_array_equal(found.values, [[0.1, np.nan, 0.3]])


@pytest.mark.parametrize("dimensions", [("layer", "subject"), ("subject", "layer")])
def test_a_curve_a_part_whichever_dimension_comes_first(
    dimensions: tuple[str, str], tmp_path: Path
) -> None:
    values = np.arange(6.0).reshape(2, 3)  # subject, layer
    stored = values if dimensions[0] == "subject" else values.T
    found = kept(tmp_path, {"rho": (dimensions, stored)}, subject=["one", "two"])
    assert found
    assert found.parts == ("one", "two")
    np.testing.assert_array_equal(found.values, values)


def test_parts_without_names_are_counted(tmp_path: Path) -> None:
    found = kept(tmp_path, {"rho": (("fold", "layer"), np.zeros((2, 3)))})
    assert found
    assert found.parts == ("fold 0", "fold 1")


def test_scores_come_before_learned_weights(tmp_path: Path) -> None:
    weights = {"layer_weights": (("fold", "layer"), [[1.0, 2.0, 3.0]])}
    assert getattr(kept(tmp_path, weights), "what", None) == "learned weight"
    both = weights | {"layer_score": (("layer", "voxel"), [[0.1], [0.2], [0.3]])}
    assert getattr(kept(tmp_path, both), "what", None) == "score"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"rho": ("stimulus", [1.0, 2.0])},
        {"rho": (("one", "two", "layer"), np.zeros((2, 2, 3)))},
    ],
    ids=["nothing", "no layer", "three dimensions"],
)
def test_what_is_no_profile(variables: dict[str, Any], tmp_path: Path) -> None:
    assert kept(tmp_path, variables) is None


def test_of_many_parts_their_mean_is_shown(tmp_path: Path) -> None:
    values = np.arange(195.0).reshape(65, 3)
    found = kept(tmp_path, {"layer_score": (("voxel", "layer"), values)})
    assert found
    assert (found.what, found.parts) == ("score", ())
    np.testing.assert_allclose(found.values, values.mean(axis=0, keepdims=True))


def test_one_layer_is_no_profile(tmp_path: Path) -> None:
    path = tmp_path / "score.nc"
    Score(value=0.5, raw=xr.Dataset({"rho": ("layer", [0.5])}, {"layer": ["a"]})).to_netcdf(path)
    assert read_stored(path).profile is None


def test_a_damaged_file_is_told_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "score.nc"
    path.write_bytes(b"no netCDF")
    assert read_stored(path).profile is None
    assert str(path) in caplog.text
