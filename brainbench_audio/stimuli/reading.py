"""Reads the sounds of a set ahead of whoever hears them, in their order and in bounded memory.

One thread reads as long as that keeps up, as it does with any model on a CPU. Where a model waits
for its sounds, processes take over: threads share the interpreter's lock, which a fast model needs
for itself. Who reads changes nothing in what is read.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter
from typing import IO

import numpy as np

from brainbench_audio.children import Child, open_python
from brainbench_audio.errors import DataError
from brainbench_audio.machine import cores
from brainbench_audio.stimuli.audio import Waveform
from brainbench_audio.stimuli.reading_child import READY
from brainbench_audio.stimuli.stimulus_set import StimulusSet

# a run of sounds is read at once: few messages for small files, little memory for large ones
_RUN_SOUNDS, _RUN_BYTES = 16, 4 << 20
_RUNS_AHEAD = 4  # of the thread, and beside the two of each process
_BYTES_AHEAD = 64 << 20  # of files whose sounds wait to be heard
_WAITING = 0.25  # share of the time that a model may wait before processes start
_WORTH_IT = 3.0  # seconds that it would still wait: a process takes half of one to start
_BEGINNING, _WATCHED = 128, 1.0  # sounds that do not count, and seconds that must have
_Run = tuple[Sequence[int], int]
_Read = tuple[list[Waveform], DataError | None]


def read_ahead(
    stimuli: StimulusSet, rows: Sequence[int], sample_rate: int, *, workers: int | None = None
) -> Generator[Waveform, None, None]:
    """Yield sounds while the next ones are read; close the iterator to stop that.

    Parameters
    ----------
    stimuli : StimulusSet
    rows : sequence of int
        Which sounds, in the order wanted.
    sample_rate : int
        Hz.
    workers : int, optional
        Processes from the first sound on; 0 for a thread. By default it is a thread, until the one
        who hears the sounds is found to wait for them; then a process a core, but for one.

    Raises
    ------
    DataError
        See `StimulusSet.waveforms`; told when it is the sound's turn.
    """
    heard = stimuli.at_rate(sample_rate)
    readers = _Readers(heard, sample_rate, 0 if workers is None else workers)
    runs = _runs(heard, rows)
    may_start = workers is None and heard.whole_files
    waiting: deque[tuple[Future[_Read], int]] = deque()
    watch = _Watch(len(rows))
    try:
        while True:
            while len(waiting) < readers.runs_ahead and sum(s for _, s in waiting) < _BYTES_AHEAD:
                if (run := next(runs, None)) is None:
                    break
                waiting.append((readers.read(run[0]), run[1]))
            if not waiting:
                return
            with watch.waiting():
                waveforms, error = waiting.popleft()[0].result()
            yield from waveforms
            if error is not None:
                raise error
            watch.done += len(waveforms)
            if may_start and not readers.processes and watch.too_slow():
                readers.start(cores() - 1)
    finally:
        readers.close()


class _Watch:
    """Tells whether who hears the sounds waits for them; it does at first, whoever reads."""

    def __init__(self, sounds: int) -> None:
        self._sounds = sounds
        self._from = 0
        self._started, self._waited = 0.0, 0.0
        self.done = 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time in the block."""
        if self.done < _BEGINNING or not self._from:
            self._from, self._started, self._waited = self.done, perf_counter(), 0.0
        asked = perf_counter()
        yield
        self._waited += perf_counter() - asked

    def too_slow(self) -> bool:
        """Return whether processes would pay."""
        seconds, sounds = perf_counter() - self._started, self.done - self._from
        if self.done <= _BEGINNING or seconds < _WATCHED:
            return False
        left = (self._sounds - self.done) * self._waited / sounds
        return self._waited > _WAITING * seconds and left > _WORTH_IT


