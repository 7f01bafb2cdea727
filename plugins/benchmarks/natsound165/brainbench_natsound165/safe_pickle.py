"""Reads pickled pandas tables without running anything that the pickle asks for.

A pickle is a program: it names functions and classes to call. Here every name that a table of
numbers and strings needs leads to a stand-in of this module, which only notes down what it is
given; every other name is refused. Neither numpy's nor pandas' own constructors are called by the
pickle, so tables of any pandas version (0.25 to 3) and numpy (1 or 2) are read alike, whichever is
installed, and forged array headers meet our checks, not C code.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError
from brainbench_audio.nesting import check_nesting

Column = npt.NDArray[Any]

_LARGEST = 1 << 28  # bytes; the published tables have a few million
_DIMENSIONS = 32
_CODE = re.compile(r"[biuf][1248]|[SU][0-9]{1,4}|O8?|\?")
_CELLS = (str, bytes, float, int, type(None))


def read_table(path: Path) -> dict[str, Column]:
    """Return the columns of a pickled pandas DataFrame, by name.

    Parameters
    ----------
    path : Path
        A pickle written by ``DataFrame.to_pickle``: numbers, strings, missing values.

    Returns
    -------
    dict of str to array (row,)
        In the table's order; strings in arrays of dtype object.

    Raises
    ------
    DataError
        The file is missing or damaged, holds no such table, or asks for anything but the known
        constructors of numpy and pandas; the message names what it asked for.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= _LARGEST else None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    if data is None:
        raise DataError(f"{path} has more than {_LARGEST >> 20} MB; no voxel table is that large.")
    try:
        _check_memo(data)
        check_nesting(data)
        content = _Unpickler(io.BytesIO(data)).load()
        if not isinstance(content, _Frame):
            raise pickle.UnpicklingError(f"it holds {type(content).__name__.strip('_')}, no table")
        return content.columns()
    except _Refused as error:
        raise DataError(
            f"{path} asks for {error}, which a table of numbers and strings does not need. A "
            f"pickle can run any program, so nothing was run and the file was not read. Get it "
            f"from its publisher again."
        ) from error
    except Exception as error:  # what a damaged pickle can raise has no common base
        raise DataError(f"{path} is no pickled pandas table: {error or repr(error)}.") from error


class _Refused(pickle.UnpicklingError):
    """A name that no table needs."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        try:
            return _STAND_INS[_RENAMED.get(module, module), name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None


class _Sealed(type):
    """Keeps a pickle from changing the attributes of the stand-ins, which outlive it."""

    def __setattr__(cls, name: str, value: Any) -> NoReturn:
        raise pickle.UnpicklingError(f"it changes {cls.__name__}.{name}")


class _Function:
    """A function that a pickle can call but not change."""

    __slots__ = ("_run",)
    _run: Callable[..., Any]

    def __init__(self, run: Callable[..., Any]) -> None:
        object.__setattr__(self, "_run", run)

    def __call__(self, *arguments: Any) -> Any:
        return self._run(*arguments)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise pickle.UnpicklingError(f"it changes {name} of a function")


class _Array(metaclass=_Sealed):
    """Stands for numpy.ndarray, and for pandas' arrays and indexes around one."""

    __slots__ = ("values",)
    values: Column

    def __setstate__(self, state: Sequence[Any]) -> None:
        inner = [item for item in state if isinstance(item, _Array)]
        if inner:  # pandas' string arrays: dtype, array and attributes
            self.values = inner[0].values
            return
        shape, dtype, fortran, data = state[-4:]
        self.values = _array(data, dtype, shape, "F" if fortran else "C")


class _Index(_Array):
    """Stands for the index classes, which a pickle hands to ``_new_Index``."""

    __slots__ = ()


class _RangeIndex(_Index):
    __slots__ = ()


class _DType(metaclass=_Sealed):
    """Stands for numpy.dtype: a type code and a byte order."""

    __slots__ = ("code", "order")
    code: str
    order: str

    def __setstate__(self, state: Sequence[Any]) -> None:
        if state[2:5] != (None, None, None) or state[1] not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("it has an array of records")
        self.order = state[1]

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


class _Manager(metaclass=_Sealed):
    """Stands for pandas' BlockManager: axes (columns, rows) and blocks (values, places)."""

    __slots__ = ("axes", "blocks")
    axes: Sequence[Any]
    blocks: Sequence[tuple[Any, Any]]

    def __init__(self, blocks: Any = (), axes: Any = (), *_: Any) -> None:
        self.axes, self.blocks = axes, blocks

    def __setstate__(self, state: Sequence[Any]) -> None:
        # "0.14.1" is the layout that pandas kept until 1.2
        content: Mapping[str, Any] = state[3]["0.14.1"]
        self.axes = content["axes"]
        self.blocks = [(block["values"], block["mgr_locs"]) for block in content["blocks"]]


