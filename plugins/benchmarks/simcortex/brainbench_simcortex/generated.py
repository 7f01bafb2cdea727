"""A folder of generated files: made once, whole or not at all, checked whenever it is opened."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_folder, hash_file, locked, set_aside

MANIFEST = "manifest.json"

_log = logging.getLogger(__name__)


def ensure_generated(folder: Path, version: str, generate: Callable[[Path], None]) -> Path:
    """Return a folder of generated files, generated where it is not there yet.

    Several processes may call this at once: one generates, the others wait for it. A folder with a
    missing or changed file is set aside under a name ending in ``.corrupt`` and made again.

    Parameters
    ----------
    folder : Path
    version : str
        Of what is generated.
    generate : callable
        Takes the folder and writes it, see `write_generated`.

    Raises
    ------
    DataError
        The files are damaged again right after they were written, or a damaged folder cannot be
        moved.
    CacheError
        The folder cannot be written to.
    """
    if folder.is_dir() and damage_of(folder, version) is None:
        return folder
    with locked(folder):
        if folder.exists():
            found = damage_of(folder, version)
            if found is None:
                return folder
            _log.warning("%s: %s. Generating the data again.", folder, found)
            _move_away(folder, found)
        generate(folder)
        if (found := damage_of(folder, version)) is not None:
            raise DataError(
                f"{folder} was generated just now, and {found}: check the disk, or choose another "
                f"one with BRAINBENCH_HOME."
            )
    return folder


def damage_of(folder: Path, version: str) -> str | None:
    """Say what is wrong with a generated folder; None where every file is as it was written."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        hashes = dict(manifest["files"])
        found = manifest["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{MANIFEST} is missing or damaged"
    if found != version:
        return f"the data are version {found}, not {version}"
    for name, expected in hashes.items():
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        if hash_file(file) != expected:
            return f"{name} is not as it was written"
    return None


def write_generated(folder: Path, version: str, seed: int, fill: Callable[[Path], None]) -> None:
    """Have files written into a new folder, which appears when all are there.

    Parameters
    ----------
    folder : Path
    version : str
    seed : int
        Noted in the manifest, beside the version and the SHA-256 of each file.
    fill : callable
        Takes a temporary folder and writes the files into it.
    """
    with atomic_folder(folder) as temporary:
        fill(temporary)
        files = sorted(file for file in temporary.rglob("*") if file.is_file())
        hashes = {file.relative_to(temporary).as_posix(): hash_file(file) for file in files}
        manifest = {"version": version, "seed": seed, "files": hashes}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1))


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name, for `stored_arrays`."""
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **dict(arrays))


@contextmanager
def stored_arrays(path: Path) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Give the arrays of a file by name, for as long as the block lasts.

    Raises
    ------
    DataError
        The file is missing or damaged, or lacks an array that the block asks for.
    """
    # opened here, as numpy leaves the file open where it is no archive
    with _readable(path), path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        yield stored


def read_netcdf(path: Path) -> xr.Dataset:
    """Return a netCDF file, loaded; coordinates of text have NumPy's type ``U``.

    Raises
    ------
    DataError
        The file is missing or damaged.
    """
    with _readable(path), xr.open_dataset(path, engine="netcdf4") as stored:
        data = stored.load()
    text = [name for name, values in data.coords.items() if values.dtype == object]
    return data.assign_coords({name: data[name].astype(str) for name in text})


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DataError(
            f"{path} cannot be read: {error}. Delete {path.parent} to make it anew."
        ) from error


def _move_away(folder: Path, found: str) -> None:
    try:
        set_aside(folder)
    except OSError as error:
        raise DataError(
            f"{folder} is damaged ({found}) and cannot be moved away: {error.strerror}. Delete it, "
            f"or choose another place with BRAINBENCH_HOME."
        ) from error
