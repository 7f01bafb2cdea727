"""Responses in netCDF files are what their attributes make of the numbers that are stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr

from brainbench_audio.own_data.arrays import read_array_file

VALUES = np.random.default_rng(0).standard_normal((6, 4)).round(3)
VALUES[1, 2] = np.nan


@pytest.mark.parametrize(
    "encoding",
    [
        {},
        {"_FillValue": -999.0},
        {"missing_value": -99.0, "_FillValue": -99.0, "dtype": "float32"},
        {"dtype": "int16", "scale_factor": 0.001, "add_offset": 1.0, "_FillValue": -32768},
        {"dtype": "uint16", "scale_factor": 0.001, "add_offset": -9.0, "_FillValue": 65535},
    ],
)
def test_numbers_are_unpacked_and_missing_ones_are_nan(
    tmp_path: Path, encoding: dict[str, Any]
) -> None:
    path = tmp_path / "responses.h5"
    data = xr.Dataset({"responses": (("stimulus", "voxel"), VALUES)})
    data.to_netcdf(path, engine="netcdf4", encoding={"responses": encoding})
    found, names = read_array_file(path, ".h5")
    assert names is None
    np.testing.assert_allclose(found, VALUES, atol=1e-6)


@pytest.mark.parametrize("kind", ["f4", "f8", "i4"])
@pytest.mark.parametrize("attribute", [None, "missing_value", "valid_max"])
def test_what_was_never_written_or_is_invalid_is_missing(
    tmp_path: Path, kind: str, attribute: str | None
) -> None:
    path = tmp_path / "responses.h5"
    counts = np.arange(24.0).reshape(6, 4)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("stimulus", 6)
        file.createDimension("voxel", 4)
        variable = file.createVariable("responses", kind, ("stimulus", "voxel"))
        variable[:] = counts
        if attribute is None:
            variable[1, 2] = np.ma.masked
        else:
            variable.setncattr(attribute, np.array(6 if attribute == "missing_value" else 22, kind))
    found, _ = read_array_file(path, ".h5")
    expected = counts.copy()
    expected[{"valid_max": (5, 3)}.get(attribute or "", (1, 2))] = np.nan
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == ("f8" if kind == "i4" else kind)


def test_whole_numbers_stay_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "responses.h5"
    counts = np.full((6, 4), 65535, np.uint16)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("stimulus", 6)
        file.createDimension("voxel", 4)
        file.createVariable("responses", "u2", ("stimulus", "voxel"), fill_value=False)[:] = counts
    found, _ = read_array_file(path, ".h5")
    np.testing.assert_array_equal(found, counts)
    assert found.dtype == np.uint16
