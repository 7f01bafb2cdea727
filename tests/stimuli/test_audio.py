"""Sound files: what is read, and what is refused by name."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from brainbench_audio.errors import DataError
from brainbench_audio.stimuli import audio
from brainbench_audio.stimuli.audio import read_waveform, resample
from brainbench_audio.stimuli.stimulus_set import StimulusSet

RATE = 16000
TONE = (0.4 * np.sin(2 * np.pi * 440 * np.arange(RATE // 2) / RATE)).astype(np.float32)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.wav"
    soundfile.write(path, TONE, RATE, "PCM_16")
    return path


def refuse(path: Path, told: str, **options: int) -> None:
    with pytest.raises(DataError, match=f"{re.escape(str(path))}.*{told}"):
        read_waveform(path, RATE, **options)


def test_samples_come_back(good: Path) -> None:
    waveform = read_waveform(good, RATE, native_rate=RATE)
    assert waveform.dtype == np.float32
    np.testing.assert_allclose(waveform, TONE, atol=2**-15)


@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
@pytest.mark.parametrize("suffix", ["wav", "w64", "rf64", "aiff", "au", "caf", "nist", "flac"])
def test_16_bits_are_what_libsndfile_makes_of_them(
    tmp_path: Path, suffix: str, endian: str
) -> None:
    path = tmp_path / f"sound.{suffix}"
    every = np.arange(-(2**15), 2**15).astype(np.int16)
    order = None if suffix in ("w64", "rf64", "flac") else endian
    soundfile.write(path, every, RATE, "PCM_16", order, suffix.upper())
    assert soundfile.info(path).subtype == "PCM_16"
    np.testing.assert_array_equal(
        read_waveform(path, RATE), soundfile.read(path, dtype="float32")[0]
    )


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        ("wav", "PCM_24", 1e-6),
        ("wav", "FLOAT", 0.0),
        ("flac", "PCM_16", 2**-15),
        ("aiff", "PCM_16", 2**-15),
        ("ogg", "VORBIS", 0.05),
        ("mp3", "MPEG_LAYER_III", 0.5),
    ],
)
def test_formats(tmp_path: Path, suffix: str, subtype: str, tolerance: float) -> None:
    path = tmp_path / f"sound.{suffix}"
    soundfile.write(path, TONE, RATE, subtype)
    waveform = read_waveform(path, RATE)
    assert abs(len(waveform) - len(TONE)) < 2400
    if suffix != "mp3":  # delayed by the encoder
        np.testing.assert_allclose(waveform, TONE, atol=tolerance)


@pytest.mark.parametrize("to_rate", [8000, 20000, 22050, 44100])
def test_resampling_is_soxr_at_high_quality(good: Path, to_rate: int) -> None:
    native, _ = soundfile.read(good, dtype="float32")
    expected = soxr.resample(native, RATE, to_rate, quality="HQ")
    resampled = read_waveform(good, to_rate)
    np.testing.assert_array_equal(resampled, expected)
    assert resampled.dtype == np.float32
    assert len(resampled) == len(native) * to_rate // RATE


@pytest.mark.parametrize(
    ("length", "from_rate", "to_rate"),
    [
        (48001, 48000, 16000),
        (48238, 48000, 16000),
        (99999, 44100, 24000),
        (88200, 44100, 24000),
        (1, 8000, 48000),
        (1, 48000, 8000),
        (12345, 11025, 44100),
    ],
)
def test_the_length_is_rounded_up(length: int, from_rate: int, to_rate: int) -> None:
    """Of librosa.resample: ceil, then zeros are added or samples cut; soxr rounds to nearest."""
    waveform = np.resize(TONE, length)
    expected = soxr.resample(waveform, from_rate, to_rate, quality="HQ")
    resampled = resample(waveform, from_rate, to_rate)
    assert resampled.dtype == np.float32
    assert len(resampled) == math.ceil(Fraction(length * to_rate, from_rate))
    common = min(len(resampled), len(expected))
    np.testing.assert_array_equal(resampled[:common], expected[:common])
    assert not resampled[common:].any()


def test_a_tone_stays_where_it_was(good: Path) -> None:
    spectrum = np.abs(np.fft.rfft(resample(read_waveform(good, RATE), RATE, 20000)))
    assert np.argmax(spectrum) == 440 // 2


def test_the_same_rate_changes_nothing() -> None:
    assert resample(TONE, RATE, RATE) is TONE


def test_missing(tmp_path: Path) -> None:
    refuse(tmp_path / "absent.wav", "does not exist")
    refuse(tmp_path, "does not exist")


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "raw"])
@pytest.mark.parametrize(
    "content", [b"", b"<html>404 not found</html>" * 50], ids=["empty", "html"]
)
def test_no_audio(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"sound.{suffix}"
    path.write_bytes(content)
    refuse(path, "")


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_truncated(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"sound.{suffix}"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, RATE), RATE, "PCM_16")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refuse(path, "")


def test_wrong_rate(good: Path) -> None:
    refuse(good, "16000 Hz, expected 44100 Hz", native_rate=44100)


def test_stereo(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([TONE, TONE], axis=1), RATE)
    refuse(path, "2 channels.*mono")


def test_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, however many pieces it is decoded in: one of them may be silent."""
    path = tmp_path / "silent.wav"
    for block in (1000, 30):
        monkeypatch.setattr(audio, "_BLOCK", block)
        soundfile.write(path, np.zeros(100), RATE)
        refuse(path, "silent")
        sound = np.where(np.arange(100) == 40, 0.5, 0.0)
        soundfile.write(path, sound, RATE)
        np.testing.assert_array_equal(read_waveform(path, RATE), sound)


def test_no_samples(tmp_path: Path) -> None:
    path = tmp_path / "nothing.wav"
    soundfile.write(path, np.zeros(0), RATE)
    refuse(path, "holds no samples")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(tmp_path: Path, bad: float) -> None:
    path = tmp_path / "bad.wav"
    samples = TONE.copy()
    samples[7] = bad
    soundfile.write(path, samples, RATE, "FLOAT")
    refuse(path, "NaN or infinite")


def test_a_file_from_a_streaming_writer_is_read(good: Path) -> None:
    content = bytearray(good.read_bytes())
    content[4:8] = b"\xff\xff\xff\xff"
    good.write_bytes(content)
    assert len(read_waveform(good, RATE)) == len(TONE)


@pytest.mark.data
def test_natural_sounds(data_folder: Path) -> None:
    files = sorted((data_folder / "natsound165" / "wav").glob("*.wav"))[:3]
    stimuli = StimulusSet("natural", tuple(file.stem for file in files), tuple(files))
    for waveform in stimuli.waveforms(range(3), 20000):
        assert waveform.shape == (40000,)
        assert 0.001 < waveform.std() < 1
