"""Sounds that pages play: files beside them, where the licence of the data allows it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from brainbench_audio.report.results import Result

FOLDER = "sounds/clips"
SUFFIX = ".flac"


@dataclass(frozen=True)
class Clip:
    """One sound as FLAC; scores of many models play the same."""

    content: bytes

    @cached_property
    def path(self) -> str:
        """File below the site's folder; no name of a sound decides it."""
        return f"{FOLDER}/{hashlib.sha256(self.content).hexdigest()[:32]}{SUFFIX}"


@dataclass(frozen=True)
class Clips:
    """Sounds of a score, as far as they may be played.

    Attributes
    ----------
    words : str
        Their licence, or why they are not played.
    files : mapping of str to Clip
        Of each sound, by its name; empty where they are not played.
    """

    words: str
    files: Mapping[str, Clip] = field(default_factory=dict)

    def addresses(self, names: Sequence[str]) -> list[str | None]:
        """Return the file of each sound, below that of pages about sounds; None without one."""
        return [
            self.files[name].path.partition("/")[2] if name in self.files else None
            for name in names
        ]


FindClips = Callable[[Result, Sequence[str]], Clips]
"""Returns the clips of a score, of sounds by their names."""
