"""NH2015 and B2021: reads voxel responses as they were published, checks what decides a score.

That is the number of stimuli and their order, and which voxel is whose and in which region. Where a
voxel lies decides nothing: what is odd there is told once, and reading goes on.

The files lie in ``neural/<data set>/`` of the archive that came with "Many but not all deep neural
network audio models capture brain responses" (2023). What is read here becomes one netCDF file
(`installed.py`), which is all that the rest ever reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import DataError
from brainbench_audio.matlab import load_mat
from brainbench_natsound165.files import registry
from brainbench_natsound165.positions import PLACES, read_positions, text_of
from brainbench_natsound165.safe_pickle import Column, read_table

RESPONSES = "voxel_features_array.npy"
VOXELS = "voxel_features_meta.npy"
TABLE = "df_roi_meta.pkl"
REGIONS = ("Primary", "Lateral", "Anterior", "Posterior")
SESSIONS = 3


@dataclass(frozen=True)
class Published:
    """What the files of a data set must hold.

    Attributes
    ----------
    sounds : str
        File that names the stimuli.
    stimuli, voxels : int
        Rows and columns of the array of responses.
    kept : int
        Voxels of the data set: those measured in all three sessions.
    subjects : int
    each : tuple of int
        Fewest and most voxels of a subject.
    """

    sounds: str
    stimuli: int
    voxels: int
    kept: int
    subjects: int
    each: tuple[int, int]

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all files of the data set."""
        return (RESPONSES, VOXELS, TABLE, self.sounds)


NH2015 = Published("neural_stim_meta.npy", 165, 11065, 7694, 8, (637, 1221))
B2021 = Published("stim_info_v4.mat", 192, 26792, 26792, 20, (1020, 1828))


def read_nh2015(folder: Path, published: Published = NH2015) -> xr.DataArray:
    """Read the responses of Norman-Haignere et al. (2015): stimulus x voxel x session.

    Kept are the voxels with ``n_reps == 3``. The ROI table has one row for each of them.

    Parameters
    ----------
    folder : Path
        ``neural/NH2015``.
    published : Published
        Counts that the files must have.

    Returns
    -------
    xr.DataArray
        Percent signal change as published (NaN included), with the coordinates ``subject``,
        ``region``, ``hemisphere``, ``x``, ``y``, ``voxel_id`` on ``voxel``. Places are NaN and
        hemispheres empty where they are not given.

    Raises
    ------
    DataError
        Naming the file and the field that is not as published, if it decides a score.
    """
    file = folder / VOXELS
    responses = _responses(folder / RESPONSES, published)
    voxels = _records(file, published.voxels)
    kept = np.flatnonzero(_field(voxels, "n_reps", file) == SESSIONS)
    if len(kept) != published.kept:
        raise DataError(
            f"{file}: n_reps is {SESSIONS} for {len(kept)} voxels, expected {published.kept}."
        )
    sounds = folder / published.sounds
    records = _records(sounds, published.stimuli)
    stimuli = [text_of(value) for value in _field(records, "filename", sounds)]
    _check_order(stimuli, sounds, "filename")
    table = _table(folder / TABLE, published.kept)
    for name in ("voxel_id", "subj_idx"):
        _check_same(_field(voxels, name, file)[kept], table[name], folder, name)
    given = set(PLACES.values()) & set(voxels.dtype.names or ())
    others = {name: _field(voxels, name, file)[kept] for name in given}
    return _label(responses[:, kept], table, folder / TABLE, published, others)


def read_b2021(folder: Path, published: Published = B2021) -> xr.DataArray:
    """Read the responses of Boebinger et al. (2021) to the 165 shared sounds.

    The sounds after the first 165, more music, are left out. For the rest see `read_nh2015`.

    Raises
    ------
    DataError
        Naming the file and the field that is not as published.
    """
    responses = _responses(folder / RESPONSES, published)
    sounds = folder / published.sounds
    stimuli = _struct_names(sounds)
    if len(stimuli) != published.stimuli:
        raise DataError(
            f"{sounds}: stim_names has {len(stimuli)} names, expected {published.stimuli}."
        )
    _check_order(stimuli, sounds, "stim_names")
    table = _table(folder / TABLE, published.kept)
    file = folder / VOXELS
    voxels = _load(file)
    ids = _field(voxels.ravel(), "voxel_id", file) if voxels.dtype.names else voxels.ravel()
    _check_same(ids, table["voxel_id"], folder, "voxel_id")
    return _label(responses[: len(registry())], table, folder / TABLE, published)


READERS = {"NH2015": (read_nh2015, NH2015), "B2021": (read_b2021, B2021)}


def _label(
    responses: npt.NDArray[Any],
    table: Mapping[str, Column],
    file: Path,
    published: Published,
    others: Mapping[str, Column] | None = None,
) -> xr.DataArray:
    """Label responses by the ROI table; ``others`` are places that another file gives as well."""
    values = np.ascontiguousarray(responses, responses.dtype.newbyteorder("="))
    if np.isinf(values).any():
        raise DataError(f"{file.with_name(RESPONSES)} has infinite responses.")
    coordinates = {
        "subject": _subjects(table["subj_idx"], file, published),
        "region": _regions(table["roi_label_general"], file),
        **read_positions(table, file, others or {}),
        "voxel_id": table["voxel_id"],
    }
    return build(values, [name for name, _, _ in registry()], "voxel", coordinates)


