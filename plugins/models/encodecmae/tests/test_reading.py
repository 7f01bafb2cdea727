"""Batches that are read ahead: the same ones, in order, a few at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from brainbench_encodecmae.configuration import FrontEnd
from brainbench_encodecmae.corpus import Crops, Sound, find_sounds, make_batch
from brainbench_encodecmae.front_end import WaveformEncoder
from brainbench_encodecmae.reading import read_ahead

from brainbench_audio.errors import DataError
from brainbench_audio.stimuli.audio import Waveform
from brainbench_audio.testing.waiting import wait_until

FRONT_END = WaveformEncoder(FrontEnd("mel"), 8).encoder
SIZE = 5
# one reader, and several as beside a GPU
DEVICES = [torch.device("cpu"), torch.device("meta")]


class Watched(Crops):
    """Notes the crops that are read."""

    def __init__(self, sounds: list[Sound], seed: int) -> None:
        super().__init__(sounds, seed)
        self.read: list[int] = []

    def __getitem__(self, number: int) -> Waveform:
        self.read.append(number)
        return super().__getitem__(number)


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_batches_are_those_of_reading_one_after_the_other(
    device: torch.device, audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainbench_encodecmae.reading.cores", lambda: 5)
    sounds, steps = find_sounds([audio]), range(3, 8)  # two epochs and more
    crops = Watched(sounds, 0)
    plain = Crops(sounds, 0)
    before = threading.active_count()
    with read_ahead(crops, SIZE, steps, FRONT_END, device) as batches:
        for step, batch in zip(steps, batches, strict=True):
            numbers = range(step * SIZE, (step + 1) * SIZE)
            expected = make_batch([plain[number] for number in numbers], FRONT_END)
            assert torch.equal(batch.frames, expected.frames)
            assert torch.equal(batch.waveforms, expected.waveforms)
            assert torch.equal(batch.lengths, expected.lengths)
            assert max(crops.read) < (step + 3) * SIZE  # two batches ahead
    assert sorted(crops.read) == list(range(3 * SIZE, 8 * SIZE))
    assert threading.active_count() == before


def test_the_next_batch_is_read_while_nobody_asks(audio: Path) -> None:
    crops = Watched(find_sounds([audio]), 0)
    with read_ahead(crops, SIZE, range(9), FRONT_END, DEVICES[0]) as batches:
        next(batches)
        wait_until(lambda: len(crops.read) >= 3 * SIZE)
    assert len(crops.read) == 3 * SIZE


def test_a_damaged_file_stops_the_step_that_needs_it(audio: Path) -> None:
    sounds = find_sounds([audio])
    whole, crops = [Crops(sounds, 0)[number] for number in range(12)], Crops(sounds, 0)
    sounds[4].path.write_bytes(b"no sound")
    with read_ahead(crops, 1, range(12), FRONT_END, DEVICES[1]) as batches:
        heard: list[Waveform] = []
        with pytest.raises(DataError, match=r"04\.wav cannot be read as audio"):
            heard.extend(batch.waveforms[0].numpy() for batch in batches)
    assert 0 < len(heard) < 12
    for one, other in zip(heard, whole, strict=False):
        np.testing.assert_array_equal(one, other)
