"""A named, ordered set of sound files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_json
from brainbench_audio.hash_cache import hash_files
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
    recordings : mapping of int to tuple of Path
        The same sounds at other sample rates (Hz), one file a stimulus each; see `at_rate`.
    silence : bool
        Whether a sound may be silent, as some of a listening task are.

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
    recordings: Mapping[int, tuple[Path, ...]] = field(default_factory=dict)
    silence: bool = False

    def __post_init__(self) -> None:
        if not self.names:
            raise DataError(f"Stimulus set {self.name} is empty.")
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise DataError(f"Stimulus set {self.name} has {twice} more than once.")
        for files in (self.files, *self.recordings.values()):
            if len(files) != len(self.names):
                raise DataError(
                    f"Stimulus set {self.name}: {len(self.names)} names, {len(files)} files."
                )
        if self.categories and len(self.categories) != len(self.names):
            raise DataError(
                f"Stimulus set {self.name}: {len(self.names)} names, "
                f"{len(self.categories)} categories."
            )

    def __len__(self) -> int:
        return len(self.names)

    def at_rate(self, sample_rate: int) -> StimulusSet:
        """Return the set of files that a model of this rate hears: its activations depend on them.

        These are the recordings at that rate where there are any, else the files of this set, which
        are resampled.
        """
        if not self.recordings:
            return self
        rate = sample_rate if sample_rate in self.recordings else self.sample_rate
        if rate not in self._at_rates:
            files = self.files if rate == self.sample_rate else self.recordings[sample_rate]
            self._at_rates[rate] = replace(self, files=files, sample_rate=rate, recordings={})
        return self._at_rates[rate]

    def waveforms(self, indices: Sequence[int], sample_rate: int) -> list[Waveform]:
        """Return some sounds at a sample rate, each a float32 array (sample,).

        Raises
        ------
        DataError
            A file is missing, damaged, silent or at another rate than the set's.
        """
        heard = self.at_rate(sample_rate)
        return [
            read_waveform(
                heard.files[index],
                sample_rate,
                native_rate=heard.sample_rate,
                silence=self.silence,
            )
            for index in indices
        ]

    @cached_property
    def _at_rates(self) -> dict[int | None, StimulusSet]:
        """What `at_rate` gave before, with the hashes it has found meanwhile."""
        return {}

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 of each of `files`, in order."""
        missing = [file for file in self.files if not file.is_file()]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(self)} sound files of {self.name} are missing, the first "
                f"is {missing[0]}. Fetch the data again (`brainbench data get`)."
            )
        return tuple(hash_files(self.files, f"hashing {self.name}"))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the contents and the names of all sounds, in order, at all sample rates.

        What a model hears is `at_rate`, which has a fingerprint of its own.
        """
        others = {str(rate): self.at_rate(rate).hashes for rate in self.recordings}
        return hash_json([self.names, self.hashes, *([others] if others else [])])
