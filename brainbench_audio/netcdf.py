"""Reads netCDF files that others may have made, in a process of its own; writes our own.

HDF5 follows links to other files, reads what lies in them, believes any size it is told, and can
crash. The process that parses has no file but its pipes and may open none, has little memory and
little time (`netcdf_child`); its arrays come back as bytes. It is started when it is first needed,
takes one file after the other, and ends with this process.

Files are put together in memory, and written by Python: where a disk is full or fails, HDF5 says no
more than that, and crashes when it closes the file.
"""

from __future__ import annotations

import atexit
import math
import os
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbench_audio import hdf5_times
from brainbench_audio.children import Child, ask, ended, limited, open_python, pipes
from brainbench_audio.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

LARGEST = 1 << 31  # bytes that one file may have, and that its arrays may have together
_MEMORY = 4 * LARGEST  # of the process: the file, its arrays, and the library
_SECONDS = 120.0
# versions of HDF5's first block, and where it tells the end of the file
_NEW_SUPERBLOCKS, _END = (2, 3), 28
_CHILD = Path(__file__).with_name("netcdf_child.py")


@dataclass(frozen=True)
class Variable:
    """One variable of a file.

    Attributes
    ----------
    dims : tuple of str
    values : array
        Numbers, single characters, or text as objects; as stored, with nothing decoded.
    attributes : mapping
    """

    dims: tuple[str, ...]
    values: np.ndarray[Any, Any]
    attributes: Mapping[str, Any]


def read_attributes(path: Path) -> dict[str, Any]:
    """Return the global attributes of a file; its arrays are not read.

    Raises
    ------
    DataError
        It is missing, cannot be read, or is no sound netCDF file.
    """
    return _PARSER.read(path, False)[0]


def read_dataset(
    path: Path,
    names: Collection[str] | None = None,
    *,
    checked: bool = False,
    decode_times: bool = True,
) -> xr.Dataset:
    """Return a file as `xarray.open_dataset` does, loaded.

    Parameters
    ----------
    path : Path
    names : collection of str, optional
        Variables to read, beside all that have one dimension or none; by default all.
    checked : bool
        Every array of numbers must have HDF5's checksums, as those of scores have. So it is in the
        file itself.
    decode_times : bool
        As for `xarray.open_dataset`.

    Raises
    ------
    DataError
        It is missing, cannot be read, is no sound netCDF file, is too large, or holds types that
        none of our files have.
    """
    import xarray as xr

    wanted = True if names is None else list(names)
    attributes, variables = _PARSER.read(path, wanted, checked=checked)
    try:
        found = {
            name: xr.Variable(one.dims, one.values, one.attributes)
            for name, one in variables.items()
        }
        return xr.decode_cf(xr.Dataset(found, attrs=attributes), decode_times=decode_times).load()
    except Exception as error:  # xarray raises many kinds on odd attributes
        raise DataError(f"{path} is damaged: {error!r}.") from error


