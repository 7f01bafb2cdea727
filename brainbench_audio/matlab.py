"""Reads MATLAB files, of which scipy's reader can bring down the process if they are damaged."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import numpy as np

from brainbench_audio.children import last_lines, run_python
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file
from brainbench_audio.netcdf import read_arrays

_SECONDS = 120
_HDF5 = b"MATLAB 7.3"  # how files of `save -v7.3` begin; scipy does not read them
# one array each for numbers, cells of strings, and fields of a struct; anything else is left empty
_READ = """
import json, sys
import numpy as np, scipy.io

def plain(value):
    value = np.asarray(value)
    if value.dtype.kind in "biufcUS":
        return value
    cells = [np.asarray(cell) for cell in value.ravel()] if value.dtype.kind == "O" else []
    if cells and all(cell.size == 1 and cell.dtype.kind == "U" for cell in cells):
        return np.array([str(cell.item()) for cell in cells]).reshape(value.shape)
    return np.zeros(value.shape, bool)

try:
    content = scipy.io.loadmat(sys.argv[1])
except Exception as error:
    sys.exit(repr(error))
names, arrays = [], []
for name, value in content.items():
    if name.startswith("__"):
        continue
    value = np.asarray(value)
    struct = value.dtype.names is not None and value.size == 1
    for field in value.dtype.names if struct else [None]:
        names.append([name, field])
        arrays.append(plain(value[field].item() if struct else value))
np.savez(sys.stdout.buffer, np.array(json.dumps(names)), *arrays)
"""


def load_mat(file: Path, published: str | None = None) -> dict[str, Any]:
    """Return the fields of a MATLAB file: numbers, cell arrays of strings, structs of these.

    A file other than the published one is read by another process, which may crash. Of a file of
    version 7.3, which is HDF5, numbers are read alone: its cells and structs are references.

    Parameters
    ----------
    file : Path
    published : str or None
        SHA-256 of the file that is known to be sound.

    Raises
    ------
    DataError
        The file is missing or damaged.
    """
    if not file.is_file():
        raise DataError(f"{file} is missing. Complete the folder or archive.")
    if published is not None and hash_file(file) == published:
        import scipy.io

        return dict(scipy.io.loadmat(file))
    if _begins(file, _HDF5):  # MATLAB counts axes the other way round
        return {name: value.T for name, value in read_arrays(file).items()}
    try:
        done = run_python(["-c", _READ, str(file)], timeout=_SECONDS)
    except TimeoutExpired as error:
        raise DataError(f"{file} cannot be read as a MATLAB file: no end of it.") from error
    if done.returncode:
        reason = (
            last_lines(done.stderr)
            if done.returncode > 0
            else f"its reader got signal {-done.returncode}"
        )
        raise DataError(f"{file} cannot be read as a MATLAB file: {reason}.")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as arrays:
        values = [arrays[f"arr_{place}"] for place in range(len(arrays.files))]
    content: dict[str, Any] = {}
    for (name, part), value in zip(json.loads(str(values[0])), values[1:], strict=True):
        if part is None:
            content[name] = value
        else:
            content.setdefault(name, {})[part] = value
    return {
        name: _struct(value) if isinstance(value, dict) else value
        for name, value in content.items()
    }


def field(content: Mapping[str, Any], name: str, file: Path) -> np.ndarray[Any, np.dtype[Any]]:
    """Return one field of a published file, or raise DataError naming both."""
    if name not in content:
        raise DataError(f"{file} has no field {name}; it is not the published {file.name}.")
    return np.asarray(content[name])


def strings(content: Mapping[str, Any], name: str, file: Path) -> list[str]:
    """Return the strings of a MATLAB cell array, or raise DataError naming field and file."""
    cells = [np.asarray(cell) for cell in field(content, name, file).ravel()]
    if any(cell.size != 1 or cell.dtype.kind != "U" for cell in cells):
        raise DataError(f"{file}: field {name} is no cell array of strings.")
    return [str(cell.item()) for cell in cells]


def _begins(file: Path, mark: bytes) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(mark)) == mark
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}.") from error


def _struct(fields: dict[str, Any]) -> np.ndarray[Any, np.dtype[Any]]:
    """Make of its fields what scipy makes of a struct."""
    struct = np.empty((1, 1), [(name, object) for name in fields])
    for name, value in fields.items():
        struct[name][0, 0] = value
    return struct
