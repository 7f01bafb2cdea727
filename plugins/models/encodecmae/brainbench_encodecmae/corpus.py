"""Sounds to pretrain on: any folder of audio, cut into crops of 4 s."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import nn

from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_json
from brainbench_audio.progress import progress_bar
from brainbench_audio.stimuli.audio import Waveform, resample, told_length
from brainbench_audio.stimuli.codecs import Refused
from brainbench_audio.stimuli.containers import whole_sound

from .configuration import SAMPLE_RATE, SHORTEST
from .encodec import HOP
from .network import WINDOW
from .objective import Batch

SECONDS = WINDOW / SAMPLE_RATE
"""Of a crop."""
LONGEST = 10_000.0
"""Seconds; longer files are left out."""

_SUFFIXES = frozenset(
    [".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".w64", ".wav"]
)
_SHOWN = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sound:
    """A file of audio.

    Attributes
    ----------
    path : Path
    name : str
        Path below the folder it was found in.
    samples, rate : int
        Of the file; Hz.
    """

    path: Path
    name: str
    samples: int
    rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.samples / self.rate

    @property
    def crops(self) -> int:
        """How often the file is heard in an epoch: once for each 4 s, at least once."""
        return max(1, int(self.seconds // SECONDS))


def find_sounds(folders: Iterable[Path]) -> list[Sound]:
    """Return the audio files below some folders, in the order of their names.

    Files of more than 10,000 s are left out, and so are those of fewer than 2049 samples at 24 kHz;
    both are logged.

    Raises
    ------
    DataError
        A folder is missing or has no audio, or files cannot be read; the message names them.
    """
    found: list[Sound] = []
    broken: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"Folder {folder} of audio does not exist.")
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
        if not paths:
            raise DataError(
                f"Folder {folder} has no audio: looked for {', '.join(sorted(_SUFFIXES))}."
            )
        with progress_bar(len(paths), f"files of {folder.name}", "file") as bar:
            for path in paths:
                try:
                    name = path.relative_to(folder).as_posix()
                    found.append(Sound(path, name, *told_length(path)))
                except DataError as error:
                    broken.append(str(error).removesuffix("."))
                bar.update()
    if broken:
        rest = f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        raise DataError(
            f"{len(broken)} files cannot be read as audio: {', '.join(broken[:_SHOWN])}{rest}. "
            f"Fetch them again or take them out of the folder."
        )
    return _of_a_fair_length(found)


def split(sounds: Sequence[Sound], held_out: int, seed: int) -> tuple[list[Sound], list[Sound]]:
    """Return the sounds that are learned from, and ``held_out`` randomly chosen others."""
    order = np.random.default_rng(seed).permutation(len(sounds))
    kept = set(order[held_out:].tolist())
    return (
        [sound for index, sound in enumerate(sounds) if index in kept],
        [sound for index, sound in enumerate(sounds) if index not in kept],
    )


def identity(sounds: Iterable[Sound]) -> str:
    """Return a hash of names and lengths, by which a resumed run knows its sounds."""
    return hash_json([(sound.name, sound.samples, sound.rate) for sound in sounds])


class Crops:
    """Random crops of 4 s, epoch after epoch; number n is always the same one.

    In an epoch each file is heard once for each of its 4 s, at least once, in an order of the
    epoch's own. A file shorter than that is heard whole.

    Parameters
    ----------
    sounds : sequence of Sound
    seed : int
        Of order and places.
    join : bool
        Whether a file shorter than 4 s is followed by others, drawn at random, until 4 s are full.
    """

    def __init__(self, sounds: Sequence[Sound], seed: int, *, join: bool = False) -> None:
        self.sounds, self.seed, self.join = sounds, seed, join
        self._turns = np.repeat(np.arange(len(sounds)), [sound.crops for sound in sounds])
        self._order = (-1, self._turns)  # of one epoch, replaced as a whole: threads read it

    def __len__(self) -> int:
        """Return the crops of an epoch."""
        return len(self._turns)

    def __getitem__(self, number: int) -> Waveform:
        """Return a crop, float32 (sample,) at 24 kHz, of at most 96000 samples.

        Raises
        ------
        DataError
            The file is cut short or holds NaN or infinite samples.
        """
        epoch, place = divmod(number, len(self))
        known, order = self._order
        if known != epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(self._turns)
            self._order = (epoch, order)
        # a stream for each crop, so that resuming needs nothing but its number
        random = np.random.default_rng([self.seed, epoch, place])
        crop = read_crop(self.sounds[order[place]], random)
        if not self.join:
            return crop
        pieces, samples = [crop], len(crop)
        while samples < WINDOW:
            pieces.append(read_crop(self.sounds[int(random.integers(len(self.sounds)))], random))
            samples += len(pieces[-1])
        return np.concatenate(pieces)[:WINDOW]


def read_crop(sound: Sound, random: np.random.Generator) -> Waveform:
    """Return 4 s from a random place of a file, or all of a shorter one; channels are averaged."""
    wanted = min(sound.samples, math.ceil(SECONDS * sound.rate))
    start = int(random.integers(sound.samples - wanted + 1))
    try:
        # of a file that leaves its length open, libsndfile would find the beginning only
        with soundfile.SoundFile(whole_sound(sound.path, unchecked=True).source) as file:
            file.seek(start)
            samples = file.read(wanted, dtype="float32", always_2d=True)
    except (OSError, RuntimeError, ValueError, Refused) as error:
        raise DataError(f"{sound.path} cannot be read as audio: {error}.") from error
    if len(samples) < wanted or not np.isfinite(samples).all():
        raise DataError(
            f"{sound.path} is cut short or holds NaN or infinite samples: fetch it again or take "
            f"it out of the folder."
        )
    crop = resample(samples.mean(1), sound.rate, SAMPLE_RATE)[:WINDOW]
    lacking = WINDOW - len(crop)
    # resampling may round 4 s down to one sample less
    return np.pad(crop, (0, lacking)) if 0 < lacking < HOP and sound.seconds >= SECONDS else crop


def make_batch(crops: Sequence[Waveform], front_end: nn.Module) -> Batch:
    """Return crops as a batch; see `Batch`.

    A clip of n samples counts ``min(n // 320, frames of the front end)`` frames. The published
    training counts ``n // 320``, one too many for most clips shorter than 4 s, and fails where no
    clip of a batch is longer.
    """
    waveforms = [torch.from_numpy(crop) for crop in crops]
    with torch.no_grad():
        frames = [front_end(waveform.unsqueeze(0))[0] for waveform in waveforms]
    lengths = [
        min(len(waveform) // HOP, len(own)) for waveform, own in zip(waveforms, frames, strict=True)
    ]
    padded = nn.utils.rnn.pad_sequence
    return Batch(
        padded(waveforms, batch_first=True), padded(frames, batch_first=True), torch.tensor(lengths)
    )


def _of_a_fair_length(found: Sequence[Sound]) -> list[Sound]:
    shortest = SHORTEST / SAMPLE_RATE
    kept = [sound for sound in found if shortest <= sound.seconds <= LONGEST]
    if left_out := len(found) - len(kept):
        _log.warning(
            "%d of %d files are left out: they last less than %.3f s or more than %g s.",
            left_out,
            len(found),
            shortest,
            LONGEST,
        )
    if not kept:
        raise DataError("No file is left to learn from: all are too short or too long.")
    return kept
