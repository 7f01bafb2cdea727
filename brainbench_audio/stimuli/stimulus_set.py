"""A named, ordered set of sound files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from stat import S_ISREG
from typing import ClassVar, TypeVar

from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file, hash_json
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.names import as_on_disk
from brainbench_audio.stimuli.audio import Waveform, read_waveform
from brainbench_audio.views import bars, line, listed, view

_Heard = TypeVar("_Heard")
_Mark = tuple[int, ...]
Span = tuple[float, float]
# files, Hz wanted, Hz that they must have, whether they may be silent
Read = Callable[[Sequence[Path], int, int | None, bool], Iterator[Waveform]]


@dataclass(frozen=True)
class Moment:
    """Which part of a sound its row of activations is about, in seconds from the start.

    Attributes
    ----------
    frames : tuple of float
        Start and end of what is averaged, in layers that have a time axis.
    clip : tuple of float
        Start and end of what is heard alone by layers that have none.
    """

    frames: Span
    clip: Span


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
        One a stimulus; found in either Unicode form, see `names.as_on_disk`.
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
        Names are repeated, there is not one file (and category) for each, or two files have names
        that look the same.
    """

    name: str
    names: tuple[str, ...]
    files: tuple[Path, ...]
    categories: tuple[str, ...] = ()
    sample_rate: int | None = None
    recordings: Mapping[int, tuple[Path, ...]] = field(default_factory=dict)
    silence: bool = False

    whole_files: ClassVar[bool] = True
    """Whether a sound is a file, which another process can read."""

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
        recordings = {rate: _on_disk(files) for rate, files in self.recordings.items()}
        object.__setattr__(self, "files", _on_disk(self.files))
        object.__setattr__(self, "recordings", recordings)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return line("StimulusSet", self._facts())

    def _repr_html_(self) -> str:
        """Return a view for notebooks, with the number of sounds in each category."""
        return view(
            "StimulusSet", self._facts(), bars(Counter(self.categories), "Sounds in each category")
        )

    def _facts(self) -> dict[str, str]:
        rates = sorted({*self.recordings, *([self.sample_rate] if self.sample_rate else [])})
        facts = {
            "name": self.name,
            "sounds": f"{len(self)}: {listed(self.names, 2)}",
            "categories": listed(list(Counter(self.categories)), 3),
            "sample rate": ", ".join(f"{rate} Hz" for rate in rates),
        }
        return {name: fact for name, fact in facts.items() if fact}

    @property
    def moment(self) -> Moment | None:
        """Which part of a sound its row is about; None: all of it."""
        return None

    def size_of(self, row: int) -> int:
        """Return the bytes of a sound's file; 0 if it is missing, as who reads it says."""
        try:
            return self.files[row].stat().st_size
        except OSError:
            return 0

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
            A file is missing, damaged, silent or at another rate than the set's, or has changed
            since it was hashed.
        """
        return list(self.in_turn(indices, sample_rate))

    def in_turn(
        self, indices: Sequence[int], sample_rate: int, read: Read | None = None
    ) -> Iterator[Waveform]:
        """Yield the same sounds, one after the other.

        ``read`` reads files in another place; where it stops short, they are read here.
        """
        heard = self.at_rate(sample_rate)
        files = [heard.files[index] for index in indices]
        before = [_mark(file) for file in files] if read else []
        waveforms = read(files, sample_rate, heard.sample_rate, heard.silence) if read else iter(())
        for index, file, mark in zip_longest(indices, files, before):
            waveform = next(waveforms, None)
            # what was hashed must have been there before and after
            hashed = heard._marks[index] if "hashes" in vars(heard) else mark
            if waveform is None or not hashed == mark == _mark(file):
                waveform = heard._waveform(index, sample_rate)
            yield waveform

    def _waveform(self, index: int, sample_rate: int) -> Waveform:
        def read() -> Waveform:
            return read_waveform(
                self.files[index], sample_rate, native_rate=self.sample_rate, silence=self.silence
            )

        return self.unchanged(index, read)

    def unchanged(self, index: int, read: Callable[[], _Heard]) -> _Heard:
        """Return what is read of a sound's file if that is what was hashed: its key is that hash.

        Raises
        ------
        DataError
            The file has changed since, or changes while it is read, twice.
        """
        for _attempt in range(2):
            mark = self._checked_mark(index)
            found = read()
            if mark is None or _mark(self.files[index]) == mark:
                return found
        raise self._changed(index)

    def _checked_mark(self, index: int) -> _Mark | None:
        """Return the mark of a file that is what was hashed; None if none was."""
        if "hashes" not in vars(self):
            return None
        file = self.files[index]
        mark = _mark(file)
        if mark != self._marks[index]:
            # written again, maybe with the same bytes
            if mark is not None and hash_file(file) != self.hashes[index]:
                raise self._changed(index)
            self._marks[index] = mark
        return mark

    def _changed(self, index: int) -> DataError:
        return DataError(
            f"Sound file {self.files[index]} changed while {self.name} was heard: run it again."
        )

    def look_again(self) -> None:
        """Forget the hashes: the files may have changed since they were last asked for."""
        for name in ("hashes", "fingerprint", "_marks", "_at_rates"):
            vars(self).pop(name, None)

    @cached_property
    def _at_rates(self) -> dict[int | None, StimulusSet]:
        """What `at_rate` gave before, with the hashes it has found meanwhile."""
        return {}

    @cached_property
    def _marks(self) -> list[_Mark | None]:
        """Mark of each of `files` as it was before it was hashed."""
        return [_mark(file) for file in self.files]

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 of each of `files`, in order."""
        # taken before the files are read
        missing = [file for file, mark in zip(self.files, self._marks, strict=True) if not mark]
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


def _on_disk(files: Sequence[Path]) -> tuple[Path, ...]:
    spelled: dict[Path, Path] = {}  # windows of one run share a file
    for file in files:
        if file not in spelled:
            spelled[file] = as_on_disk(file)
    return tuple(spelled[file] for file in files)


def _mark(file: Path) -> _Mark | None:
    """Return what changes with a file's content; None if it is missing."""
    try:
        status = file.stat()
    except OSError:
        return None
    if not S_ISREG(status.st_mode):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev


def clips(waveforms: Sequence[Waveform], moment: Moment, sample_rate: int) -> list[Waveform]:
    """Return the clip of each window, see `Moment`."""
    start, end = (round(seconds * sample_rate) for seconds in moment.clip)
    return [waveform[start:end] for waveform in waveforms]
