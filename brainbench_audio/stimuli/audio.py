"""Reading and resampling sound files."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from brainbench_audio.cards import RATES
from brainbench_audio.errors import DataError
from brainbench_audio.stimuli.codecs import Refused
from brainbench_audio.stimuli.containers import Sound, whole_sound

Waveform = npt.NDArray[np.float32]
_BLOCK = 1 << 20  # samples decoded at a time
# Lossy codecs and resampling overshoot full scale: an MP3 of clipped noise reaches 3.7.
# Integers stored as floats lie far beyond: 128, 32768, …
LOUDEST = 4.0
_WIDTHS = {  # bytes of a sample where each takes the same number
    **dict.fromkeys(("PCM_S8", "PCM_U8", "ULAW", "ALAW"), 1),
    "PCM_16": 2,
    "PCM_24": 3,
    **dict.fromkeys(("PCM_32", "FLOAT"), 4),
    "DOUBLE": 8,
}


def read_waveform(
    path: Path, sample_rate: int, *, native_rate: int | None = None, silence: bool = False
) -> Waveform:
    """Read a mono sound file whole, resampled if need be.

    Resampling is soxr at quality HQ, which is also librosa's default, so that activations match
    published ones.

    Parameters
    ----------
    path : Path
        A file of a container that `containers.py` knows.
    sample_rate : int
        Hz wanted.
    native_rate : int, optional
        Hz that the file must have.
    silence : bool
        Whether the sound may be silent.

    Returns
    -------
    float32 array (sample,)
        In [-1, 1], or a little beyond after resampling or lossy coding.

    Raises
    ------
    DataError
        The file is missing, not audio, cut short, not mono, empty, silent, not finite, far beyond
        [-1, 1], or at another rate than ``native_rate``.
    """
    return _joined(read_blocks(path, sample_rate, native_rate=native_rate, silence=silence))


def read_blocks(
    path: Path, sample_rate: int, *, native_rate: int | None = None, silence: bool = False
) -> Iterator[Waveform]:
    """Yield what `read_waveform` returns, block after block, so that any length fits into memory.

    What is wrong with a file may show at its end: the blocks count once they have all come.
    """
    if not path.is_file():
        raise DataError(f"Sound file {path} does not exist.")
    try:
        whole = whole_sound(path)
        with soundfile.SoundFile(whole.source) as sound:
            _refuse_format(sound, native_rate)
            blocks = _checked(_read_to_the_end(sound, whole), str(path), silence=silence)
            for block in _resampled(blocks, sound.samplerate, sample_rate):
                if len(block):
                    # forged samples beyond the range of 32 bits become NaN only now
                    yield check_waveform(block, str(path), silence=True)
    except Refused as error:
        raise DataError(f"{path} {error}.") from error
    # TypeError: headerless; MemoryError: a header that promises a year of sound
    except (OSError, RuntimeError, TypeError, MemoryError) as error:
        raise DataError(
            f"{path} cannot be read as audio: {error}. Fetch or make it again."
        ) from error


def told_length(path: Path) -> tuple[int, int]:
    """Return how many samples `read_waveform` finds in a file, and its rate in Hz; decodes none.

    Only a coded file whose header leaves its length open is read to the end.

    Raises
    ------
    DataError
        The file cannot be read, is in no container that `read_waveform` takes, or has fewer samples
        than its header promises.
    """
    try:
        whole = whole_sound(path, unchecked=True)
        with soundfile.SoundFile(whole.source) as sound:
            told = sound.frames if whole.frames is None else whole.frames
            frames, rate = min(told, _most(sound, whole)), sound.samplerate
    except Refused as error:
        raise DataError(f"{path} {error}.") from error
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"{path} cannot be read as audio: {error}.") from error
    if frames <= 0 or rate <= 0:
        raise DataError(f"{path} has {frames} samples at {rate} Hz.")
    return frames, rate


def write_waveform(path: Path, samples: npt.NDArray[Any], sample_rate: int) -> None:
    """Write a sound as WAV with 16 bits.

    It is put together in memory: libsndfile does not say why a disk refuses it.

    Parameters
    ----------
    path : Path
    samples : array
        Floats within [-1, 1], or integers of 16 bits; 1-D.
    sample_rate : int
        Hz.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    content = io.BytesIO()
    soundfile.write(content, samples, sample_rate, "PCM_16", format="WAV")
    path.write_bytes(content.getvalue())


def resample(waveform: Waveform, from_rate: int, to_rate: int) -> Waveform:
    """Return the waveform at another sample rate (soxr HQ), ``ceil(samples · to / from)`` long.

    That is the length librosa gives, which adds the zero that soxr sometimes lacks. Its ratio of
    floats makes some whole numbers one larger (88200 samples at 44.1 kHz to 48001 at 24 kHz);
    they stay whole here.

    Examples
    --------
    >>> resample(np.zeros(441, np.float32), 44100, 20000).shape
    (200,)
    >>> resample(np.zeros(48238, np.float32), 48000, 16000).shape
    (16080,)
    """
    if from_rate == to_rate:
        return waveform
    return _joined(_resampled([waveform], from_rate, to_rate))


