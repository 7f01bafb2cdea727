"""Sounds read ahead: the same by a thread and by processes, in order, in bounded memory."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.machine import cores
from brainbench_audio.stimuli import reading
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_audio.stimuli.reading import read_ahead
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.testing import dummy_stimuli

RATE = 16000  # the files have 8 kHz


@pytest.fixture
def stimuli(tmp_path: Path) -> StimulusSet:
    return dummy_stimuli(tmp_path / "sounds", 40)


def heard(stimuli: StimulusSet, rows: range, workers: int | None) -> tuple[list[bytes], str]:
    """Return the sounds that came, and the error that ended it."""
    sounds: list[bytes] = []
    try:
        for waveform in read_ahead(stimuli, rows, RATE, workers=workers):
            sounds.append(waveform.tobytes())
    except DataError as error:
        return sounds, str(error)
    return sounds, ""


def test_whoever_reads_the_sounds_are_the_same_and_errors_come_in_their_turn(
    stimuli: StimulusSet,
) -> None:
    expected = [waveform.tobytes() for waveform in stimuli.waveforms(range(40), RATE)]
    _ = stimuli.fingerprint  # hashed, so that a change is noticed
    os.utime(stimuli.files[5])  # as it was, but for its times
    rows = range(39, -1, -1)
    for workers in (None, 0, 2):
        assert heard(stimuli, rows, workers) == (expected[::-1], "")
    unhashed = replace(stimuli)
    stimuli.files[20].write_bytes(b"no sound")
    for workers in (0, 2):
        sounds, error = heard(stimuli, rows, workers)
        assert sounds == expected[:20:-1]
        assert "sound20.wav changed while dummies was heard" in error
        sounds, error = heard(unhashed, rows, workers)
        assert sounds == expected[:20:-1]
        assert "sound20.wav" in error
        assert "changed" not in error


def test_a_model_that_waits_gets_processes_and_one_that_does_not_gets_none(
    stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    monkeypatch.setattr(reading._Readers, "start", lambda _, number: started.append(number))
    monkeypatch.setattr(reading, "cores", lambda: 5)

    def started_by(slow_reader: float, slow_model: float) -> list[int]:
        started.clear()
        submit = reading._Readers._read

        def reading_slowly(readers: Any, rows: Any) -> Any:
            sleep(slow_reader)
            return submit(readers, rows)

        with monkeypatch.context() as patched:
            patched.setattr(reading._Readers, "_read", reading_slowly)
            for _ in read_ahead(stimuli, range(40), RATE):
                sleep(slow_model)
        return started[1:]

    assert started_by(0.01, 0.0) == []  # next to nothing is left to read
    monkeypatch.setattr(reading, "_WORTH_IT", 0.0)
    assert started_by(0.01, 0.0) == []  # all of it is the beginning
    monkeypatch.setattr(reading, "_RUN_SOUNDS", 2)
    monkeypatch.setattr(reading, "_BEGINNING", 8)
    monkeypatch.setattr(reading, "_WATCHED", 0.02)
    assert 4 in started_by(0.02, 0.0)
    assert started_by(0.001, 0.02) == []
    # windows of a run are decoded once, here
    monkeypatch.setattr(StimulusSet, "whole_files", ContinuousStimuli.whole_files)
    assert started_by(0.02, 0.0) == []


def test_few_sounds_wait_to_be_heard(stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch) -> None:
    size = stimuli.files[0].stat().st_size
    assert [run for run, _ in reading._runs(stimuli, range(33))] == [
        [*range(16)],
        [*range(16, 32)],
        [32],
    ]
    monkeypatch.setattr(reading, "_RUN_BYTES", 3 * size)
    runs = list(reading._runs(stimuli, range(7)))
    assert runs == [([0, 1, 2], 3 * size), ([3, 4, 5], 3 * size), ([6], size)]
    monkeypatch.setattr(reading, "_RUN_BYTES", 1)
    monkeypatch.setattr(reading, "_BYTES_AHEAD", 2 * size)
    asked: list[int] = []
    submit = reading._Readers.read

    def noting(readers: reading._Readers, rows: list[int]) -> object:
        asked.extend(rows)
        return submit(readers, rows)

    monkeypatch.setattr(reading._Readers, "read", noting)
    sounds = read_ahead(stimuli, range(40), RATE)
    for number in range(5):
        next(sounds)
        assert len(asked) == number + 2
    sounds.close()


def test_processes_that_die_or_do_not_start_are_no_loss(
    stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(reading._Process):
        def answers(self) -> bool:
            assert super().answers()
            os.kill(self._process.pid, signal.SIGKILL)
            return True

    monkeypatch.setattr(reading, "_Process", Killed)
    assert len(heard(stimuli, range(40), 1)[0]) == 40
    monkeypatch.undo()
    monkeypatch.setattr(reading, "open_python", lambda _: open_broken())
    assert len(heard(stimuli, range(40), 1)[0]) == 40


def open_broken() -> object:
    from brainbench_audio.children import open_python

    return open_python(["-c", "raise SystemExit(3)"])


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cores() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("started", [0, 1])
def test_where_processes_cannot_be_started_others_read(
    stimuli: StimulusSet, started: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    class Scarce(reading._Process):
        def __init__(self) -> None:
            if len(made) >= started:
                raise OSError("Resource temporarily unavailable")
            super().__init__()
            made.append(self)

    monkeypatch.setattr(reading, "_Process", Scarce)
    expected = [waveform.tobytes() for waveform in stimuli.waveforms(range(40), RATE)]
    assert heard(stimuli, range(40), 3) == (expected, "")
    assert len(made) == started