class _Frame(metaclass=_Sealed):
    """Stands for pandas.DataFrame."""

    __slots__ = ("manager",)
    manager: _Manager

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        manager = state["_mgr"] if "_mgr" in state else state["_data"]
        if not isinstance(manager, _Manager):
            raise pickle.UnpicklingError("its DataFrame has no blocks")
        self.manager = manager

    def columns(self) -> dict[str, Column]:
        labels, index = self.manager.axes
        names = [str(name) for name in labels.values]
        rows = len(index) if isinstance(index, range) else len(index.values)
        columns: dict[str, Column] = {}
        for block, places in self.manager.blocks:
            chosen = places if isinstance(places, slice) else places.values
            numbers = np.arange(len(names))[chosen]
            values = np.atleast_2d(block.values)
            if values.shape != (len(numbers), rows):
                raise pickle.UnpicklingError(f"{len(numbers)} columns have shape {values.shape}")
            columns |= {names[number]: row for number, row in zip(numbers, values, strict=True)}
        if len(columns) != len(names):
            raise pickle.UnpicklingError(f"{len(names)} names, {len(columns)} columns")
        return {name: columns[name] for name in names}


def _dtype(code: Any, *_: Any) -> _DType:
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        # reprlib: nested tuples can be short as a pickle and endless as text
        raise pickle.UnpicklingError(f"it has an array of type {reprlib.repr(code)}")
    dtype = _DType()
    dtype.code, dtype.order = code, "|" if code in ("O", "O8", "?") else "<"
    return dtype


def _array(data: Any, dtype: _DType, shape: Any, order: str = "C", *_: Any) -> Column:
    """Build an array, trusting neither its shape nor its type to fit the data."""
    possible = len(shape) <= _DIMENSIONS and all(
        isinstance(length, int) and 0 <= length <= _LARGEST for length in shape
    )
    if not possible:
        raise pickle.UnpicklingError(f"it has an array of shape {reprlib.repr(shape)}")
    size = math.prod(shape)
    if dtype.code in ("O", "O8"):
        if not isinstance(data, list) or len(data) != size:
            raise pickle.UnpicklingError(f"an array of shape {shape} has other data")
        strange = [item for item in data if not isinstance(item, _CELLS)]
        if strange:
            raise pickle.UnpicklingError(f"a cell holds {type(strange[0]).__name__.strip('_')}")
        cells = np.empty(size, dtype=object)
        cells[:] = data
        return cells.reshape(shape)
    kind = dtype.numpy()
    if not isinstance(data, bytes | bytearray) or len(data) != size * kind.itemsize:
        raise pickle.UnpicklingError(f"an array of shape {shape} has other data")
    native = np.frombuffer(bytes(data), kind).astype(kind.newbyteorder("="))
    return native.reshape(shape, order="F" if order == "F" else "C")


def _wrap(values: Column) -> _Array:
    array = _Array()
    array.values = values
    return array


def _from_buffer(data: Any, dtype: _DType, shape: Any, order: str, *_: Any) -> _Array:
    return _wrap(_array(data, dtype, shape, order))


def _scalar(dtype: _DType, data: bytes) -> Any:
    return _array(data, dtype, (1,))[0].item()


def _encoded(text: str, encoding: str) -> bytes:
    """Make bytes as pickles up to protocol 2 do."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError(f"it has bytes as {encoding!r}")
    return text.encode("latin1")


def _new_index(kind: Any, state: Mapping[str, Any]) -> Any:
    if kind is _RangeIndex:
        return range(state["start"], state["stop"], state["step"])
    return _wrap(state["data"].values)


_EMPTY_ARRAY = _Function(lambda *_: _Array())
_INDEXES = ("Index", "Int64Index", "UInt64Index", "Float64Index")
_BASE, _NUMERIC = "pandas.core.indexes.base", "pandas.core.indexes.numeric"

_RENAMED = {
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
    "__builtin__": "builtins",
}
_STAND_INS: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _Function(_encoded),
    ("builtins", "bytes"): _Function(lambda: b""),
    ("builtins", "slice"): _Function(slice),
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Function(_dtype),
    ("numpy.core.multiarray", "_reconstruct"): _EMPTY_ARRAY,
    ("numpy.core.multiarray", "scalar"): _Function(_scalar),
    ("numpy.core.numeric", "_frombuffer"): _Function(_from_buffer),
    ("pandas", "DataFrame"): _Frame,
    ("pandas.core.frame", "DataFrame"): _Frame,
    ("pandas.core.internals.managers", "BlockManager"): _Manager,
    ("pandas._libs.internals", "_unpickle_block"): _Function(lambda *block: block[:2]),
    (_BASE, "_new_Index"): _Function(_new_index),
    **{(module, name): _Index for module in ("pandas", _BASE, _NUMERIC) for name in _INDEXES},
    ("pandas", "RangeIndex"): _RangeIndex,
    ("pandas.core.indexes.range", "RangeIndex"): _RangeIndex,
    # columns of strings as pandas 3 has them
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): _EMPTY_ARRAY,
    ("pandas.arrays", "StringArray"): _Array,
    ("pandas.core.arrays.string_", "StringArray"): _Array,
    ("pandas", "StringDtype"): _Function(lambda *_: None),
    ("pandas.core.arrays.string_", "StringDtype"): _Function(lambda *_: None),
}


def _check_memo(data: bytes) -> None:
    """Refuse memo numbers beyond the file's length: unpickling would reserve memory up to them."""
    for operation, argument, _ in pickletools.genops(data):
        if operation.name.endswith("PUT") and int(argument or 0) > len(data):
            raise pickle.UnpicklingError(f"memo number {argument}")
