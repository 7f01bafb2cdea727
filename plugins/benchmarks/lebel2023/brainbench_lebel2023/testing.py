"""Writes miniatures in the published layout, for tests; nothing else imports it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import netCDF4
import numpy as np
import numpy.typing as npt

from brainbench_audio.stimuli.audio import write_waveform
from brainbench_lebel2023.published import (
    TEST,
    heard,
    response_path,
    sound_path,
    textgrid_path,
)
from brainbench_lebel2023.responses import CUT, MEAN, REPEATS, TR

RATE = 8000


def write_sound(folder: Path, story: str, seconds: float, rate: int = RATE) -> None:
    """Write a story: noise that becomes louder and softer."""
    random = np.random.default_rng(len(story))
    time = np.arange(round(seconds * rate)) / rate
    sound = 0.1 * random.standard_normal(len(time)) * (1.5 + np.sin(time / 3))
    path = folder / sound_path(story)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_waveform(path, np.clip(sound, -1, 1), rate)


def write_textgrid(folder: Path, story: str, seconds: float) -> None:
    """Write when words and phones are spoken: words of a second, of two phones each, and pauses."""
    random = np.random.default_rng(len(story))
    labels = random.choice(["yes", "NO", "{SL}", "sp"], int(seconds), p=[0.5, 0.3, 0.1, 0.1])
    words = [(start, start + 1.0, label) for start, label in enumerate(labels)]
    phones = [
        (start + shift, start + shift + 0.5, "sp" if label in ("{SL}", "sp") else "AH0")
        for start, _, label in words
        for shift in (0.0, 0.5)
    ]
    lines = ['File type = "ooTextFile short"', '"TextGrid"', "", "0", f"{seconds}", "<exists>", "2"]
    for name, intervals in (("phone", phones), ("word", words)):
        lines += ['"IntervalTier"', f'"{name}"', "0", f"{seconds}", f"{len(intervals)}"]
        for start, end, label in intervals:
            lines += [f"{start}", f"{end}", f'"{label}"']
    path = folder / textgrid_path(story)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_responses(file: Path, arrays: dict[str, npt.NDArray[np.float64]]) -> None:
    """Write arrays as the published files have them: in one piece, at the top."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(file, "w") as data:
        for name, values in arrays.items():
            dims = tuple(f"{name}{axis}" for axis in range(values.ndim))
            for dim, length in zip(dims, values.shape, strict=True):
                data.createDimension(dim, length)
            data.createVariable(name, "f8", dims, contiguous=True)[:] = values


def write_listener(
    folder: Path, listener: str, stories: Sequence[str], seconds: float, voxels: int
) -> None:
    """Write the responses of a listener: standardised noise, two presentations alike."""
    random = np.random.default_rng(int(listener[-2:]))
    rows = int(seconds / TR) - CUT
    for story in heard(listener, stories):
        values = random.standard_normal((rows, voxels))
        arrays = {MEAN: values}
        if story == TEST:
            number = 10 if listener <= "UTS03" else 5
            arrays[REPEATS] = values + random.standard_normal((number, rows, voxels))
        write_responses(folder / response_path(listener, story), arrays)


def write_folder(
    folder: Path,
    listeners: Sequence[str],
    stories: Sequence[str],
    seconds: float = 41.0,
    voxels: int = 6,
) -> Path:
    """Write the sounds and words of some stories, and the responses of some listeners."""
    for story in stories:
        write_sound(folder, story, seconds)
        write_textgrid(folder, story, seconds)
    for listener in listeners:
        write_listener(folder, listener, stories, seconds, voxels)
    return folder
