"""Continuous sound: runs of minutes, heard as windows that follow each other.

A window is one stimulus, so stores, batches, resumption and clusters work as they do for clips:
rows of activations are windows, in the order of time.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_json
from brainbench_audio.names import one_form
from brainbench_audio.stimuli.audio import Waveform, read_blocks, told_length
from brainbench_audio.stimuli.stimulus_set import Moment, Read, Span, StimulusSet

# of float32 samples a second, at a rate that few models go beyond
_BYTES_A_SECOND = 4 * 48_000
_LEAST = 0.001  # seconds: names tell times apart by three decimals


@dataclass(frozen=True, repr=False)
class ContinuousStimuli(StimulusSet):
    """Windows of continuous sound, run by run, in the order of time; see `of_runs`.

    Every window is as long as the context. Where it reaches beyond the run, there is silence, as
    there was for the listener. A window's row of activations belongs to its time: in a layer that
    has a time axis it is the mean over the last stride (at least one frame) of the window, which
    the context precedes; a layer without one hears nothing but the last ``clip`` seconds.

    Attributes
    ----------
    name, names, files, categories, sample_rate, recordings, silence
        See `StimulusSet`, one window each: a name is ``run@seconds``, a file that of its run.
        There are no ``recordings``.
    run : tuple of str
        Run of each window.
    time : tuple of float
        Seconds from the start of the run, one a window.
    context : float
        Seconds of a window.
    stride : float
        Seconds from a window to the next one.
    clip : float
        Seconds that a layer without a time axis hears, at most ``context``.
    causal : bool
        Whether a window ends at its time; else its middle is there, and what is averaged, too.
    after : float
        Seconds of silence after a run in which windows may have their times, for responses that
        outlast short sounds.

    Raises
    ------
    DataError
        What `StimulusSet` refuses; numbers of seconds that are no windows; times that do not rise
        within a run; a run with two files; runs whose names look the same. When it is heard: a time
        after the end of the run's sound, and of the silence after it.
    """

    run: tuple[str, ...] = ()
    time: tuple[float, ...] = ()
    context: float = 16.0
    stride: float = 0.1
    clip: float = 2.0
    causal: bool = True
    after: float = 0.0

    whole_files: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        # 16, 16.0 and NumPy's have one hash
        for name in ("context", "stride", "clip", "after"):
            object.__setattr__(self, name, float(getattr(self, name)))
        object.__setattr__(self, "causal", bool(self.causal))
        object.__setattr__(self, "time", tuple(map(float, self.time)))
        object.__setattr__(self, "run", tuple(map(str, self.run)))
        _refuse_seconds(self.name, self.context, self.stride, self.clip)
        if not 0 <= self.after < np.inf:
            raise DataError(
                f"Stimulus set {self.name}: {self.after:g} s after a run, expected 0 or more."
            )
        if not len(self.names) == len(self.run) == len(self.time):
            raise DataError(
                f"Stimulus set {self.name}: {len(self.names)} names, {len(self.run)} runs and "
                f"{len(self.time)} times, expected one of each a window."
            )
        if len({*zip(self.run, self.files, strict=True)}) != len({*self.run}):
            raise DataError(f"Stimulus set {self.name}: a run has more than one file.")
        if sum(map(len, self.windows.values())) != len(self.names):
            raise DataError(f"Stimulus set {self.name}: windows of a run are apart.")
        self._refuse_times()
        # responses find their run in either form
        if len({*map(one_form, self.windows)}) != len(self.windows):
            raise DataError(
                f"Stimulus set {self.name}: two runs have names that look the same, of "
                f"{', '.join(map(ascii, self.windows))}: rename one."
            )
        if self.recordings:
            raise DataError(
                f"Stimulus set {self.name}: continuous sound has no recordings at other rates: "
                f"leave them out, its files are resampled."
            )

    @classmethod
    def of_runs(
        cls,
        name: str,
        runs: Mapping[str, Path],
        *,
        context: float = 16.0,
        stride: float = 0.1,
        clip: float | None = None,
        causal: bool = True,
        sample_rate: int | None = None,
    ) -> ContinuousStimuli:
        """Cut runs into windows, one for each whole stride of a run.

        Parameters
        ----------
        name : str
            For people.
        runs : mapping of str to Path
            Name of each run to its sound file; the length is read from its header.
        context, stride, clip, causal, sample_rate
            See the class. By default a clip lasts 2 s, or as long as the context if that is less.

        Raises
        ------
        DataError
            A file cannot be read, is shorter than a stride, or see the class.
        """
        clip = min(2.0, context) if clip is None else clip
        _refuse_seconds(name, context, stride, clip)
        run: list[str] = []
        time: list[float] = []
        for each, file in runs.items():
            samples, rate = told_length(file)
            # a stride that ends with the file may be a rounding error too long
            windows = int(samples / rate / stride + 1e-6)
            if not windows:
                raise DataError(f"{file} lasts {samples / rate:g} s, less than {stride:g} s.")
            run += [each] * windows
            time += [round(stride * number, 6) for number in range(1, windows + 1)]
        return cls(
            name,
            tuple(f"{each}@{seconds:.3f}" for each, seconds in zip(run, time, strict=True)),
            tuple(runs[each] for each in run),
            sample_rate=sample_rate,
            run=tuple(run),
            time=tuple(time),
            context=context,
            stride=stride,
            clip=clip,
            causal=causal,
        )

    def _refuse_times(self) -> None:
        for run, windows in self.windows.items():
            times = np.array(self.time[windows.start : windows.stop])
            if not (np.isfinite(times).all() and times[0] >= 0 and (np.diff(times) > 0).all()):
                raise DataError(
                    f"Stimulus set {self.name}: times of run {run} are {times.min():g} to "
                    f"{times.max():g} s, expected seconds from 0 on, each later than the one "
                    f"before: put its windows in the order of time."
                )

    def _facts(self) -> dict[str, str]:
        sounds = f"{len(self)} of {len(set(self.run))} runs"
        each = f"{self.context:g} s every {self.stride:g} s"
        return {**super()._facts(), "sounds": sounds, "windows": each}

    @cached_property
    def windows(self) -> dict[str, range]:
        """Rows of the windows of each run."""
        starts: dict[str, int] = {}
        ends: dict[str, int] = {}
        for row, run in enumerate(self.run):
            starts.setdefault(run, row)
            ends[run] = row + 1
        return {run: range(starts[run], ends[run]) for run in starts}

    @property
    def moment(self) -> Moment:
        """Which part of each window its row is about."""

        def last(seconds: float) -> Span:
            end = self.context if self.causal else (self.context + seconds) / 2
            return end - seconds, end

        return Moment(last(self.stride), last(self.clip))

    @property
    def seconds(self) -> float:
        """Length of all windows together."""
        return len(self) * self.context

    def size_of(self, row: int) -> int:
        """Return about how many bytes a window takes in memory."""
        return int(self.context * _BYTES_A_SECOND)

    def in_turn(
        self, indices: Sequence[int], sample_rate: int, read: Read | None = None
    ) -> Iterator[Waveform]:
        """Yield windows; ``read`` is not asked, as a run is decoded once for all its windows."""
        for index in indices:
            yield self._waveform(index, sample_rate)

    def _waveform(self, index: int, sample_rate: int) -> Waveform:
        sound = self._decoded(self.run[index], sample_rate)
        behind = 0.0 if self.causal else self.context / 2
        end = round((self.time[index] + behind) * sample_rate)
        return sound.part(end - round(self.context * sample_rate), end)

    def _decoded(self, run: str, sample_rate: int) -> _Decoded:
        """Return the whole sound of a run; that of the last one asked for is kept."""
        if self._last.get("key") != (run, sample_rate):
            self._last.clear()  # before the next one takes room
            place = self._runs.names.index(run)
            file = self._runs.files[place]

            def read() -> _Decoded:
                native, silence = self.sample_rate, self.silence
                blocks = read_blocks(file, sample_rate, native_rate=native, silence=silence)
                return _Decoded(blocks, file)

            sound = self._runs.unchanged(place, read)
            seconds, latest = len(sound) / sample_rate, self.time[self.windows[run].stop - 1]
            if latest > seconds + self.after + _LEAST:
                raise DataError(
                    f"Stimulus set {self.name}: {file} lasts {seconds:g} s, and "
                    f"run {run} has a window at {latest:g} s: fetch the file again, or leave out "
                    f"windows after its end."
                )
            self._last.update(key=(run, sample_rate), sound=sound)
        kept: _Decoded = self._last["sound"]
        return kept

    @cached_property
    def _last(self) -> dict[str, Any]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_last"}

    @cached_property
    def _runs(self) -> StimulusSet:
        """The runs as sounds of their own, which are hashed and checked whole."""
        files = dict(zip(self.run, self.files, strict=True))
        return StimulusSet(
            self.name,
            tuple(files),
            tuple(files.values()),
            sample_rate=self.sample_rate,
            silence=self.silence,
        )

    def look_again(self) -> None:
        """Forget the hashes and the sound; see `StimulusSet.look_again`."""
        super().look_again()
        for name in ("_runs", "_last"):
            vars(self).pop(name, None)

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 over all that decides each window: the file of its run, and where it lies."""
        whole = dict(zip(self._runs.names, self._runs.hashes, strict=True))
        self._last.clear()  # of a file as it was before it was hashed
        windows = [self.context, self.stride, self.clip, self.causal]
        return tuple(
            hash_json(["window", whole[run], seconds, *windows])
            for run, seconds in zip(self.run, self.time, strict=True)
        )


