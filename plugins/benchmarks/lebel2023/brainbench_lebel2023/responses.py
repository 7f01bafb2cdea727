"""The responses of some listeners: read by rows, checked against the sounds, one matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.continuous import build_in_time
from brainbench_audio.errors import DataError
from brainbench_audio.hdf5_rows import Hdf5Reader, hdf5_reader
from brainbench_audio.machine import refuse_larger
from brainbench_audio.stimuli.audio import told_length
from brainbench_lebel2023.published import (
    SHARED,
    SNAPSHOT,
    TEST,
    below,
    heard,
    response_path,
    sound_path,
)

# The scanner starts 10 s before the sound, and the files lack its first ten volumes: the first row
# is the volume from 10 to 12 s of the sound. Its last 10 to 12 s are cut off as well.
TR = 2.0
FIRST = 11.0  # s from the start of the sound to the middle of the first row
CUT = 10  # rows less than the sound has seconds / TR
_SLACK = 0.2  # rows; one published sound is that much shorter than its responses
MEAN, REPEATS = "data", "individual_repeats"
_AGAIN = f"Get the file of snapshot {SNAPSHOT} again (`brainbench data get`)"


@dataclass(frozen=True)
class Presentations:
    """What a file of responses holds.

    Attributes
    ----------
    array : str
        Name in the file.
    number : int
        How often the story was heard.
    rows, voxels : int
    """

    array: str
    number: int
    rows: int
    voxels: int


Files = Mapping[str, Mapping[str, Presentations]]


def read_responses(
    folder: Path, listeners: Sequence[str], stories: Sequence[str], most: int | None = None
) -> xr.DataArray:
    """Read the responses of some listeners to some stories: volumes x voxels of all of them.

    Parameters
    ----------
    folder : Path
        Of the data set.
    listeners, stories : sequence of str
        Stories that none of the listeners heard have no rows.
    most : int, optional
        Bytes of memory that the responses may take; by default half of what is free.

    Returns
    -------
    xr.DataArray
        float32, ``stimulus`` x ``voxel`` as `build_in_time` labels them, with the coordinates
        ``subject`` and ``voxel_id`` (column in the listener's files) on ``voxel``. Presentations
        that a listener did not have are NaN; so are voxels that the files have NaN for.

    Raises
    ------
    DataError
        Naming the file that is missing, damaged or not as published; or the memory that is lacking.
    """
    stories = [story for story in stories if any(heard(each, [story]) for each in listeners)]
    with hdf5_reader() as reader:
        files = {
            listener: {
                story: _described(reader, _file(folder, listener, story), story)
                for story in heard(listener, stories)
            }
            for listener in listeners
        }
        rows = {story: _rows(folder, story, files) for story in stories}
        repeats = {
            story: max(each[story].number for each in files.values() if story in each)
            for story in stories
        }
        voxels = {listener: _voxels(folder, listener, files[listener]) for listener in listeners}
        shape = sum(rows[story] * repeats[story] for story in stories), sum(voxels.values())
        _check_memory(shape, listeners, stories, most)
        values = np.empty(shape, np.float32)
        column = 0
        for listener in listeners:
            part = values[:, column : column + voxels[listener]]
            row = 0
            for story in stories:
                place = part[row : row + rows[story] * repeats[story]]
                file = _file(folder, listener, story)
                _fill(reader, file, files[listener].get(story), place)
                row += len(place)
            column += voxels[listener]
    return _labelled(values, stories, rows, repeats, voxels)


def _file(folder: Path, listener: str, story: str) -> Path:
    return below(folder, response_path(listener, story))


def _labelled(
    values: npt.NDArray[np.float32],
    stories: Sequence[str],
    rows: Mapping[str, int],
    repeats: Mapping[str, int],
    voxels: Mapping[str, int],
) -> xr.DataArray:
    parts = [(story, number) for story in stories for number in range(repeats[story])]
    each = [rows[story] for story, _ in parts]
    return build_in_time(
        values,
        np.repeat([story for story, _ in parts], each).tolist(),
        np.concatenate([FIRST + TR * np.arange(rows[story]) for story, _ in parts]),
        "voxel",
        {
            "subject": np.repeat(list(voxels), list(voxels.values())),
            "voxel_id": np.concatenate([np.arange(count) for count in voxels.values()]),
        },
        repeat=np.repeat([number for _, number in parts], each),
    )


def _described(reader: Hdf5Reader, file: Path, story: str) -> Presentations:
    """Open a file; return which array counts, and its shape."""
    arrays = reader.open(file)
    array, dimensions = (REPEATS, 3) if story == TEST else (MEAN, 2)
    if array not in arrays:
        known = ", ".join(arrays) or "no array of numbers"
        what = ", the presentations of the test story" if story == TEST else ""
        raise DataError(f"{file} holds {known}, expected {array}{what}. {_AGAIN}.")
    shape, kind = arrays[array]
    if len(shape) != dimensions or kind.kind != "f" or 0 in shape:
        expected = "(presentations, volumes, voxels)" if story == TEST else "(volumes, voxels)"
        raise DataError(
            f"{file}: {array} is {kind} {shape}, expected floating-point numbers {expected}. "
            f"{_AGAIN}."
        )
    number = shape[0] if story == TEST else 1
    return Presentations(array, number, *shape[-2:])


def _rows(folder: Path, story: str, files: Files) -> int:
    """Return the rows of a story, which all listeners share and its sound explains."""
    sound = folder / sound_path(story)
    samples, rate = told_length(sound)
    seconds = samples / rate
    fewest, most = (int(seconds / TR - CUT + slack) for slack in (0, _SLACK))
    expected = " or ".join(map(str, sorted({fewest, most})))
    counts = {name: each[story].rows for name, each in files.items() if story in each}
    for listener, count in counts.items():
        if not fewest <= count <= most or count != next(iter(counts.values())):
            raise DataError(
                f"{_file(folder, listener, story)} has {count} volumes, expected "
                f"{expected}: {sound} lasts {seconds:.1f} s, one volume takes {TR:g} s, and "
                f"{CUT * TR:g} s are cut off. One of both is not the published file. {_AGAIN}."
            )
    return next(iter(counts.values()))


def _voxels(folder: Path, listener: str, files: Mapping[str, Presentations]) -> int:
    counts = {story: each.voxels for story, each in files.items()}
    first, count = next(iter(counts.items()))
    for story, other in counts.items():
        if other != count:
            raise DataError(
                f"{_file(folder, listener, story)} has {other} voxels, expected {count} "
                f"as {first}.hf5 has: it is another listener's. {_AGAIN}."
            )
    return count


def _check_memory(
    shape: tuple[int, int], listeners: Sequence[str], stories: Sequence[str], most: int | None
) -> None:
    smaller = len(listeners) > 1 or len(stories) > len(SHARED)
    refuse_larger(
        f"The responses of {len(listeners)} listeners ({shape[0]} volumes x {shape[1]} voxels) "
        f"take",
        4 * shape[0] * shape[1],
        f"score `LeBel2023.{listeners[0].lower()}`, or " if smaller else "",
        most,
    )


def _fill(
    reader: Hdf5Reader,
    file: Path,
    about: Presentations | None,
    place: npt.NDArray[np.float32],
) -> None:
    """Read a listener's responses to a story into their place; NaN where there are none."""
    if about is None:
        place[:] = np.nan
        return
    reader.open(file)
    row = 0
    for _, block in reader.blocks(about.array):
        rows = block.reshape(-1, about.voxels)
        _check(rows, file, row)
        place[row : row + len(rows)] = rows
        row += len(rows)
    place[row:] = np.nan


def _check(rows: npt.NDArray[Any], file: Path, first: int) -> None:
    """Refuse what no scanner measures; NaN of some voxels are the published ones."""
    finite = np.isfinite(rows)
    empty = np.flatnonzero(~finite.any(axis=1))
    if empty.size:
        raise DataError(
            f"{file} has no response of any voxel in volume {first + empty[0]} (NaN or infinite). "
            f"{_AGAIN}."
        )
    if not finite.all() and np.isinf(rows).any():
        row, voxel = np.argwhere(np.isinf(rows))[0]
        raise DataError(
            f"{file} has an infinite response, of voxel {voxel} in volume {first + row}. {_AGAIN}."
        )
