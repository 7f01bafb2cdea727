"""A named, ordered set of sound files."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file, hash_json
from brainbench_audio.stimuli.audio import Waveform, read_waveform


@dataclass(frozen=True)
class StimulusSet:
    """Sounds in a fixed order.

    Attributes
    ----------
    name : str
        For people.
    names : tuple of str
        One a stimulus, all different.
    files : tuple of Path
        One a stimulus.
    categories : tuple of str
        One a stimulus; empty where there are none.
    sample_rate : int or None
        Hz that every file must have; None leaves it open.

    Raises
    ------
    DataError
        Names are repeated, or there is not one file (and category) for each.
    """

    name: str
    names: tuple[str, ...]
    files: tuple[Path, ...]
    categories: tuple[str, ...] = ()
    sample_rate: int | None = None

    def __post_init__(self) -> None:
        if not self.names:
            raise DataError(f"Stimulus set {self.name} is empty.")
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise DataError(f"Stimulus set {self.name} has {twice} more than once.")
        if len(self.files) != len(self.names):
            raise DataError(
                f"Stimulus set {self.name}: {len(self.names)} names, {len(self.files)} files."
            )
        if self.categories and len(self.categories) != len(self.names):
            raise DataError(
                f"Stimulus set {self.name}: {len(self.names)} names, "
                f"{len(self.categories)} categories."
            )

    def __len__(self) -> int:
        return len(self.names)

    def waveforms(self, indices: Sequence[int], sample_rate: int) -> list[Waveform]:
        """Return some sounds at a sample rate, each a float32 array (sample,).

        Raises
        ------
        DataError
            A file is missing, damaged, silent or at another rate than the set's.
        """
        return [
            read_waveform(self.files[index], sample_rate, native_rate=self.sample_rate)
            for index in indices
        ]

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 of each file, in order."""
        missing = [file for file in self.files if not file.is_file()]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(self)} sound files of {self.name} are missing, the first "
                f"is {missing[0]}. Fetch the data again (`brainbench data get`)."
            )
        with ThreadPoolExecutor() as pool:
            return tuple(pool.map(hash_file, self.files))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the contents and the names of all sounds, in order."""
        return hash_json([self.names, self.hashes])
