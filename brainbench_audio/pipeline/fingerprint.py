"""What decides the activations of a model that was just loaded, besides its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.object_state import (
    OPAQUE,
    files_of,
    opaque_attribute,
    state_of,
)
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.hashing.live_code import Unhashable, hash_object
from brainbench_audio.interfaces import Model
from brainbench_audio.names import from_home

# options that leave the activations as they are; a control stands in the id
_NEUTRAL_OPTIONS = {"device", "control", "trust_remote_code"}


def fingerprinted(
    identity: Identity,
    model: Model,
    fingerprint: Mapping[str, Any],
    code: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Identity:
    """Complete the identity of a loaded model; where something is not known, nothing is kept.

    Parameters
    ----------
    identity : Identity
        Without a fingerprint.
    model : Model
    fingerprint : mapping
        What is known already: the model's own, and the hash of its source.
    code : mapping
        See `Identity`.
    options : mapping
        Those it was loaded with.

    Raises
    ------
    ContractError
        It names a file that does not exist.
    """
    files = files_of(model)
    fingerprint = dict(fingerprint)
    if files is not None:
        fingerprint["files"] = list(files.values())
    if files is None or "tree" in code:
        # nobody says which files it was made from, so what was made of them counts
        fingerprint["state"] = state = state_of(model)
        if OPAQUE in state.values():
            return replace(identity, unkept=opaque_attribute(model) or "")
    try:
        fingerprint["options"] = _counted(options, files)
    except Unhashable as error:
        return replace(identity, unkept=f"an option of it cannot be hashed: {error}")
    return replace(identity, fingerprint=fingerprint, code=code, files=files)


def _counted(options: Mapping[str, Any], files: Mapping[str, str] | None) -> dict[str, str]:
    """Return the hashes of the options that decide activations; of a weights file, its content."""
    counted = {name: value for name, value in options.items() if name not in _NEUTRAL_OPTIONS}
    if counted.get("dtype") == "float32":  # as without the option
        del counted["dtype"]
    weights = counted.get("weights")
    if isinstance(weights, str | Path) and (path := from_home(weights)).exists():
        # a model that names its files has it among them
        counted["weights"] = hash_files([path])[0] if files is None and path.is_file() else None
    elif isinstance(weights, Mapping):  # they are in its fingerprint or its state
        del counted["weights"]
    return {n: hash_object(value) for n, value in counted.items() if value is not None}
