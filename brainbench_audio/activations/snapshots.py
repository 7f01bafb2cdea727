"""Reads the tensors of a training snapshot that also holds objects of foreign packages.

torch's own ``weights_only`` refuses such a file as a whole. Here every class that is not needed
becomes an inert stand-in, so nothing foreign is imported or called.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from brainbench_audio.errors import DataError
from brainbench_audio.nesting import check_nesting

_DEEPEST = 3  # entries in entries; the states of optimisers lie deeper, and under numbers
_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
}


def read_snapshot(path: Path) -> dict[str, Any]:
    """Return tensors, texts and numbers of a snapshot under their names; all else is left out.

    Parameters
    ----------
    path : Path
        A zip archive as ``torch.save`` writes it since version 1.6.

    Raises
    ------
    DataError
        It is damaged or something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Snapshot(archive).read()
    except DataError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise DataError(f"{path} is damaged or no snapshot: {error!r}. Fetch it again.") from error


@dataclass(frozen=True)
class _Storage:
    """Numbers in the archive, not yet read."""

    dtype: torch.dtype
    key: str
    size: int


class _Strided:
    """A tensor, not yet read; takes the arguments of torch's function that rebuilds tensors."""

    def __init__(self, storage: Any, offset: Any, shape: Any, stride: Any, *_unused: Any) -> None:
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride

    def __setstate__(self, _state: Any) -> None:
        """Forget the state: without this method a pickle could change the class."""


class _Foreign(dict[Any, Any]):
    """Stands in for any class or function, and for what they make; keeps nothing but items."""

    def __init__(self, *_unused: Any, **_also_unused: Any) -> None:
        super().__init__()

    def __call__(self, *_unused: Any) -> _Foreign:
        return _Foreign()

    def __setstate__(self, _state: Any) -> None:
        """Forget the state: without this method a pickle could change the class."""

    def append(self, _item: Any) -> None:
        """Forget an item of a list or of a set."""

    extend = add = append

    def __hash__(self) -> int:  # type: ignore[override]  # it may be a key
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class _Unpickler(pickle.Unpickler):
    """Knows four kinds of global names and has a stand-in for every other."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Strided
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        return _Foreign

    def persistent_load(self, pid: Any) -> _Storage | None:
        _kind, dtype, key, _device, size = pid
        # A storage of a type that no weight has is of no interest: what is made of it is not read.
        return _Storage(dtype, key, size) if isinstance(dtype, torch.dtype) else None


class _Snapshot:
    """One open archive; a storage that several tensors share is read once."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        found = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(found) != 1:
            raise DataError(f"{archive.filename} is a zip archive, but not one of torch.")
        self._folder = found[0].removesuffix("data.pkl")
        self._storages: dict[str, Tensor] = {}
        self._seen: set[int] = set()

    def read(self) -> dict[str, Any]:
        program = self._archive.read(f"{self._folder}data.pkl")
        check_nesting(program)
        found = _Unpickler(io.BytesIO(program)).load()
        return self._plain(found, _DEEPEST) if isinstance(found, Mapping) else {}

    def _plain(self, found: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        if id(found) in self._seen:  # mappings that hold themselves, a thousand times over
            return kept
        self._seen.add(id(found))
        for name, value in found.items():
            if not isinstance(name, str):
                continue
            if isinstance(value, _Strided) and isinstance(value.storage, _Storage):
                kept[name] = self._tensor(value, value.storage)
            elif isinstance(value, Mapping) and depth > 1:
                kept[name] = self._plain(value, depth - 1)
            elif isinstance(value, str | int | float):
                kept[name] = value
        return kept

    def _tensor(self, wanted: _Strided, storage: _Storage) -> Tensor:
        numbers = self._storage(storage)
        return numbers.as_strided(wanted.shape, wanted.stride, wanted.offset).clone()

    def _storage(self, wanted: _Storage) -> Tensor:
        if wanted.key not in self._storages:
            file = self._archive.getinfo(f"{self._folder}data/{wanted.key}")
            if file.file_size != wanted.size * wanted.dtype.itemsize:
                raise DataError(f"{file.filename} does not hold {wanted.size} {wanted.dtype}.")
            storage = torch.empty(wanted.size, dtype=wanted.dtype)
            if wanted.size:  # torch reads no empty buffers
                numbers = bytearray(self._archive.read(file))
                storage = torch.frombuffer(numbers, dtype=wanted.dtype)
            self._storages[wanted.key] = storage
        return self._storages[wanted.key]
