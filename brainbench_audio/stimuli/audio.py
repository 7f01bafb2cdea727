"""Reading and resampling sound files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from brainbench_audio.errors import DataError

Waveform = npt.NDArray[np.float32]
_RATES = (1000, 1_000_000)  # Hz; resampling from a forged rate would take for ever
_BYTE_ORDER: dict[tuple[bytes, bytes], Literal["little", "big"]] = {
    (b"RIFF", b"WAVE"): "little",
    (b"FORM", b"AIFF"): "big",
    (b"FORM", b"AIFC"): "big",
}


def read_waveform(
    path: Path, sample_rate: int, *, native_rate: int | None = None, silence: bool = False
) -> Waveform:
    """Read a mono sound file, resampled if need be.

    Resampling is soxr at quality HQ, which is also librosa's default, so that activations match
    published ones.

    Parameters
    ----------
    path : Path
        Any format that libsndfile reads.
    sample_rate : int
        Hz wanted.
    native_rate : int, optional
        Hz that the file must have.
    silence : bool
        Whether the sound may be silent.

    Returns
    -------
    float32 array (sample,)
        In [-1, 1], or a little beyond after resampling.

    Raises
    ------
    DataError
        The file is missing, not audio, cut short, not mono, empty, silent, not finite, or at
        another rate than ``native_rate``.
    """
    if not path.is_file():
        raise DataError(f"Sound file {path} does not exist.")
    try:  # TypeError: headerless; MemoryError: a header that promises a year of sound
        with soundfile.SoundFile(path) as sound:
            promised, rate, channels = sound.frames, sound.samplerate, sound.channels
            samples = sound.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError, MemoryError) as error:
        raise DataError(
            f"{path} cannot be read as audio: {error}. Fetch or make it again."
        ) from error
    if channels != 1:
        raise DataError(f"{path} has {channels} channels, models take one: mix it down to mono.")
    if not _RATES[0] <= rate <= _RATES[1]:
        raise DataError(f"{path} is sampled at {rate} Hz, which no sound is: fetch it again.")
    if native_rate is not None and rate != native_rate:
        raise DataError(
            f"{path} is sampled at {rate} Hz, expected {native_rate} Hz: fetch it again."
        )
    if len(samples) != promised or _cut_short(path):
        raise DataError(f"{path} is cut short: it holds {len(samples)} samples. Fetch it again.")
    heard = resample(check_waveform(samples[:, 0], str(path), silence=silence), rate, sample_rate)
    # forged samples beyond the range of 32 bits become NaN only now
    return check_waveform(heard, str(path), silence=True)


def resample(waveform: Waveform, from_rate: int, to_rate: int) -> Waveform:
    """Return the waveform at another sample rate (soxr HQ).

    Examples
    --------
    >>> resample(np.zeros(441, np.float32), 44100, 20000).shape
    (200,)
    """
    if from_rate == to_rate:
        return waveform
    return np.asarray(soxr.resample(waveform, from_rate, to_rate, quality="HQ"), dtype=np.float32)


def check_waveform(waveform: Waveform, name: str, *, silence: bool = False) -> Waveform:
    """Return the waveform if it has samples, all finite and, unless ``silence``, not all zero.

    Raises
    ------
    DataError
        Naming ``name``.
    """
    if waveform.size == 0:
        raise DataError(f"{name} holds no samples.")
    if not np.isfinite(waveform).all():
        raise DataError(f"{name} holds NaN or infinite samples: fetch or make it again.")
    if not silence and not waveform.any():
        raise DataError(f"{name} is silent: every sample is zero. Leave it out or replace it.")
    return waveform


def _cut_short(path: Path) -> bool:
    """Tell whether a file is shorter than its own header says; libsndfile forgives that."""
    with path.open("rb") as file:
        head = file.read(12)
    order = _BYTE_ORDER.get((head[:4], head[8:12]))
    if order is None:
        return False
    promised = int.from_bytes(head[4:8], order) + 8
    # writers that stream leave 0 or the largest number: no promise to hold them to
    return promised not in (8, 0xFFFFFFFF + 8) and path.stat().st_size < promised - 1
