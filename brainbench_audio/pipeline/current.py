"""Which version of a model is current: what its id means now, told without loading anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainbench_audio.errors import BrainbenchError
from brainbench_audio.hashing.sources import package_hash, tree_hash
from brainbench_audio.pipeline.identifying import known_identity
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.registry.discovery import plugins
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.scores.identities import recorded


def current_version(identifier: str, source: str) -> str | None:
    """Return the version that a model's id means now.

    It is known exactly of a plugin's model whose weights are here, with the options that
    `load_model` has by default. Of others, the version that was scored last counts, as long as
    the source that it was made from is the same.

    Parameters
    ----------
    identifier, source : str
        See `Identity`.

    Returns
    -------
    str or None
        Empty where nothing is known; None where the model has changed since it was last scored.
    """
    if version := _exact_version(identifier, source):
        return version
    record = recorded(identifier, source)
    if _has_changed(record.get("code")):
        return None
    return str(record.get("version", ""))


def _exact_version(identifier: str, source: str) -> str:
    if not any(plugin.distribution == source for plugin in plugins()):
        return ""
    try:
        if ModelId.parse(identifier).step is not None:
            return ""
        identity = known_identity(Loadable(f"{source}:{identifier}"))
    except (BrainbenchError, OSError):  # not installed, or broken: whoever loads it says so
        return ""
    return identity.version if identity else ""


def _has_changed(code: Any) -> bool:
    """Return whether the source that a version was made from is another one by now."""
    if not isinstance(code, Mapping):
        return False
    try:
        if packages := code.get("packages"):
            return package_hash(packages) != code.get("hash")
        if (tree := code.get("tree")) and Path(tree).is_file():
            return tree_hash(Path(tree)) != code.get("hash")
    except (BrainbenchError, OSError, TypeError):  # not here any more: then nothing has replaced it
        return False
    return False
