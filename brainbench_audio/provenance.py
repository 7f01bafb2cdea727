"""Where a result comes from: versions, machine, time; where the source of a package lies."""

from __future__ import annotations

import importlib.util
import os
import platform
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from brainbench_audio.errors import PluginLoadError

DISTRIBUTION = "brainbench-audio"
_LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "xarray",
    "torch",
    "torchaudio",
    "soundfile",
    "soxr",
)


def package_version() -> str:
    """Return the version of brainbench-audio."""
    return _version(DISTRIBUTION) or "unknown"


def source_folder(package: str) -> Path:
    """Return the folder (or the file) of an import package, without importing it.

    Raises
    ------
    PluginLoadError
        It is not installed.
    """
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise PluginLoadError(f"Package {package}, named on a card, is not installed.")
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def environment() -> dict[str, Any]:
    """Return versions, machine and time, to be stored with a result."""
    libraries = {name: found for name in _LIBRARIES if (found := _version(name))}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            DISTRIBUTION: package_version(),
            "python": platform.python_version(),
            **libraries,
        },
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
        },
    }


@cache  # libraries that are imported stay as they are
def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
