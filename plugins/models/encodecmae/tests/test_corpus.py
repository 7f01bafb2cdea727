from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from brainbench_encodecmae import corpus
from brainbench_encodecmae.configuration import FrontEnd
from brainbench_encodecmae.corpus import Crops, Sound, find_sounds, identity, make_batch, split
from brainbench_encodecmae.front_end import MelFrontEnd

from brainbench_audio.errors import DataError
from brainbench_audio.stimuli.audio import read_waveform, resample


def ramp(path: Path, seconds: float, rate: int = 24_000, channels: int = 1) -> Path:
    """Write a sound whose samples tell where they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.linspace(0, 0.9, int(seconds * rate), dtype=np.float32)
    # the second channel of a stereo sound is silent
    both = np.stack([samples, *[np.zeros_like(samples)] * (channels - 1)], axis=1)
    soundfile.write(path, both, rate, subtype="FLOAT")
    return path


def test_each_four_seconds_count(tmp_path: Path) -> None:
    for name, seconds in (("a", 0.2), ("b", 3.9), ("sub/c", 9.0), ("sub/d", 12.0)):
        ramp(tmp_path / f"{name}.wav", seconds)
    (tmp_path / "readme.txt").write_text("no sound")
    sounds = find_sounds([tmp_path])
    assert [(sound.name, sound.crops) for sound in sounds] == [
        ("a.wav", 1),
        ("b.wav", 1),
        ("sub/c.wav", 2),
        ("sub/d.wav", 3),
    ]
    crops = Crops(sounds, seed=0)
    assert len(crops) == 7
    lengths = sorted(len(crops[number]) for number in range(7))
    assert lengths == [4_800, 93_600, *[96_000] * 5]


def test_a_file_that_leaves_its_length_open_is_learned_from_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "piped.flac"
    noise = np.random.default_rng(0).normal(0, 0.1, 24_000 * 30)
    soundfile.write(path, noise, 24_000, "PCM_16")
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the number of samples, as an encoder leaves it that writes to a pipe
    content[22:26] = bytes(4)
    path.write_bytes(content)
    (sound,) = find_sounds([tmp_path])
    assert (sound.samples, sound.crops) == (720_000, 7)
    whole = read_waveform(path, 24_000)
    crops = Crops([sound], seed=0)
    for number in range(7):
        crop = crops[number]
        starts = np.flatnonzero(whole[: len(whole) - 95_999] == crop[0])
        assert any(np.array_equal(whole[start : start + 96_000], crop) for start in starts)


def test_a_crop_is_a_part_of_its_file(tmp_path: Path) -> None:
    ramp(tmp_path / "a.wav", 9.0)
    whole = soundfile.read(tmp_path / "a.wav", dtype="float32")[0]
    crops = Crops(find_sounds([tmp_path]), seed=1)
    starts = set()
    for number in range(6):
        crop = crops[number]
        start = int(np.searchsorted(whole, crop[0]))
        assert np.array_equal(crop, whole[start : start + 96_000])
        starts.add(start)
    assert len(starts) == 6


def test_channels_are_averaged_and_resampled(tmp_path: Path) -> None:
    ramp(tmp_path / "a.wav", 1.0, rate=16_000, channels=2)
    found = Crops(find_sounds([tmp_path]), seed=0)[0]
    samples = soundfile.read(tmp_path / "a.wav", dtype="float32")[0].mean(1)
    np.testing.assert_allclose(found, resample(samples, 16_000, 24_000), atol=1e-6)
    ramp(tmp_path / "a.wav", 5.0, rate=44_100)
    assert len(Crops(find_sounds([tmp_path]), seed=0)[0]) == 96_000


def test_a_number_is_always_the_same_crop(audio: Path) -> None:
    sounds = find_sounds([audio])
    first, second = Crops(sounds, 5), Crops(sounds, 5)
    numbers = [30, 2, 13, 2, 30]
    for number in numbers:
        assert np.array_equal(first[number], second[number])
    epochs = [[first[e * 12 + i][:50].tobytes() for i in range(12)] for e in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1])
    assert epochs[0] != epochs[1]
    assert epochs[0] != [Crops(sounds, 6)[i][:50].tobytes() for i in range(12)]


def test_joined_sounds_fill_four_seconds(audio: Path) -> None:
    sounds = find_sounds([audio])
    alone, joined = Crops(sounds, 0), Crops(sounds, 0, join=True)
    for number in range(3):
        crop = joined[number]
        assert len(crop) == 96_000
        assert np.array_equal(crop[:12_000], alone[number])
    whole = {Crops([sound], 0)[0].tobytes() for sound in sounds}
    assert all(piece.tobytes() in whole for piece in np.split(joined[0], 8))


def test_sounds_held_out(audio: Path) -> None:
    sounds = find_sounds([audio])
    learned, held_out = split(sounds, 3, seed=1)
    assert (len(learned), len(held_out)) == (9, 3)
    assert sorted(learned + held_out, key=lambda sound: sound.name) == sounds
    assert split(sounds, 3, seed=1) == (learned, held_out)
    assert split(sounds, 3, seed=2)[1] != held_out


def test_a_batch_is_padded_in_the_normalised_domain() -> None:
    random = np.random.default_rng(0)
    crops = [random.standard_normal(n).astype(np.float32) for n in (96_000, 48_000, 2_049)]
    front_end = MelFrontEnd(FrontEnd())
    batch = make_batch(crops, front_end)
    assert batch.waveforms.shape == (3, 96_000)
    assert batch.frames.shape == (3, 300, 256)
    # 48000 samples are 150 times 320, but give 149 frames
    assert batch.lengths.tolist() == [300, 149, 5]
    for clip, crop in enumerate(crops):
        own = front_end(batch.waveforms[clip : clip + 1, : len(crop)])[0]
        assert np.array_equal(batch.frames[clip, : len(own)], own)
        assert not batch.frames[clip, len(own) :].any()


def test_a_batch_of_short_clips_only() -> None:
    noise = np.random.default_rng(0).standard_normal(48_000).astype(np.float32)
    batch = make_batch([noise, noise[:40_000]], MelFrontEnd(FrontEnd()))
    assert batch.frames.shape[1] == 149
    assert batch.lengths.tolist() == [149, 124]


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere of audio does not exist"):
        find_sounds([tmp_path / "nowhere"])
    with pytest.raises(DataError, match="has no audio: looked for"):
        find_sounds([tmp_path])


def test_files_that_cannot_be_read_are_named(audio: Path) -> None:
    (audio / "03.wav").write_bytes(b"no sound")
    (audio / "05.wav").write_bytes(b"")
    with pytest.raises(DataError, match=r"2 files cannot be read.*03\.wav.*05\.wav.*take them out"):
        find_sounds([audio])


def test_damage_behind_the_header_is_noticed(audio: Path) -> None:
    sounds = find_sounds([audio])
    soundfile.write(audio / "00.wav", np.full(8000, np.nan), 16_000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"00\.wav is cut short or holds NaN"):
        [Crops(sounds[:1], 0)[0]]
    soundfile.write(audio / "01.wav", np.zeros(4000), 16_000)
    with pytest.raises(DataError, match=r"01\.wav is cut short"):
        [Crops(sounds[1:2], 0)[0]]
    (audio / "02.wav").unlink()
    with pytest.raises(DataError, match=r"02\.wav cannot be read"):
        [Crops(sounds[2:3], 0)[0]]


def test_too_long_and_too_short_files_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(corpus, "LONGEST", 3.0)
    for name, seconds in (("long", 3.1), ("right", 3.0), ("short", 0.08)):
        ramp(tmp_path / f"{name}.wav", seconds)
    assert [sound.name for sound in find_sounds([tmp_path])] == ["right.wav"]
    assert "2 of 3 files are left out" in caplog.text
    (tmp_path / "right.wav").unlink()
    with pytest.raises(DataError, match="No file is left"):
        find_sounds([tmp_path])


def test_the_same_sounds_elsewhere_are_known() -> None:
    here, there = (Sound(Path(place) / "a.wav", "a.wav", 100, 10) for place in "xy")
    assert identity([here]) == identity([there])
    assert identity([here]) != identity([Sound(here.path, "a.wav", 101, 10)])
