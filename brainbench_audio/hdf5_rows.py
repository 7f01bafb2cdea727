"""Reads large HDF5 files that others made, a few rows at a time, in a process of its own.

`netcdf` hands a whole file to its parser, which takes several times its size of memory. Here the
process that parses opens the file itself, the only one that it may have open (`netcdf_child`), and
tells the rows that it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.children import Child, ask, ended, limited, open_python
from brainbench_audio.errors import DataError

Shape = tuple[tuple[int, ...], np.dtype[Any]]
_MEMORY = 1 << 31  # bytes of the process: rows that are on their way, and the library
_BLOCK = 1 << 26  # bytes of rows that are asked for at a time
_SECONDS = 120.0  # for an answer
_LINE = 1 << 20  # bytes of a description
_CHILD = Path(__file__).with_name("netcdf_child.py")


class Hdf5Reader:
    """Reads one file after the other; see `hdf5_reader`."""

    def __init__(self, process: Child) -> None:
        self._process = process
        self._rows: Any = process.stdout
        self._path = Path()
        self._arrays: Mapping[str, Shape] = {}

    def open(self, path: Path) -> Mapping[str, Shape]:
        """Open a file, close the one before; return the arrays of numbers at its top.

        Groups, references, text and types of the file's own are left out.

        Returns
        -------
        mapping of str to tuple
            Name to shape and type of numbers, as the file tells them.

        Raises
        ------
        DataError
            It is missing, cannot be read, or is no sound HDF5 file; or its numbers lie in other
            files.
        """
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        self._path = path
        with self._limited():
            told = self._asked({"open": str(path.absolute())})["arrays"]
            self._arrays = {
                str(name): (tuple(map(int, shape)), np.dtype(kind)) for name, shape, kind in told
            }
            for name, (shape, kind) in self._arrays.items():
                if kind.kind not in "fiub" or min(shape) < 0:
                    raise ValueError(f"{name} is {kind} {shape}")
        return self._arrays

    def blocks(self, name: str) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield all rows of an array in order, some at a time: number of the first, and the rows.

        Raises
        ------
        DataError
            The file is damaged.
        """
        shape, kind = self._arrays[name]
        size = math.prod(shape[1:])
        step = max(1, _BLOCK // max(1, size * kind.itemsize))
        for first in range(0, shape[0], step):
            last = min(first + step, shape[0])
            rows = np.empty((last - first) * size, kind)
            with self._limited():
                self._asked({"name": name, "first": first, "last": last})
                if self._rows.readinto(rows.view(np.uint8).data) != rows.nbytes:
                    raise EOFError("its parser ended")
            yield first, rows.reshape(last - first, *shape[1:])

    def _asked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        about: dict[str, Any] = ask(self._process, request, longest=_LINE)
        if "error" in about:
            raise DataError(f"{self._path} is damaged: {about['error']}.")
        return about

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """End the parser where it takes too long or what it says makes no sense."""
        try:
            with limited(self._process, _SECONDS):
                yield
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            how = ended(self._process)
            why = f"its parser got signal {-how}" if how < 0 else f"{error!r}"
            raise DataError(f"{self._path} is damaged or hostile: {why}.") from error


@contextmanager
def hdf5_reader() -> Iterator[Hdf5Reader]:
    """Start the process that parses HDF5 files of any size which anybody may have made."""
    process = open_python([str(_CHILD), str(_MEMORY), "rows"])
    try:
        yield Hdf5Reader(process)
    finally:
        ended(process)
