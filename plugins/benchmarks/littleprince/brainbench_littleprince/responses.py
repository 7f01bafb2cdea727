"""The responses of some listeners: volumes within the sound, means over 4 mm, one matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.continuous import build_in_time
from brainbench_audio.errors import DataError
from brainbench_audio.machine import refuse_larger
from brainbench_audio.own_data.images import image_volumes, open_image
from brainbench_audio.progress import progress_bar
from brainbench_audio.stimuli.audio import told_length
from brainbench_littleprince.published import LANGUAGES, SNAPSHOT, runs

TR = 2.0
# Scanned with 3.75 x 3.75 x 3.8 mm, published at 2 mm: eight voxels hold what one measured.
EDGE = 2
_SPACE = "MNI, Colin 27"
_AGAIN = f"Get the file of snapshot {SNAPSHOT} again (`brainbench data get`)"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Brain:
    """The responses of a listener.

    Attributes
    ----------
    values : float32 array (volume, voxel)
    index : int array (voxel, 3)
        Which block of voxels each is the mean of.
    places : float array (voxel, 3)
        Their middles, mm.
    """

    values: Floats
    index: npt.NDArray[np.intp]
    places: npt.NDArray[np.floating[Any]]


def read_responses(
    folder: Path,
    sounds: Mapping[str, Path],
    language: str,
    listeners: Sequence[str],
    most: int | None = None,
) -> xr.DataArray:
    """Read the responses of some listeners: volumes x voxels of all of them.

    Parameters
    ----------
    folder : Path
        Of the data set.
    sounds : mapping of str to Path
        Sound of each section, in their order.
    language : str
    listeners : sequence of str
    most : int, optional
        Bytes of memory that the responses may take; by default half of what is free.

    Returns
    -------
    xr.DataArray
        float32, ``stimulus`` x ``voxel`` as `build_in_time` labels them, with the coordinates
        ``subject``, ``voxel_id`` (``i-j-k``) and ``x``, ``y``, ``z`` (mm, MNI) on ``voxel``. The
        volumes whose middle lies within the sound; voxels are means over 2 x 2 x 2 published ones
        that vary in every section.

    Raises
    ------
    DataError
        Naming the file that is missing, damaged or not as published; or the memory that is lacking.
    """
    rows = {
        name: _rows(sound, expected)
        for (name, sound), expected in zip(sounds.items(), LANGUAGES[language].volumes, strict=True)
    }
    brains: list[Brain] = []

    def check(voxels: int) -> None:
        every = [*(len(brain.index) for brain in brains), voxels]
        _check_memory(sum(rows.values()), every, listeners, most)

    with progress_bar(len(listeners) * len(rows), "responses", "run") as bar:
        for listener in listeners:
            brains.append(
                _brain(folder, listener, language, list(rows.values()), check=check, bar=bar)
            )
    counts = [len(brain.index) for brain in brains]
    index = np.concatenate([brain.index for brain in brains])
    places = np.concatenate([brain.places for brain in brains])
    return build_in_time(
        np.concatenate([brain.values for brain in brains], axis=1),
        np.repeat(list(rows), list(rows.values())).tolist(),
        np.concatenate([_middles(count) for count in rows.values()]),
        "voxel",
        {
            "subject": np.repeat(listeners, counts),
            "voxel_id": np.array(["-".join(map(str, each)) for each in index.tolist()]),
            **{axis: places[:, column] for column, axis in enumerate("xyz")},
        },
        attributes={"space": _SPACE},
    )


def _middles(count: int) -> npt.NDArray[np.floating[Any]]:
    """Return when the middles of a run's volumes are, in seconds of its sound."""
    return TR * (np.arange(count) + 0.5)


def _rows(sound: Path, published: int) -> int:
    """Return the volumes of a section whose middle lies within the sound."""
    samples, rate = told_length(sound)
    seconds = samples / rate
    rows = int(seconds / TR + 0.5)
    if not 0 < rows <= published:
        raise DataError(
            f"{sound} lasts {seconds:.1f} s, more than its {published} volumes of {TR:g} s: it is "
            f"not the published sound. {_AGAIN}."
        )
    return rows


def _brain(
    folder: Path,
    listener: str,
    language: str,
    rows: Sequence[int],
    *,
    check: Callable[[int], None],
    bar: Any,
) -> Brain:
    """Read all sections of a listener, and choose the voxels that vary in each of them.

    ``check`` is told how many vary in the first, and may refuse to read on.
    """
    sections: list[Floats] = []
    varying: list[npt.NDArray[np.bool_]] = []
    grid: Any = None
    for path, published, count in zip(
        runs()[listener], LANGUAGES[language].volumes, rows, strict=True
    ):
        file = folder / path
        image = open_image(file, 4)
        if image.shape[3] != published:
            raise DataError(
                f"{file} has {image.shape[3]} volumes, expected {published}: it is not the "
                f"published file. {_AGAIN}."
            )
        if grid is None:
            grid = image
        elif image.shape[:3] != grid.shape[:3] or not np.allclose(image.affine, grid.affine):
            raise DataError(
                f"{file} is on another grid than the first section of {listener}: "
                f"{image.shape[:3]} and {grid.shape[:3]} voxels. {_AGAIN}."
            )
        values = _blocks(image, file)[:count]
        varying.append(np.ptp(values, axis=0) > 0)
        # most of the grid lies outside of the brain
        sections.append(values[:, varying[-1]])
        if len(sections) == 1:
            check(sections[0].shape[1])
        bar.update()
    inside = np.all(varying, axis=0)
    if not inside.any():
        raise DataError(f"No voxel of {listener} varies in all sections: {folder} is damaged.")
    shape = tuple(side // EDGE for side in grid.shape[:3])
    index = np.argwhere(inside.reshape(shape))
    middles = EDGE * index + (EDGE - 1) / 2
    places = middles @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    chosen = [values[:, inside[varies]] for values, varies in zip(sections, varying, strict=True)]
    return Brain(np.concatenate(chosen), index, places)


def _blocks(image: Any, file: Path) -> Floats:
    """Return the means over blocks of voxels (volume, block); an odd voxel at an edge is left."""
    sides = [side // EDGE for side in image.shape[:3]]
    i, j, k = (EDGE * side for side in sides)
    # volumes after the sound are read, too, so that damage is noticed
    found = np.empty((image.shape[3], *sides), np.float32)
    for start, volumes in image_volumes(image, file):
        split = volumes[:i, :j, :k].reshape(
            sides[0], EDGE, sides[1], EDGE, sides[2], EDGE, volumes.shape[3]
        )
        means = split.mean(axis=(1, 3, 5), dtype=np.float64)
        if not np.isfinite(means).all():
            raise DataError(f"{file} has NaN or infinite responses. {_AGAIN}.")
        found[start : start + volumes.shape[3]] = np.moveaxis(means, 3, 0)
    return found.reshape(len(found), -1)


def _check_memory(
    rows: int, voxels: Sequence[int], listeners: Sequence[str], most: int | None
) -> None:
    """Refuse what will not fit, as far as the voxels of the first listeners tell."""
    one = f"score one of them, `LittlePrince.{listeners[0].lower()}`, or "
    refuse_larger(
        f"The responses of {len(listeners)} listeners take about",
        # all are brought together in one matrix, and the parts are still there
        2 * 4 * rows * sum(voxels) * len(listeners) // len(voxels),
        one if len(listeners) > 1 else "",
        most,
    )
