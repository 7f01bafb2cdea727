"""Arrays in files that anybody may have made: NumPy, MATLAB and HDF5; nothing in them is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError
from brainbench_audio.matlab import load_mat
from brainbench_audio.netcdf import LARGEST, read_arrays

Array = npt.NDArray[Any]
RESPONSES, STIMULI = "responses", "stimuli"


def read_array_file(path: Path, extension: str) -> tuple[Array, list[str] | None]:
    """Return the responses in a file, and the stimulus names if they are in it.

    Responses are the array called ``responses``, or the only one with two or three dimensions;
    names are the texts called ``stimuli``.

    Raises
    ------
    DataError
        The file is damaged or too large, or it is not clear which array is meant.
    """
    if extension == ".npy":
        arrays: Mapping[str, Any] = {RESPONSES: _load(path)}
    elif extension == ".npz":
        arrays = _load_all(path)
    elif extension == ".mat":
        arrays = load_mat(path)
    else:
        arrays = read_arrays(path)
    values = np.asarray(arrays[RESPONSES] if RESPONSES in arrays else _only(path, arrays))
    if values.dtype.kind not in "iuf" or values.ndim not in (2, 3):
        raise DataError(
            f"{path}: responses are {values.dtype} {values.shape}, expected numbers, stimulus x "
            f"voxel or stimulus x voxel x session."
        )
    return values, _names(path, arrays[STIMULI]) if STIMULI in arrays else None


def _load(path: Path) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
    except Exception as error:  # numpy raises many kinds on a damaged file
        raise DataError(
            f"{path} is no array of numbers: {error}. Save it with `numpy.save`, without objects."
        ) from error
    return np.asarray(array)


def _load_all(path: Path) -> dict[str, Array]:
    try:
        # opened here: numpy leaves a damaged file open
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            # of arrays that are packed, only the archive says before they fill the memory
            size = sum(member.file_size for member in arrays.zip.infolist())
            if size > LARGEST:
                raise DataError(f"{path} holds {size} bytes, at most {LARGEST} are read: split it.")
            return {name: arrays[name] for name in arrays.files}
    except DataError:
        raise
    except Exception as error:  # numpy raises many kinds on a damaged file
        raise DataError(
            f"{path} holds no plain arrays: {error}. Save it with `numpy.savez`, without objects."
        ) from error


def _only(path: Path, arrays: Mapping[str, Any]) -> Any:
    shapes = {name: np.shape(value) for name, value in arrays.items()}
    candidates = [
        name
        for name, value in arrays.items()
        # MATLAB's scalars and lists have two dimensions
        if np.asarray(value).dtype.kind in "iuf" and len(shapes[name]) > 1 and min(shapes[name]) > 1
    ]
    if len(candidates) != 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(
            f"{path} has the arrays {listed or '(none)'}: call the one with the responses "
            f"`responses`, at the top of the file."
        )
    return arrays[candidates[0]]


def _names(path: Path, value: Any) -> list[str]:
    names = np.asarray(value).ravel()
    if names.dtype.kind == "S":
        names = np.char.decode(names, "utf-8")
    cells = [
        cell.item() if isinstance(cell, np.ndarray) and cell.size == 1 else cell for cell in names
    ]
    if not all(isinstance(cell, str) for cell in cells):
        raise DataError(
            f"{path}: stimuli are {names.dtype}, expected a name for each row. MATLAB: save a cell "
            f"array with -v7; or write the names into stimuli.csv and leave them out here."
        )
    return [str(cell).strip() for cell in cells]