def _runs(stimuli: StimulusSet, rows: Sequence[int]) -> Iterator[_Run]:
    """Yield the rows that are read at once, and the size of their files."""
    run: list[int] = []
    size = 0
    for row in rows:
        more = stimuli.size_of(row)
        if run and (len(run) == _RUN_SOUNDS or size + more > _RUN_BYTES):
            yield run, size
            run, size = [], 0
        run.append(row)
        size += more
    if run:
        yield run, size


class _Readers:
    """A thread that reads, or one for each process that does."""

    def __init__(self, stimuli: StimulusSet, sample_rate: int, processes: int) -> None:
        self._stimuli = stimuli
        self._sample_rate = sample_rate
        self._pools = [ThreadPoolExecutor(1, "reading")]
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()
        self._all: list[_Process] = []
        self._idle.put(None)
        self.start(processes)

    @property
    def processes(self) -> int:
        """How many processes read."""
        return len(self._all)

    @property
    def runs_ahead(self) -> int:
        """How many runs may be read or wait at a time."""
        return _RUNS_AHEAD + 2 * self.processes

    def start(self, processes: int) -> None:
        """Have processes read from now on."""
        with suppress(OSError):  # no room for more: those that started read, or the thread goes on
            for _ in range(processes):
                self._all.append(_Process())
        if not self._all:
            return
        self._idle.get()  # once the thread has read what it was asked for
        self._pools.append(ThreadPoolExecutor(self.processes, "reading"))
        for process in self._all:
            self._idle.put(process)

    def read(self, rows: Sequence[int]) -> Future[_Read]:
        """Have a run read."""
        return self._pools[-1].submit(self._read, rows)

    def _read(self, rows: Sequence[int]) -> _Read:
        reader = self._idle.get()
        waveforms: list[Waveform] = []
        try:
            # a process that does not start is no loss: this one can read, too
            read = reader.read if reader is not None and reader.answers() else None
            for waveform in self._stimuli.in_turn(rows, self._sample_rate, read):
                waveforms.append(waveform)
        except DataError as error:
            return waveforms, error
        finally:
            self._idle.put(reader)
        return waveforms, None

    def close(self) -> None:
        """Stop, whatever is being read."""
        for process in self._all:
            process.kill()
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)
        for process in self._all:
            process.close()


class _Process:
    """A process that reads sounds, and the way to it."""

    def __init__(self) -> None:
        self._process: Child = open_python(["-m", "brainbench_audio.stimuli.reading_child"])
        self._answers: bool | None = None

    def answers(self) -> bool:
        """Return whether it started; waits until it has."""
        if self._answers is None:
            self._answers = _answer_of(self._process).readline() == READY
        return self._answers

    def read(
        self, files: Sequence[Path], sample_rate: int, native_rate: int | None, silence: bool
    ) -> Iterator[Waveform]:
        """Yield sounds, see `audio.read_waveform`, up to the first that cannot be read.

        None if the process died: of too little memory, or of a file.
        """
        source, target = _answer_of(self._process), self._process.stdin
        request = [[os.fspath(file) for file in files], sample_rate, native_rate, silence]
        try:
            assert target is not None  # `open_python` makes both pipes
            target.write(json.dumps(request).encode() + b"\n")
            target.flush()
            lengths = json.loads(source.readline())
            samples = np.empty(sum(lengths), np.float32)
            whole = _filled(source, samples) == samples.nbytes
        except (OSError, ValueError):
            return
        if whole:
            starts = np.cumsum([0, *lengths])
            yield from (samples[start:end] for start, end in pairwise(starts))

    def kill(self) -> None:
        """End it, whatever it does; it holds nothing that is kept."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Close the pipes, which no thread reads any more."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # of what it did not take
                    pipe.close()


def _answer_of(process: Child) -> IO[bytes]:
    assert process.stdout is not None  # `open_python` makes both pipes
    return process.stdout


def _filled(source: IO[bytes], samples: Waveform) -> int:
    """Fill an array from a pipe; return the bytes that came."""
    return source.readinto(samples.data.cast("B"))  # type: ignore[attr-defined,no-any-return]
