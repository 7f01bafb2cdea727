"""Checkpoints of pretraining runs of one's own.

They are ``{"state_dict": …, "step": …, "configuration": …}``. Names and nesting are those of the
published ones, so one loader reads both; ``configuration`` is what only they need: sizes that no id
stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file

from .configuration import Configuration, FrontEnd

_ENTRY = "configuration"


def save_checkpoint(
    path: Path, network: torch.nn.Module, configuration: Configuration, step: int
) -> None:
    """Write the weights of a training step; the file appears whole or not at all."""
    content = {
        "state_dict": {name: value.cpu() for name, value in network.state_dict().items()},
        "step": step,
        _ENTRY: asdict(configuration),
    }
    with atomic_file(path) as temporary:
        torch.save(content, temporary)


def stored_configuration(checkpoint: Mapping[str, Any]) -> Configuration | None:
    """Return the sizes that a checkpoint of one's own tells, None for a published one.

    Raises
    ------
    DataError
        They are not complete, or not of the right types.
    """
    if _ENTRY not in checkpoint:
        return None
    stored = _checked(checkpoint[_ENTRY], Configuration())
    return Configuration(**{**stored, "front_end": FrontEnd(**stored["front_end"])})


def _checked(stored: Any, example: Any) -> dict[str, Any]:
    """Return a mapping that has exactly the fields of a dataclass, each of its type."""
    names = [field.name for field in fields(example)]
    if not isinstance(stored, Mapping) or sorted(stored) != sorted(names):
        raise DataError(
            f"Its {_ENTRY!r} is {stored!r}, expected {', '.join(names)}: it was written by another "
            f"version or another program."
        )
    for name in names:
        expected = getattr(example, name)
        if isinstance(expected, FrontEnd):
            _checked(stored[name], expected)
        elif not _fits(stored[name], expected):
            raise DataError(
                f"Its {_ENTRY!r} has {name} = {stored[name]!r}, expected {type(expected).__name__}."
            )
    return dict(stored)


def _fits(value: Any, example: Any) -> bool:
    if isinstance(example, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(example, bool)
    if isinstance(example, int):
        return isinstance(value, int) and value > 0
    return isinstance(value, (int, float) if isinstance(example, float) else type(example))
