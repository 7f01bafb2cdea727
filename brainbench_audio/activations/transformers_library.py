"""Imports transformers for the plugins that need it, whatever torchaudio is installed beside it."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from brainbench_audio.errors import PluginLoadError


def import_transformers() -> Any:
    """Return the package transformers.

    transformers imports torchaudio wherever it finds it, and nearly all of transformers fails if
    that fails, as it does beside a torch built for another CUDA. So transformers is made to look
    for torchaudio at a moment at which there is none; it keeps the answer.

    Raises
    ------
    PluginLoadError
        It is not installed or cannot be imported.
    """
    try:
        library = importlib.import_module("transformers")
        if "transformers.audio_utils" not in sys.modules and not _usable("torchaudio"):
            _hide_torchaudio()
        importlib.import_module("transformers.modeling_utils")
    except (ImportError, RuntimeError, OSError) as error:
        reason = str(error.__cause__ or error).rstrip(".")
        raise PluginLoadError(
            f"transformers cannot be imported: {reason}. Install it again: pip install --upgrade "
            f"transformers."
        ) from error
    return library


def _usable(package: str) -> bool:
    try:
        importlib.import_module(package)
    except Exception:  # a broken library raises what it likes
        return False
    return True


def _hide_torchaudio() -> None:
    utilities = importlib.import_module("transformers.utils.import_utils")
    before = sys.modules.get("torchaudio")
    sys.modules["torchaudio"] = None  # type: ignore[assignment]
    try:
        for ask in (utilities.is_torchaudio_available, utilities.is_speech_available):
            ask.cache_clear()
            ask()
    finally:
        if before is None:
            del sys.modules["torchaudio"]
        else:
            sys.modules["torchaudio"] = before