class _Decoded:
    """The sound of a run, in a temporary file: of an hour, memory holds one window at a time.

    The file is read, not mapped, so that what was read does not count as memory of the process.
    """

    def __init__(self, blocks: Iterable[Waveform], source: Path) -> None:
        self._source = source
        self._file = tempfile.TemporaryFile(prefix="brainbench-run-", buffering=0)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._samples = 0
        for block in blocks:
            try:
                block.tofile(self._file)
            except OSError as error:
                raise DataError(
                    f"The sound of {source} cannot be kept in {tempfile.gettempdir()}: {error}. "
                    f"Free some space, or choose another folder with TMPDIR."
                ) from error
            self._samples += len(block)

    def __len__(self) -> int:
        return self._samples

    def part(self, start: int, end: int) -> Waveform:
        """Return some samples, zeros where there are none."""
        window = np.zeros(end - start, np.float32)
        first, last = max(start, 0), min(end, self._samples)
        if first < last:
            self._file.seek(first * window.itemsize)
            inside = window[first - start : last - start]
            if self._file.readinto(inside.data.cast("B")) != inside.nbytes:
                raise DataError(f"The temporary file of {self._source} was cut short.")
        return window


def _refuse_seconds(name: str, context: float, stride: float, clip: float) -> None:
    if not (_LEAST <= stride <= context < np.inf and _LEAST <= clip <= context):
        raise DataError(
            f"Stimulus set {name}: windows of {context:g} s every {stride:g} s with clips of "
            f"{clip:g} s, expected {_LEAST:g} <= stride <= context and {_LEAST:g} <= clip <= "
            f"context."
        )