def read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return arrays of numbers and of text at the top of an HDF5 file that anybody may have made.

    Groups, references and types of the file's own are left out. Text is of NumPy's type ``U``.

    Raises
    ------
    DataError
        It is missing, cannot be read, is no sound HDF5 file, or is too large.
    """
    variables = _PARSER.read(path, True, foreign=True)[1]
    return {
        name: one.values.astype(str) if one.values.dtype == object else one.values
        for name, one in variables.items()
    }


def write_dataset(data: xr.Dataset, path: Path, encoding: Mapping[Any, Any] | None = None) -> None:
    """Write a file as `xarray.Dataset.to_netcdf` does.

    Raises
    ------
    OSError
        The file cannot be written.
    TypeError, ValueError
        NetCDF cannot hold the data.
    """
    import xarray as xr

    def fill(file: Any) -> None:
        store: Any = xr.backends.NetCDF4DataStore(file)  # type: ignore[no-untyped-call]
        data.dump_to_store(store, encoding=encoding or {})

    path.write_bytes(packed(fill))


def packed(fill: Callable[[Any], None]) -> bytes:
    """Return the bytes of a netCDF file that a function fills; it is given a `netCDF4.Dataset`.

    The same arrays give the same bytes. The library does not keep the order of variables in such a
    file, which nothing here relies on.
    """
    import netCDF4

    file = netCDF4.Dataset("memory.nc", "w", format="NETCDF4", memory=1)
    try:
        fill(file)
    finally:
        content = bytes(file.close())
    if content[8] in _NEW_SUPERBLOCKS:  # memory is taken in large steps
        end = int.from_bytes(content[_END : _END + 8], "little")
        return hdf5_times.without_times(content[:end])
    return content


class _Parser:
    """The process that parses, and the way to it. One request at a time."""

    def __init__(self) -> None:
        self._process: Child | None = None
        self._busy = threading.Lock()

    def read(
        self,
        path: Path,
        wanted: list[str] | bool,
        *,
        checked: bool = False,
        foreign: bool = False,
    ) -> tuple[dict[str, Any], dict[str, Variable]]:
        """Return global attributes and variables."""
        try:
            if (size := path.stat().st_size) > LARGEST:
                raise DataError(f"{path} has {size} bytes, more than any stored file has.")
            content = path.read_bytes() if path.is_file() else None
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        if content is None:
            raise DataError(f"{path} is no file.")
        with self._busy:
            try:
                return self._asked(content, [wanted, checked, LARGEST, foreign])
            except _RefusedError as error:
                raise DataError(f"{path} is damaged: {error}.") from error
            except BaseException as error:
                # what it still has to say would be taken for the next answer
                ended = self.close()
                if not isinstance(error, Exception):
                    raise
                why = f"its parser got signal {-ended}" if ended < 0 else f"{error!r}"
                raise DataError(f"{path} is damaged or hostile: {why}.") from error

    def close(self) -> int:
        """End the process; return how it ended."""
        process, self._process = self._process, None
        return 0 if process is None else ended(process)

    def forget(self) -> None:
        """Leave the process to the one that was forked."""
        process, self._process = self._process, None
        self._busy = threading.Lock()
        if process is not None:
            process.returncode = 0
            nothing = os.open(os.devnull, os.O_RDWR)
            for pipe in pipes(process):  # not `close`, which would write what is buffered
                os.dup2(nothing, pipe.fileno(), inheritable=False)
            os.close(nothing)

    def _asked(
        self, content: bytes, asked: list[Any]
    ) -> tuple[dict[str, Any], dict[str, Variable]]:
        if self._process is None:
            self._process = open_python([str(_CHILD), str(_MEMORY)])
        with limited(self._process, _SECONDS):
            request = [len(content), *asked]
            about = ask(self._process, request, content, longest=LARGEST)
            if "error" in about:
                raise _RefusedError(about["error"])
            target = self._process.stdout
            variables = {one["name"]: _variable(one, target) for one in about["variables"]}
            return _plain(about["attributes"]), variables


def _variable(about: dict[str, Any], target: Any) -> Variable:
    """Return what the parser tells of a variable; it may have been taken over by the file."""
    shape = tuple(about["shape"])
    if "text" in about:
        values = np.empty(len(about["text"]), object)
        values[:] = [str(text) for text in about["text"]]
    else:
        kind, size = np.dtype(about["dtype"]), math.prod(shape)
        if kind.kind not in "fiubS" or not 0 <= size * kind.itemsize <= LARGEST:
            raise ValueError(f"an array of {size} x {kind}")
        values = np.empty(size, kind)
        if values.size and target.readinto(values.view(np.uint8).data) != values.nbytes:
            raise EOFError("its parser ended")
    return Variable(tuple(about["dims"]), values.reshape(shape), _plain(about["attributes"]))


class _RefusedError(Exception):
    """What the parser said of a file."""


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        if isinstance(value, str):
            found[name] = value
        elif value[0] == "text":
            found[name] = value[1]
        else:
            found[name] = np.array(value[1], value[0])[()]
    return found


_PARSER = _Parser()
atexit.register(_PARSER.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_PARSER.forget)
