"""Stimulus sets: order, contents, refusals."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from brainbench_audio.errors import DataError
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.testing import dummy_stimuli


def in_folder(folder: Path, stimuli: StimulusSet) -> StimulusSet:
    files = tuple(folder / file.name for file in stimuli.files)
    return StimulusSet("other name", stimuli.names, files, stimuli.categories)


def test_hashes_follow_contents_not_places(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path / "here", 4)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    moved = in_folder(tmp_path / "there", stimuli)
    assert moved.hashes == stimuli.hashes
    assert moved.fingerprint == stimuli.fingerprint


def test_one_byte_changes_one_hash(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path, 4)
    before, fingerprint = stimuli.hashes, stimuli.fingerprint
    content = bytearray(stimuli.files[2].read_bytes())
    content[-1] ^= 1
    stimuli.files[2].write_bytes(content)
    after = in_folder(tmp_path, stimuli)
    assert [old == new for old, new in zip(before, after.hashes, strict=True)] == [
        True,
        True,
        False,
        True,
    ]
    assert after.fingerprint != fingerprint


def test_order_and_names_count(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path, 3)
    backwards = StimulusSet("x", stimuli.names[::-1], stimuli.files[::-1])
    renamed = StimulusSet("x", ("a", "b", "c"), stimuli.files)
    assert len({stimuli.fingerprint, backwards.fingerprint, renamed.fingerprint}) == 3


def test_waveforms_come_in_the_order_asked_for(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path, 3)
    for waveform, file in zip(stimuli.waveforms([2, 0], 8000), ("sound02", "sound00"), strict=True):
        expected, _ = soundfile.read(tmp_path / f"{file}.wav", dtype="float32")
        np.testing.assert_array_equal(waveform, expected)


def test_the_rate_of_the_set_binds_its_files(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path, 2)
    bound = StimulusSet("x", stimuli.names, stimuli.files, sample_rate=44100)
    with pytest.raises(DataError, match=r"sound00\.wav is sampled at 8000 Hz, expected 44100 Hz"):
        bound.waveforms([0], 8000)


def test_missing_files_are_counted(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path, 4)
    stimuli.files[1].unlink()
    stimuli.files[3].unlink()
    with pytest.raises(DataError, match=f"2 of 4.*{re.escape(str(stimuli.files[1]))}"):
        _ = stimuli.fingerprint


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"names": (), "files": ()}, "is empty"),
        ({"names": ("a", "a")}, "a more than once"),
        ({"files": (Path("a"),)}, "2 names, 1 files"),
        ({"categories": ("one",)}, "2 names, 1 categories"),
    ],
)
def test_refusals(changes: dict[str, Any], told: str) -> None:
    fields: dict[str, Any] = {"names": ("a", "b"), "files": (Path("a"), Path("b")), **changes}
    with pytest.raises(DataError, match=f"my sounds.*{told}"):
        StimulusSet("my sounds", **fields)


def recorded_twice(tmp_path: Path) -> StimulusSet:
    """Return two sounds at 8 kHz (`files`), and others in their place at 16 kHz."""
    stimuli = dummy_stimuli(tmp_path, 2)
    others = tuple(tmp_path / f"other{index}.wav" for index in range(2))
    for file in others:
        soundfile.write(file, np.full(3200, 0.5), 16000)
    return StimulusSet("x", stimuli.names, stimuli.files, (), 8000, {16000: others})


def test_a_model_hears_the_recording_at_its_rate(tmp_path: Path) -> None:
    stimuli = recorded_twice(tmp_path)
    assert stimuli.at_rate(8000).files == stimuli.at_rate(44100).files == stimuli.files
    assert stimuli.at_rate(16000) is stimuli.at_rate(16000)
    assert not stimuli.at_rate(8000).recordings
    assert stimuli.at_rate(16000).files == stimuli.recordings[16000]
    assert stimuli.waveforms([1], 16000)[0].shape == (3200,)
    assert stimuli.waveforms([1], 8000)[0].shape == (800,)
    assert stimuli.waveforms([1], 32000)[0].shape == (3200,)
    plain = StimulusSet("x", stimuli.names, stimuli.files)
    assert plain.at_rate(16000) is plain
    assert stimuli.at_rate(8000).fingerprint == stimuli.at_rate(32000).fingerprint
    assert stimuli.at_rate(8000).fingerprint == plain.fingerprint
    fingerprints = {plain.fingerprint, stimuli.fingerprint, stimuli.at_rate(16000).fingerprint}
    assert len(fingerprints) == 3


def test_the_fingerprint_covers_all_recordings(tmp_path: Path) -> None:
    before = recorded_twice(tmp_path)
    whole, low, high = (
        before.fingerprint,
        before.at_rate(8000).fingerprint,
        before.at_rate(16000).fingerprint,
    )
    soundfile.write(before.recordings[16000][0], np.full(3200, 0.25), 16000)
    after = StimulusSet("x", before.names, before.files, (), 8000, before.recordings)
    assert after.fingerprint != whole
    assert after.at_rate(8000).fingerprint == low
    assert after.at_rate(16000).fingerprint != high


def test_a_recording_for_every_stimulus(tmp_path: Path) -> None:
    stimuli = recorded_twice(tmp_path)
    with pytest.raises(DataError, match="2 names, 1 files"):
        StimulusSet("x", stimuli.names, stimuli.files, recordings={16000: stimuli.files[:1]})


def test_silence_is_refused_unless_the_set_may_hold_it(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path, 2)
    soundfile.write(stimuli.files[0], np.zeros(100), 8000)
    with pytest.raises(DataError, match=r"sound00\.wav is silent"):
        stimuli.waveforms([0], 8000)
    quiet = StimulusSet("x", stimuli.names, stimuli.files, silence=True)
    assert not quiet.waveforms([0], 16000)[0].any()
    soundfile.write(stimuli.files[0], np.zeros(0), 8000)
    with pytest.raises(DataError, match=r"sound00\.wav holds no samples"):
        quiet.waveforms([0], 8000)
