"""Coordinates of data that collide with names of ours, or that netCDF cannot hold."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.assemblies.coordinates import storable
from brainbench_audio.scores.profiles import SCHEMA, TAKEN

NAMES = ["a", "b"]


def labelled(**coordinates: Any) -> xr.DataArray:
    return build(np.eye(2), NAMES, "voxel", coordinates)


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_a_name_of_ours_gets_the_dimension_in_front(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    if name in ("stimulus", "session"):
        return
    with caplog.at_level(logging.WARNING):
        found = storable(labelled(**{name: [1, 2]}), TAKEN)
    assert found[f"voxel_{name}"].values.tolist() == [1, 2]
    assert name in caplog.text


def test_what_can_be_stored_stays_as_it_is() -> None:
    data = labelled(subject=["x", "y"], x_mm=[0.5, 1.5], voxel=[3, 4], good=[True, False])
    assert storable(data, TAKEN) is data
    assert "subject" not in TAKEN
    assert set(SCHEMA) <= TAKEN


def test_names_and_types_that_netcdf_refuses(tmp_path: Path) -> None:
    data = labelled(
        **{
            "x/mm": [0.5, 1.5],
            "x_mm": [1, 2],
            " ": [1, 2],
            "half": np.array([0.5, 2], np.float16),
            "long": np.array([0.5, 2], np.longdouble),
            "mixed": np.array(["a", None], dtype=object),
            "phase": np.array([1j, 2]),
        }
    )
    found = storable(data, TAKEN)
    assert found["x_mm_"].values.tolist() == [0.5, 1.5]
    assert found["half"].values.tolist() == [0.5, 2]
    assert found["mixed"].values.tolist() == ["a", "nan"]
    found.to_dataset(name="values").to_netcdf(tmp_path / "stored.nc", engine="netcdf4")
    with xr.open_dataset(tmp_path / "stored.nc") as stored:
        assert set(stored.coords) == set(found.coords)


def test_text_of_a_foreign_assembly_is_in_one_form() -> None:
    given = xr.DataArray(
        np.eye(2),
        {"stimulus": ["e\u0301", "b"], "subject": ("voxel", ["e\u0301", "é"])},
        ("stimulus", "voxel"),
    )
    found = storable(given, TAKEN)
    assert found["stimulus"].values.tolist() == ["é", "b"]
    assert found["subject"].values.tolist() == ["é", "é"]
