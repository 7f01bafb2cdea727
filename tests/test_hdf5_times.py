"""Files with the same arrays have the same bytes, whenever they are made."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.hdf5_times import lookup3, without_times
from brainbench_audio.netcdf import write_dataset


def test_checksum() -> None:
    # the examples that come with the hash function
    assert lookup3(b"") == 0xDEADBEEF
    assert lookup3(b"Four score and seven years ago") == 0x17770551


@pytest.mark.parametrize("attributes", [{}, {"title": "x" * 3000, "version": 1}])
def test_bytes_do_not_tell_the_time(tmp_path: Path, attributes: dict[str, object]) -> None:
    data = xr.Dataset({"a": (("x", "y"), np.arange(6.0).reshape(2, 3))}, attrs=attributes)
    write_dataset(data, tmp_path / "first.nc")
    time.sleep(1.1)  # HDF5 counts in seconds
    write_dataset(data, tmp_path / "second.nc")
    assert (tmp_path / "first.nc").read_bytes() == (tmp_path / "second.nc").read_bytes()
    # the library checks the checksum of the header that was changed
    with xr.open_dataset(tmp_path / "first.nc", engine="netcdf4") as found:
        xr.testing.assert_identical(found.load(), data)


def test_other_files_stay_as_they_are(tmp_path: Path) -> None:
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "on_disk.nc", engine="netcdf4")
    content = (tmp_path / "on_disk.nc").read_bytes()
    assert without_times(content) == content
    assert without_times(b"") == b""
