"""Coordinates that the file of a score can hold, under names that its own arrays do not have."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio.assemblies.assembly import named

_log = logging.getLogger(__name__)
# netCDF reads a slash as a group
_FORBIDDEN = re.compile(r"[/\x00-\x1f\x7f]+")
_STORED = "iufbUSMm"


def storable(assembly: xr.DataArray, taken: Collection[str]) -> xr.DataArray:
    """Return the assembly with coordinates that a score can be stored with.

    A metric copies the coordinates of its targets into `Score.raw`. One that has a name of
    ``taken`` gets that of its dimension in front (``voxel_layer``), characters that netCDF refuses
    become ``_``, text is in `names.one_form`, and values of a type it does not know (float16,
    objects) are stored as the nearest that it does. An assembly without such coordinates is
    returned as it is.

    Examples
    --------
    >>> depth = xr.DataArray([[1.0, 2.0]], {"layer": ("voxel", [1, 2])}, ("stimulus", "voxel"))
    >>> list(storable(depth, {"layer"}).coords)
    ['voxel_layer']
    """
    names: dict[Any, str] = {}
    converted: dict[Any, Any] = {}
    for name, coordinate in assembly.coords.items():
        values = coordinate.values
        if (labels := named(values)) is not values:
            converted[name] = (coordinate.dims, labels)
        if name in assembly.dims:
            continue
        if (kind := _stored_type(values.dtype)) is not None:
            converted[name] = (coordinate.dims, labels.astype(kind))
        stored = _FORBIDDEN.sub("_", str(name)).strip() or "unnamed"
        if stored in taken:
            stored = f"{coordinate.dims[0] if coordinate.dims else 'data'}_{stored}"
        while stored != name and (stored in assembly.coords or stored in names.values()):
            stored += "_"
        if stored != name:
            names[name] = stored
            _log.warning("coordinate %r of the data is stored as %r with a score", name, stored)
    if converted:
        assembly = assembly.assign_coords(converted)
    return assembly.rename(names) if names else assembly


def _stored_type(dtype: np.dtype[Any]) -> type | None:
    """Return the type to store values as; None where theirs can be stored."""
    if dtype == np.float16:
        return np.float32
    if dtype.kind == "f" and dtype.itemsize > np.dtype(np.float64).itemsize:
        return np.float64
    return None if dtype.kind in _STORED else str