def _subjects(numbers: Column, file: Path, published: Published) -> npt.NDArray[np.str_]:
    found, rank, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    if len(found) != published.subjects:
        raise DataError(
            f"{file}: subj_idx names {len(found)} subjects, expected {published.subjects}."
        )
    fewest, most = published.each
    if counts.min() < fewest or counts.max() > most:
        raise DataError(
            f"{file}: subj_idx gives subjects {counts.min()} to {counts.max()} voxels, expected "
            f"{fewest} to {most}."
        )
    return np.array([f"subject-{number}" for number in range(len(found))])[rank]


def _regions(labels: Column, file: Path) -> npt.NDArray[np.str_]:
    regions = [text_of(label) for label in labels.tolist()]
    if unknown := sorted(set(regions) - {"", *REGIONS}):
        raise DataError(
            f"{file}: roi_label_general has {unknown[0]!r}, expected one of {list(REGIONS)}."
        )
    return np.array(regions)


def _load(file: Path) -> npt.NDArray[Any]:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"{file} is missing. Complete the folder or archive.") from error
    except Exception as error:  # numpy raises many kinds on a damaged file
        raise DataError(f"{file} is no plain NumPy array: {error}.") from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{file} is no single NumPy array.")
    return array


def _responses(file: Path, published: Published) -> npt.NDArray[Any]:
    array = _load(file)
    shape = (published.stimuli, published.voxels, SESSIONS)
    if array.shape != shape or array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
        raise DataError(
            f"{file} is {array.dtype} {array.shape}, expected float32 or float64 {shape} "
            f"(stimuli, voxels, sessions)."
        )
    return array


def _records(file: Path, rows: int) -> npt.NDArray[Any]:
    array = _load(file)
    if array.dtype.names is None or array.size != rows:
        raise DataError(
            f"{file} is {array.dtype} {array.shape}, expected {rows} rows with named fields."
        )
    return array.ravel()


def _field(records: npt.NDArray[Any], name: str, file: Path) -> npt.NDArray[Any]:
    names = records.dtype.names or ()
    if name not in names:
        raise DataError(f"{file} has no field {name}; its fields are {', '.join(names)}.")
    return np.asarray(records[name]).reshape(len(records))


def _table(file: Path, rows: int) -> dict[str, Column]:
    table = read_table(file)
    needed = ("voxel_id", "subj_idx", "roi_label_general")
    missing = [name for name in needed if name not in table]
    if missing:
        raise DataError(f"{file} has no column {missing[0]}; its columns are {', '.join(table)}.")
    if len(table["voxel_id"]) != rows:
        raise DataError(f"{file} has {len(table['voxel_id'])} rows, expected {rows} voxels.")
    for name in ("voxel_id", "subj_idx"):
        column = table[name]
        if column.dtype.kind == "f" and (column == np.round(column)).all():
            table[name] = column.astype(np.int64)
        elif column.dtype.kind not in "iu":
            raise DataError(f"{file}: {name} is {column.dtype}, expected whole numbers.")
    return table


def _struct_names(file: Path) -> list[str]:
    """Read the stimulus names of the MATLAB struct ``stim_info``."""
    content = load_mat(file)
    struct = np.asarray(content.get("stim_info", ()))
    if struct.dtype.names is None or struct.size != 1:
        raise DataError(f"{file} has no struct stim_info.")
    if "stim_names" not in struct.dtype.names:
        fields = ", ".join(struct.dtype.names)
        raise DataError(f"{file}: stim_info has no field stim_names; its fields are {fields}.")
    cells = [np.asarray(cell) for cell in np.asarray(struct["stim_names"].item()).ravel()]
    if any(cell.size != 1 or cell.dtype.kind != "U" for cell in cells):
        raise DataError(f"{file}: stim_info.stim_names is no cell array of strings.")
    return [str(cell.item()) for cell in cells]


def _check_order(found: Sequence[str], file: Path, field: str) -> None:
    """Compare stimulus names with those of the 165 sounds, in the order of the responses."""
    expected = [name for name, _, _ in registry()]
    names = [name.removesuffix(".wav") for name in found[: len(expected)]]
    if names == expected:
        return
    pairs = enumerate(zip_longest(names, expected))
    row, (got, wanted) = next((row, pair) for row, pair in pairs if pair[0] != pair[1])
    known = "the same sounds in another order" if set(names) == set(expected) else "other sounds"
    raise DataError(f"{file}: {field} has {known}: row {row} is {got!r}, expected {wanted!r}.")


def _check_same(found: Column, expected: Column, folder: Path, name: str) -> None:
    if found.shape != expected.shape:
        raise DataError(
            f"{folder / VOXELS}: {name} has {found.size} values for the voxels of the data set, "
            f"{TABLE} has {expected.size}."
        )
    differing = np.flatnonzero(found != expected)
    if differing.size:
        row = differing[0]
        raise DataError(
            f"{folder / VOXELS} and {TABLE} list other voxels: {name} of voxel {row} is "
            f"{found[row]} and {expected[row]}."
        )
