"""Windows of continuous sound: what is in them, what decides their hashes, what is refused."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from brainbench_audio.errors import DataError
from brainbench_audio.pipeline import isolation
from brainbench_audio.stimuli import continuous
from brainbench_audio.stimuli.audio import resample
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_audio.stimuli.reading import read_ahead

RATE = 1000


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    generator = np.random.default_rng(0)
    runs = {"one": tmp_path / "one.wav", "two": tmp_path / "two.wav"}
    for file, seconds in zip(runs.values(), (3.3, 2.0), strict=True):
        samples = generator.uniform(-0.9, 0.9, round(seconds * RATE))
        soundfile.write(file, samples, RATE, "PCM_16")
    return runs


@pytest.fixture
def stimuli(files: dict[str, Path]) -> ContinuousStimuli:
    return ContinuousStimuli.of_runs("story", files, context=1, stride=0.5)


def test_windows_end_at_their_time(stimuli: ContinuousStimuli, files: dict[str, Path]) -> None:
    assert stimuli.names[:3] == ("one@0.500", "one@1.000", "one@1.500")
    assert (len(stimuli), stimuli.clip) == (10, 1.0)
    assert stimuli.windows == {"one": range(6), "two": range(6, 10)}
    one, _ = soundfile.read(files["one"], dtype="float32")
    early, whole, last = stimuli.waveforms([0, 4, 5], RATE)
    # before the run there is silence
    np.testing.assert_array_equal(early, np.concatenate([np.zeros(500, np.float32), one[:500]]))
    np.testing.assert_array_equal(whole, one[1500:2500])
    np.testing.assert_array_equal(last, one[2000:3000])
    assert stimuli.moment.frames == (0.5, 1.0)
    # whoever changes a window changes no other one
    last[:] = 0
    np.testing.assert_array_equal(stimuli.waveforms([5], RATE)[0], one[2000:3000])


def test_windows_that_are_not_causal_are_around_their_time(
    stimuli: ContinuousStimuli, files: dict[str, Path]
) -> None:
    around = replace(stimuli, causal=False)
    one, _ = soundfile.read(files["one"], dtype="float32")
    np.testing.assert_array_equal(around.waveforms([1], RATE)[0], one[500:1500])
    late = around.waveforms([9], RATE)[0]
    assert late[:500].any()
    assert not late[500:].any()
    assert around.moment.frames == (0.25, 0.75)
    assert around.fingerprint != stimuli.fingerprint
    # responses may outlast a sound: two ends after 2 s
    longer = replace(stimuli, time=(*stimuli.time[:9], 2.75), after=0.75)
    late = longer.waveforms([9], RATE)[0]
    two, _ = soundfile.read(files["two"], dtype="float32")
    np.testing.assert_array_equal(late, np.concatenate([two[1750:], np.zeros(750, np.float32)]))
    with pytest.raises(DataError, match=r"two\.wav lasts 2 s, and run two has a window at 2\.75 s"):
        replace(longer, after=0.5).waveforms([9], RATE)


def test_a_run_is_decoded_once(stimuli: ContinuousStimuli, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[Path] = []
    read = continuous.read_blocks

    def counting(path: Path, *arguments: object, **options: object) -> object:
        decoded.append(path)
        return read(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(continuous, "read_blocks", counting)
    ahead = list(read_ahead(stimuli, range(10), 800))
    assert [file.stem for file in decoded] == ["one", "two"]
    assert {len(window) for window in ahead} == {800}
    for window, expected in zip(ahead, replace(stimuli).waveforms(range(10), 800), strict=True):
        np.testing.assert_array_equal(window, expected)


def test_memory_holds_a_window_and_not_the_run(tmp_path: Path) -> None:
    file, rate = tmp_path / "long.wav", 44_100
    samples = np.random.default_rng(1).integers(-9000, 9000, 240 * rate, dtype=np.int16)
    soundfile.write(file, samples, rate)
    story = ContinuousStimuli.of_runs("story", {"long": file}, context=16, stride=16)
    whole = resample((samples / np.float32(1 << 15)).astype(np.float32), rate, 16_000)
    tracemalloc.start()
    heard = list(story.in_turn((0, 7, 14), 16_000))
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for window, end in zip(heard, (16, 128, 240), strict=True):
        np.testing.assert_array_equal(window, whole[(end - 16) * 16_000 : end * 16_000])
    # the run is 42 MB at its own rate, 15 MB at that of the model
    assert kept < sum(window.nbytes for window in heard) + 1e6
    assert most < 20e6
    # a worker gets the windows, not the sound
    assert len(pickle.dumps(story)) < 1e4


def test_a_sound_that_cannot_be_kept_is_refused(
    stimuli: ContinuousStimuli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was opened to read takes no more than a full disk does."""
    full = stimuli.files[0].open("rb", buffering=0)
    monkeypatch.setattr(continuous.tempfile, "TemporaryFile", lambda **_: full)
    with pytest.raises(
        DataError, match=r"sound of .*one\.wav cannot be kept in .*: .* with TMPDIR"
    ):
        stimuli.waveforms([0], RATE)
    assert full.closed


