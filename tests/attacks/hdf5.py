"""Puts into a stored score what netCDF4 would not write, by the HDF5 library that comes with it."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr

from brainbench_audio.scores.score import Score

_READ_WRITE = 1
Number, Text, Size = ctypes.c_int64, ctypes.c_char_p, ctypes.c_uint64
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "H5Fopen": (Text, ctypes.c_uint, Number),
    "H5Fclose": (Number,),
    "H5Dcreate2": (Number, Text, Number, Number, Number, Number, Number),
    "H5Dclose": (Number,),
    "H5Screate_simple": (ctypes.c_int, ctypes.POINTER(Size), ctypes.POINTER(Size)),
    "H5Pcreate": (Number,),
    "H5Pset_external": (Number, Text, Number, Size),
    "H5Pset_virtual": (Number, Number, Text, Text, Number),
    "H5Pset_chunk": (Number, ctypes.c_int, ctypes.POINTER(Size)),
    "H5Lcreate_external": (Text, Text, Number, Text, Number, Number),
}


class Hdf5:
    """The library; each function fails the test where it fails."""

    def __init__(self) -> None:
        folder = Path(netCDF4.__file__).parents[1]
        found = sorted([*folder.glob("netcdf4.libs/libhdf5-*"), *folder.glob("netCDF4*/libhdf5.*")])
        if not found:
            pytest.skip("this netCDF4 does not bring its HDF5 library with it")
        self._library = ctypes.CDLL(str(found[0]))
        self._library.H5open()

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._library, name)
        function.argtypes = _SIGNATURES[name]
        function.restype = (
            Number if name.startswith(("H5Fo", "H5D", "H5S", "H5Pc")) else ctypes.c_int
        )

        def call(*arguments: Any) -> int:
            value = int(function(*arguments))
            assert value >= 0, f"{name} failed"
            return value

        return call

    def number(self, name: str) -> int:
        return Number.in_dll(self._library, f"{name}_g").value

    def space(self, length: int) -> int:
        return int(self.H5Screate_simple(1, (Size * 1)(length), None))

    def put(self, path: Path, kind: str, length: int, settings: Any = None) -> None:
        """Add an array called ``leak`` to a file."""
        file = self.H5Fopen(str(path).encode(), _READ_WRITE, 0)
        about = self.H5Pcreate(self.number("H5P_CLS_DATASET_CREATE_ID"))
        if settings is not None:
            settings(about)
        made = self.H5Dcreate2(file, b"leak", self.number(kind), self.space(length), 0, about, 0)
        self.H5Dclose(made)
        self.H5Fclose(file)


def score(path: Path, **variables: Any) -> Path:
    """Write a sound stored score."""
    raw = xr.Dataset({"a": ("x", np.arange(3.0)), **variables})
    Score(value=0.5, raw=raw, provenance={"model": "net", "benchmark": "A-x"}).to_netcdf(path)
    return path
