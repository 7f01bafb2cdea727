"""Environment variables and the folders they name; nothing is read at import."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from brainbench_audio.names import from_home

APPLICATION = "brainbench-audio"


def data_home() -> Path:
    """Return the folder of downloaded and generated data: ``$BRAINBENCH_HOME/data``."""
    return _home("data", platformdirs.user_data_dir(APPLICATION, appauthor=False))


def cache_home() -> Path:
    """Return the folder of what can be computed again: ``$BRAINBENCH_HOME/cache``."""
    return _home("cache", platformdirs.user_cache_dir(APPLICATION, appauthor=False))


def results_home() -> Path:
    """Return the folder of stored scores: ``$BRAINBENCH_HOME/results``."""
    results = Path(platformdirs.user_data_dir(APPLICATION, appauthor=False)) / "results"
    return _home("results", str(results))


def brought_data() -> Path | None:
    """Return the user's own data folder, ``$BRAINBENCH_DATA``, or None where it is not set."""
    value = os.environ.get("BRAINBENCH_DATA")
    return from_home(value) if value else None


def subjects_folder() -> Path | None:
    """Return where FreeSurfer keeps surfaces, ``$SUBJECTS_DIR``, or None where it is not set."""
    value = os.environ.get("SUBJECTS_DIR")
    return from_home(value) if value else None


def offline() -> bool:
    """Return whether ``BRAINBENCH_OFFLINE`` forbids all network access."""
    return _flag("BRAINBENCH_OFFLINE")


def strict() -> bool:
    """Return whether ``BRAINBENCH_STRICT`` turns a broken plugin into an error."""
    return _flag("BRAINBENCH_STRICT")


def _flag(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() not in {"", "0", "false", "no"}


def _home(folder: str, default: str) -> Path:
    home = os.environ.get("BRAINBENCH_HOME")
    return from_home(home) / folder if home else Path(default)