def _resampled(blocks: Iterable[Waveform], from_rate: int, to_rate: int) -> Iterator[Waveform]:
    """Yield the sound that blocks are, at another sample rate; some of what comes may be empty."""
    if from_rate == to_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
    given = heard = 0
    for block in blocks:
        piece = stream.resample_chunk(block)
        given, heard = given + len(block), heard + len(piece)
        yield piece
    rest = stream.resample_chunk(np.zeros(0, np.float32), last=True)
    left = -(-given * to_rate // from_rate) - heard
    yield np.pad(rest[:left], (0, max(left - len(rest), 0)))


def _joined(blocks: Iterable[Waveform]) -> Waveform:
    every = [*blocks]
    return every[0] if len(every) == 1 else np.concatenate(every)


def check_waveform(
    waveform: Waveform, name: str, *, silence: bool = False, loudest: float = np.inf
) -> Waveform:
    """Return the waveform if it has samples, all finite and, unless ``silence``, not all zero.

    Raises
    ------
    DataError
        Naming ``name``; also if a sample is beyond ``loudest``.
    """
    if waveform.size == 0:
        raise DataError(f"{name} holds no samples.")
    # NaN and infinity show in the extremes, which are faster than a mask of all samples
    peak = max(-float(waveform.min()), float(waveform.max()))
    if not np.isfinite(peak):
        raise DataError(f"{name} holds NaN or infinite samples: fetch or make it again.")
    if peak == 0 and not silence:
        raise DataError(f"{name} is silent: every sample is zero. Leave it out or replace it.")
    if peak > loudest:
        factor = next((scale for scale in (128, 1 << 15, 1 << 23, 1 << 31) if peak <= scale), peak)
        raise DataError(
            f"{name} reaches {peak:g}, expected samples within [-1, 1]: if they are integers "
            f"stored as floats, divide them by {factor:.8g}."
        )
    return waveform


def _refuse_format(sound: soundfile.SoundFile, native_rate: int | None) -> None:
    rate = sound.samplerate
    if sound.channels != 1:
        raise Refused(f"has {sound.channels} channels, models take one: mix it down to mono")
    if not RATES[0] <= rate <= RATES[1]:
        raise Refused(f"is sampled at {rate} Hz, which no sound is: fetch it again")
    if native_rate is not None and rate != native_rate:
        raise Refused(f"is sampled at {rate} Hz, expected {native_rate} Hz: fetch it again")


def _checked(blocks: Iterable[Waveform], name: str, *, silence: bool) -> Iterator[Waveform]:
    """Yield blocks of samples that `check_waveform` takes, silent ones within a sound, too."""
    last, silent = np.zeros(0, np.float32), True
    for block in blocks:
        if len(block):
            last = check_waveform(block, name, silence=True, loudest=LOUDEST)
            silent = silent and not last.any()
            yield last
    if silent:
        check_waveform(last, name, silence=silence)


def _read_block(sound: soundfile.SoundFile) -> Waveform:
    """Return the next samples as floats; those of 16 bits in half of libsndfile's own time."""
    whole = sound.subtype == "PCM_16"
    block: npt.NDArray[Any] = sound.read(_BLOCK, dtype="int16" if whole else "float32")
    return block * np.float32(2**-15) if whole else block


def _most(sound: soundfile.SoundFile, whole: Sound) -> int:
    """Return how many samples count: more than those there are, but for a codec."""
    if whole.size is None or (sound.format, sound.subtype) != ("WAV", "GSM610"):
        return sys.maxsize
    # libsndfile decodes the byte that pads an odd number of blocks as one more, loud block
    return whole.size // 65 * 320


def _read_to_the_end(sound: soundfile.SoundFile, whole: Sound) -> Iterator[Waveform]:
    """Yield all samples, block by block; the last one once it is known that none is missing."""
    most = _most(sound, whole)
    try:
        block = _read_block(sound)
        count = len(block)
        # soundfile reads codecs that cannot seek only by a number of samples
        while len(block) == _BLOCK:
            following = _read_block(sound)
            yield block[: max(most - count + len(block), 0)]
            block, count = following, count + len(following)
    except soundfile.LibsndfileError as error:
        raise Refused(
            f"is cut short or damaged: it cannot be read to its end ({error}). Fetch it again"
        ) from error
    promised = sound.frames if whole.frames is None else whole.frames
    width = _WIDTHS.get(sound.subtype)
    if whole.size is not None and width is not None:
        promised = max(promised, whole.size // width)
        # a byte may follow samples of 24 bits to make their number even
        padded = width == 3 and whole.size % 2 == 0 and whole.size % 3 == 1
        if whole.left_open and whole.size % width and not padded:
            raise Refused("is cut short: it ends within a sample. Fetch or make it again")
    if count < promised:
        raise Refused(
            f"is cut short: {promised} samples are promised, it holds {count}. "
            "Fetch or make it again"
        )
    yield block[: max(most - count + len(block), 0)]