def test_hashes_follow_content_place_and_windows(stimuli: ContinuousStimuli) -> None:
    assert len(set(stimuli.hashes)) == 10
    changes = ({"context": 2.0}, {"stride": 0.4}, {"clip": 0.5}, {"causal": False})
    others = [replace(stimuli, **change) for change in changes]  # type: ignore[arg-type]
    assert len({one.hashes[3] for one in (stimuli, *others)}) == 5
    numpys = replace(stimuli, time=tuple(np.array(stimuli.time)), causal=np.True_)  # type: ignore[arg-type]
    assert numpys.hashes == stimuli.hashes
    # two takes the place of one
    before, file = stimuli.hashes, stimuli.files[0]
    soundfile.write(file, np.full(3300, 0.1), RATE, "PCM_16")
    with pytest.raises(DataError, match=r"one\.wav changed while story was heard"):
        stimuli.waveforms([0], RATE)
    stimuli.look_again()
    assert [old == new for old, new in zip(before, stimuli.hashes, strict=True)] == [
        *[False] * 6,
        *[True] * 4,
    ]
    assert stimuli.waveforms([3], RATE)[0][0] == pytest.approx(0.1, abs=1e-4)


def test_a_sound_is_never_that_of_a_file_before(
    stimuli: ContinuousStimuli, files: dict[str, Path]
) -> None:
    stimuli.waveforms([0], RATE)  # decoded before it is hashed
    soundfile.write(files["one"], np.full(3300, 0.1), RATE, "PCM_16")
    assert stimuli.hashes == replace(stimuli).hashes
    assert stimuli.waveforms([3], RATE)[0][0] == pytest.approx(0.1, abs=1e-4)
    soundfile.write(files["one"], np.full(1300, 0.1), RATE, "PCM_16")
    stimuli.look_again()
    with pytest.raises(DataError, match=r"one\.wav lasts 1\.3 s, and run one has a window at 3 s"):
        stimuli.waveforms([0], RATE)


def test_another_process_gets_the_same_windows(stimuli: ContinuousStimuli) -> None:
    sent = isolation._stimuli(json.loads(json.dumps(isolation._as_json(stimuli), default=str)))
    assert sent == stimuli
    assert sent.fingerprint == stimuli.fingerprint


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"stride": 0.0}, "windows of 1 s every 0 s with clips of 1 s, expected 0.001 <= stride"),
        ({"stride": 2.0}, "windows of 1 s every 2 s"),
        ({"clip": 1.5}, "with clips of 1.5 s"),
        ({"clip": 1e-9}, "with clips of 1e-09 s"),
        ({"context": np.inf}, "windows of inf s"),
        ({"stride": np.nan}, "every nan s"),
        ({"after": np.nan}, "nan s after a run, expected 0 or more"),
        ({"time": (np.nan,) * 10}, "times of run one are nan to nan s, expected seconds from 0 on"),
        ({"time": tuple(range(-3, 7))}, "times of run one are -3 to 2 s"),
        ({"time": tuple(range(10))[::-1]}, "put its windows in the order of time"),
        ({"run": ("\u00e9",) * 6 + ("e\u0301",) * 4}, r"look the same, of '\\xe9', 'e\\u0301'"),
        ({"run": ("one",) * 9}, "10 names, 9 runs and 10 times"),
        ({"run": ("one",) * 10}, "a run has more than one file"),
        ({"run": (*("one", "two") * 2, *("one",) * 2, *("two",) * 4)}, "more than one file"),
        ({"recordings": {8: ()}}, "10 names, 0 files"),
    ],
)
def test_what_are_no_windows(
    stimuli: ContinuousStimuli, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        replace(stimuli, **changes)  # type: ignore[arg-type]


def test_windows_of_a_run_are_together(stimuli: ContinuousStimuli) -> None:
    mixed = [0, 6, 1, 2, 3, 4, 5, 7, 8, 9]
    along = ("names", "files", "run", "time")
    with pytest.raises(DataError, match="windows of a run are apart"):
        replace(stimuli, **{x: tuple(getattr(stimuli, x)[i] for i in mixed) for x in along})


def test_a_run_shorter_than_a_stride(files: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"windows of 16 s every nan s"):
        ContinuousStimuli.of_runs("story", files, stride=np.nan)
    with pytest.raises(DataError, match=r"two\.wav lasts 2 s, less than 3 s"):
        ContinuousStimuli.of_runs("story", files, stride=3)
