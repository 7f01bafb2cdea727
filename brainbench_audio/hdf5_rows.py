"""Reads large HDF5 files that others made, a few rows at a time, in a process of its own.

`netcdf` hands a whole file to its parser, which takes several times its size of memory. Here the
process that parses opens the file itself, the only one that it may have open (`netcdf_child`), and
tells the rows that it is asked for.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.children import Child, open_python
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
                if self._pipes[1].readinto(rows.view(np.uint8).data) != rows.nbytes:
                    raise EOFError("its parser ended")
            yield first, rows.reshape(last - first, *shape[1:])

    def end(self) -> int:
        """End the parser; return how it ended."""
        for pipe in self._pipes:
            with suppress(OSError):  # of what it did not take
                pipe.close()
        try:
            return self._process.wait(1.0)
        except TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    @property
    def _pipes(self) -> tuple[Any, Any]:
        return self._process.stdin, self._process.stdout

    def _asked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        source, target = self._pipes
        source.write(json.dumps(request).encode() + b"\n")
        source.flush()
        line = target.readline(_LINE)
        if not line.endswith(b"\n"):
            raise EOFError("its parser ended")
        about: dict[str, Any] = json.loads(line)
        if "error" in about:
            raise DataError(f"{self._path} is damaged: {about['error']}.")
        return about

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """End the parser where it takes too long or what it says makes no sense."""
        limit = threading.Timer(_SECONDS, self._process.kill)
        limit.daemon = True
        limit.start()
        try:
            yield
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            ended = self.end()
            why = f"its parser got signal {-ended}" if ended < 0 else f"{error!r}"
            raise DataError(f"{self._path} is damaged or hostile: {why}.") from error
        finally:
            limit.cancel()


@contextmanager
def hdf5_reader() -> Iterator[Hdf5Reader]:
    """Start the process that parses HDF5 files of any size which anybody may have made."""
    reader = Hdf5Reader(open_python([str(_CHILD), str(_MEMORY), "rows"]))
    try:
        yield reader
    finally:
        reader.end()
