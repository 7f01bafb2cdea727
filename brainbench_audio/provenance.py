"""Where a result comes from: versions, source hashes, machine, time."""

from __future__ import annotations

import importlib.util
import inspect
import os
import platform
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from brainbench_audio.errors import PluginLoadError
from brainbench_audio.files import hash_file, hash_json, hash_sources

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


def package_hash(packages: Iterable[str]) -> str:
    """Return one SHA-256 over the Python sources of some import packages, none of them imported.

    Raises
    ------
    PluginLoadError
        A package is not installed.
    """
    return hash_json([hash_sources(source_folder(package)) for package in packages])


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


def class_hash(thing: object) -> str | None:
    """Return the SHA-256 of the file that defines a thing's class; None if there is no file."""
    try:
        source = inspect.getsourcefile(type(thing))
    except (TypeError, OSError):
        return None
    return hash_file(Path(source)) if source and Path(source).is_file() else None


def function_hash(function: Callable[..., Any]) -> str | None:
    """Return the SHA-256 of a function's source; None if there is none or it hides state."""
    if getattr(function, "__closure__", None) or getattr(function, "__self__", None) is not None:
        return None
    try:
        return hash_json([function.__qualname__, inspect.getsource(function)])
    except (TypeError, OSError, AttributeError):
        return None


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


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
