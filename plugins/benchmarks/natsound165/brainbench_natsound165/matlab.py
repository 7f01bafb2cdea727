"""Reads MATLAB files, of which scipy's reader can bring down the process if they are damaged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import scipy.io

from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file

_SECONDS = 120
_TRY = "import sys, scipy.io; scipy.io.loadmat(sys.argv[1])"


def load_mat(file: Path, published: str | None = None) -> dict[str, Any]:
    """Return the fields of a MATLAB file.

    A file other than the published one is first read by another process, which may crash.

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
    if published is None or hash_file(file) != published:
        _try(file)
    try:
        return dict(scipy.io.loadmat(file))
    except Exception as error:  # scipy raises many kinds on a damaged file
        raise DataError(f"{file} cannot be read as a MATLAB file: {error!r}.") from error


def _try(file: Path) -> None:
    command = [sys.executable, "-c", _TRY, str(file)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{file} cannot be read as a MATLAB file: no end of it.") from error
    if done.returncode < 0:  # what it says otherwise is said again, as an exception
        raise DataError(
            f"{file} cannot be read as a MATLAB file: its reader was ended by signal "
            f"{-done.returncode}. The file is damaged."
        )
