"""Parses what others made: netCDF files that come through a pipe (`netcdf`), rows (`hdf5_rows`).

Run as a script, never imported. It may open nothing any more once it begins, or a single file at a
time: a file that refers to another one, by an external link, by external storage or as a virtual
data set, gets nowhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

import netCDF4
import numpy as np

# a file may hold so many times its size, more than deflate can make of it, or so much
RATIO, SMALL = 1100, 1 << 20
# attributes by which whole numbers stand for others, or for none
_PACKING = {"_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned"}
_PACKING |= {"valid_min", "valid_max", "valid_range"}
_OWN_TYPES = (netCDF4.CompoundType, netCDF4.VLType, netCDF4.EnumType)


class RefusedError(Exception):
    """What the file holds is nothing that a stored score can hold."""


def main() -> None:
    """Answer one request after the other until there are no more."""
    by_rows = sys.argv[2:] == ["rows"]
    _limit(int(sys.argv[1]), files=by_rows)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    if by_rows:
        _tell_rows(source, target)
        return
    while line := source.readline():
        size, *asked = json.loads(line)
        content = source.read(size)
        try:
            about, values = _parsed(content, *asked)
        except MemoryError:
            about, values = {"error": "it takes too much memory"}, []
        except Exception as error:  # the library raises many kinds
            about, values = {"error": str(error) or repr(error)}, []
        _answer(target, about, values)


def _limit(memory: int, *, files: bool) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    # files that are open stay so; whatever else the library tries to open, it does not get, or only
    # while nothing else has the one number that is left
    most = 0
    if files:
        lowest = os.dup(0)
        os.close(lowest)
        most = lowest + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.suppress(ValueError, OSError):  # macOS
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _parsed(
    content: bytes, wanted: list[str] | bool, checked: bool, largest: int, foreign: bool
) -> tuple[dict[str, Any], list[Any]]:
    """Return what is to be told of a file, and its arrays: all, those wanted, or none.

    Of a ``foreign`` file, which holds more than a stored score does, the arrays of numbers and of
    text are told that lie at its top, numbers as their attributes say, and without these.
    """
    with netCDF4.Dataset("score.nc", memory=content) as data:
        data.set_auto_maskandscale(False)
        data.set_auto_chartostring(False)
        about: dict[str, Any] = {"attributes": {}, "variables": []}
        if not foreign:
            about["attributes"] = _attributes(data)
        if wanted is False:
            return about, []
        if not foreign and (data.groups or data.cmptypes or data.vltypes or data.enumtypes):
            raise RefusedError("it holds groups or types of its own")
        most = min(largest, max(SMALL, RATIO * len(content)))
        chosen = {
            name: variable
            for name, variable in data.variables.items()
            if (wanted is True or name in wanted or variable.ndim < 2)
            and not (foreign and _has_own_type(variable))
        }
        if sum(map(_size, chosen.values())) > most:
            raise RefusedError(f"it declares more than {most} bytes")
        if foreign and sum(map(_unpacked_size, chosen.values())) > len(content):
            raise RefusedError("its numbers lie in other files, or were never written")
        values = []
        for name, variable in chosen.items():
            if checked and not _is_checked(variable):
                raise RefusedError(f"{name} has no checksums, or lies in another file")
            value = _decoded(variable) if foreign else np.asarray(variable[...])
            described = {
                "name": name,
                "dims": variable.dimensions,
                "shape": value.shape,
                "attributes": {} if foreign else _attributes(variable),
            }
            if variable.dtype is str:
                described["text"] = value.ravel().tolist()
            else:
                described["dtype"] = value.dtype.str
                values.append(np.ascontiguousarray(value))
            about["variables"].append(described)
        return about, values


def _decoded(variable: Any) -> Any:
    """Return numbers unpacked, and NaN where they are missing; anything else as it is.

    By the attributes that the CF conventions name. What was never written is missing, too, but of
    numbers of two bytes or one, which may be as large as what netCDF writes there.
    """
    kind = np.dtype(object if variable.dtype is str else variable.dtype)
    small = kind.itemsize < 4 and not _PACKING & set(variable.ncattrs())
    if kind.kind not in "fiu" or small:
        return np.asarray(variable[...])
    variable.set_auto_maskandscale(True)
    value = variable[...]
    if np.ma.is_masked(value):
        value = value if value.dtype.kind == "f" else value.astype(np.float64)
        return value.filled(np.nan)
    return np.asarray(value)


def _tell_rows(source: BinaryIO, target: BinaryIO) -> None:
    """Open one file after the other, and tell the rows of it that are asked for."""
    data: Any = None
    while line := source.readline():
        asked = json.loads(line)
        about: dict[str, Any] = {}
        rows = []
        try:
            if "open" in asked:
                if data is not None:
                    before, data = data, None
                    before.close()
                data = netCDF4.Dataset(asked["open"])
                about = {"arrays": _arrays(data, Path(asked["open"]).stat().st_size)}
            else:
                rows = [np.ascontiguousarray(data[asked["name"]][asked["first"] : asked["last"]])]
        except MemoryError:
            about = {"error": "it takes too much memory"}
        except Exception as error:  # the library raises many kinds
            about = {"error": str(error) or repr(error)}
        _answer(target, about, rows)


def _arrays(data: Any, size: int) -> list[Any]:
    """Return name, shape and type of each array of numbers at the top of a file of some bytes."""
    data.set_auto_maskandscale(False)
    data.set_auto_chartostring(False)
    chosen = {
        name: variable
        for name, variable in data.variables.items()
        if variable.ndim and variable.dtype is not str and not _has_own_type(variable)
    }
    if sum(map(_unpacked_size, chosen.values())) > size:
        raise RefusedError("its numbers lie in other files, or were never written")
    return [[name, each.shape, np.dtype(each.dtype).str] for name, each in chosen.items()]


def _is_checked(variable: Any) -> bool:
    """Whether HDF5 checks what it reads, as numbers of a score are written; none is virtual."""
    plain = variable.dtype is str or not variable.ndim or not variable.size
    return plain or variable.dtype.kind == "S" or bool((variable.filters() or {}).get("fletcher32"))


def _unpacked_size(variable: Any) -> int:
    """Return the bytes that numbers take up in the file itself, 0 if they may be packed.

    What is virtual is read as zeros; it looks like numbers in one piece.
    """
    return 0 if variable.dtype is str or variable.chunking() != "contiguous" else _size(variable)


def _has_own_type(variable: Any) -> bool:
    return variable.dtype is not str and isinstance(variable.datatype, _OWN_TYPES)


def _size(variable: Any) -> int:
    """Return the bytes that a variable declares; a text counts as its place."""
    kind = np.dtype(object if variable.dtype is str else variable.dtype)
    if kind.kind not in "fiubSO":
        raise RefusedError(f"{variable.name} is of type {kind}")
    size = kind.itemsize
    for length in variable.shape:
        size *= int(length)
    return size


def _attributes(holder: Any) -> dict[str, Any]:
    """Return each attribute as text, or as the type and the values of an array."""
    found: dict[str, Any] = {}
    for name in holder.ncattrs():
        value = holder.getncattr(name)
        if isinstance(value, str):
            found[name] = value
        elif isinstance(value, list):  # of text
            found[name] = ["text", value]
        else:
            array = np.asarray(value)
            if array.dtype.kind not in "fiub":
                raise RefusedError(f"its attribute {name} is of type {array.dtype}")
            found[name] = [array.dtype.str, array.tolist()]
    return found


def _answer(target: BinaryIO, about: dict[str, Any], values: list[Any]) -> None:
    target.write(json.dumps(about).encode() + b"\n")
    for value in values:
        target.write(value.data if value.size else b"")
    target.flush()


if __name__ == "__main__":
    main()
