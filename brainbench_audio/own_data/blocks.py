"""One file of responses: which stimulus and session each row is of, and what each voxel is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.assemblies.assembly import real_numbers
from brainbench_audio.errors import DataError
from brainbench_audio.names import one_form
from brainbench_audio.own_data.arrays import read_array_file
from brainbench_audio.own_data.images import read_image
from brainbench_audio.own_data.layout import IMAGES, TABLES, DataFile, beside, natural_order
from brainbench_audio.tables import Table, read_table

Array = npt.NDArray[Any]
# of BIDS the last two
_STIMULUS = ("stimulus", "stim_file", "trial_type")
# tables that may say what the rows of responses are, the first before the second
OF_ROWS = ("events", "stimuli")
_PLACES = ("x", "y", "z")
_ABOUT_ROWS = ("stimulus", "session", "category")
# numbers in them would pass for responses
_NO_VOXELS = (
    *("subject", "run", "trial", "repetition", "onset", "duration"),
    *("voxel", "region", "response", "index", "id"),
)
_SOUNDS = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".aifc"),
    *(".au", ".snd", ".caf", ".w64", ".sph"),
)


@dataclass(frozen=True)
class Block:
    """What a file of responses holds.

    Attributes
    ----------
    path : Path
    names : tuple of str
        Stimulus of each row.
    sessions : tuple of str
        Session of each row, empty where neither the file nor the table beside it says.
    values : float array (row, voxel, session)
        The last axis has one entry unless the file has sessions as an axis.
    voxels : mapping of str to array (voxel,)
        Coordinates.
    """

    path: Path
    names: tuple[str, ...]
    sessions: tuple[str, ...]
    values: Array
    voxels: Mapping[str, Array]


def read_block(file: DataFile) -> Block:
    """Read one file of responses with the tables beside it.

    Raises
    ------
    DataError
        Naming the file and the row, or the file that is missing.
    """
    sessions: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None
    if file.extension in TABLES:
        table = read_table(file.path)
        names, sessions, voxels, values = _of_table(table)
        voxels |= _voxels(file, [*map(str, voxels["voxel_id"])], by_name=True)
    elif file.extension in IMAGES:
        values, voxels = read_image(file)
    else:
        values, given = read_array_file(file.path, file.extension)
        names = None if given is None else tuple(map(stimulus_name, given))
        voxels = _voxels(file, [str(place) for place in range(values.shape[1])], by_name=False)
    names = names or _names_beside(file)
    if len(names) != len(values):
        hint = " It seems to be voxel x stimulus: transpose it." * (values.shape[1] == len(names))
        raise DataError(
            f"{file.path} is {values.shape}, but {len(names)} stimuli are named: it needs a row "
            f"for each of them, stimulus x voxel [x session].{hint}"
        )
    numbers = real_numbers(values, str(file.path))
    if np.isinf(numbers).any():
        row = int(np.argwhere(np.isinf(numbers))[0][0])
        raise DataError(
            f"{file.path}, row {row + 1} ({names[row]}) has infinite responses: mark what is "
            f"missing as NaN."
        )
    if not numbers.any():  # as HDF5 reads what lies in a file that is not there
        raise DataError(f"{file.path} has no response but 0: look whether it was written whole.")
    sessions = sessions or _sessions_beside(file, names)
    cube = numbers if numbers.ndim == 3 else numbers[:, :, None]
    _check_sessions(file, sessions, cube.shape[2])
    return Block(file.path, names, sessions or ("",) * len(names), cube, voxels)


def stimulus_name(text: str) -> str:
    """Return a stimulus name without the extension of a sound file.

    Examples
    --------
    >>> stimulus_name("rain.wav"), stimulus_name("take.2")
    ('rain', 'take.2')
    """
    name = one_form(text.strip())
    stem, dot, extension = name.rpartition(".")
    return stem if stem and f"{dot}{extension}".lower() in _SOUNDS else name


def stimulus_column(table: Table) -> tuple[str, ...]:
    """Return the stimulus names of a table, from ``stimulus``, ``stim_file`` or ``trial_type``."""
    column = next((name for name in _STIMULUS if name in table.columns), _STIMULUS[0])
    return tuple(map(stimulus_name, table.text(column)))


def _of_table(
    table: Table,
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, Array], Array]:
    """Return stimuli, sessions, coordinates and values of a table with a column a voxel."""
    names = tuple(map(stimulus_name, table.text("stimulus")))
    sessions = table.text("session") if "session" in table.columns else ()
    if "fold" in table.columns:
        raise DataError(
            f"{table.name} has a column 'fold', which is not read there: put it into stimuli.csv, "
            f"with the column `stimulus`."
        )
    columns = [name for name in table.columns if name not in _ABOUT_ROWS]
    if others := [name for name in columns if name.lower() in _NO_VOXELS]:
        raise DataError(
            f"{table.name} has a column {others[0]!r}, which is no voxel: a row is a stimulus, "
            f"each other column a voxel. Leave it out; another subject has a file of its own, "
            f"sub-NAME_responses.csv, another run or session a column `session`."
        )
    if not columns:
        raise DataError(
            f"{table.name} has the columns {', '.join(table.columns)}: add a column of responses "
            f"for each voxel."
        )
    return names, sessions, {"voxel_id": np.array(columns)}, table.numbers(columns)


def _names_beside(file: DataFile) -> tuple[str, ...]:
    path = next((path for name in OF_ROWS if (path := beside(file, name))), None)
    if path is None:
        raise DataError(
            f"Nothing says which stimuli the rows of {file.path} are of: write stimuli.csv with "
            f"the column `stimulus`, a row for each, in the order of the responses."
        )
    return stimulus_column(read_table(path))


def _sessions_beside(file: DataFile, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the session of each row from a table beside the responses; empty if none says."""
    sessions: tuple[str, ...] = ()
    for path in (beside(file, name) for name in OF_ROWS):
        if path is None or "session" not in (table := read_table(path)).columns:
            continue
        if stimulus_column(table) != names:
            raise DataError(
                f"{path} has a column 'session', but other rows than {file.path.name}: give it a "
                f"row for each of them, in their order, or remove the column."
            )
        if sessions not in ((), table.text("session")):
            raise DataError(
                f"{path} gives rows of {file.path.name} other sessions than another table beside "
                f"it: keep the column in one of them."
            )
        sessions = table.text("session")
    return sessions


def _check_sessions(file: DataFile, sessions: tuple[str, ...], axis: int) -> None:
    """Refuse sessions of rows that contradict the third axis or the name of the file."""
    if sessions and axis > 1:
        raise DataError(
            f"{file.path} has {axis} sessions as its third axis, and a table beside it has a "
            f"column 'session': remove the column, or write a row for each measurement."
        )
    if (label := file.entities.get("ses")) is None:
        return
    for row, session in enumerate(sessions):
        if natural_order(session.removeprefix("ses-")) != natural_order(label):
            raise DataError(
                f"{file.path}, row {row + 1}: session is {session!r}, but the name of the file "
                f"says ses-{label}: correct one of them, or remove the column `session`."
            )


def _voxels(file: DataFile, columns: list[str], *, by_name: bool) -> dict[str, Array]:
    """Return coordinates of the voxels of a file from the table beside it.

    Its rows are in the order of the voxels; or, ``by_name``, found by the column ``voxel``, which
    has the names of the columns of responses.
    """
    path = beside(file, "voxels")
    if path is None:
        return {"voxel_id": np.array(columns)}
    table = read_table(path)
    rows, subject = list(table.rows), file.subject
    if subject is not None and "subject" in table.columns:
        rows = [
            row for row in rows if natural_order(row["subject"].removeprefix("sub-")) == subject
        ]
    if by_name:
        rows = _in_order(table, rows, columns)
    elif len(rows) != len(columns):
        raise DataError(
            f"{path} has {len(rows)} rows for {file.path.name}, which has {len(columns)} voxels: "
            f"it needs a row for each, in their order."
        )
    found = {
        name: np.array([row[name] for row in rows])
        for name in table.columns
        if name not in ("voxel", *_PLACES)
    }
    if taken := found.keys() & {"stimulus", "session"}:
        raise DataError(
            f"{path} has a column {min(taken)!r}, which is not about voxels: remove it."
        )
    if "subject" in found and "" in found["subject"]:
        row = found["subject"].tolist().index("")
        raise DataError(f"{path}, row {row + 1}: subject is empty: say whose voxel it is.")
    places = [name for name in _PLACES if name in table.columns]
    if places:
        numbers = Table(table.name, table.columns, tuple(rows), table.separator).numbers(places)
        found |= {name: numbers[:, column] for column, name in enumerate(places)}
    named = [row.get("voxel", column) for row, column in zip(rows, columns, strict=True)]
    return {"voxel_id": np.array(named), **found}


def _in_order(table: Table, rows: list[dict[str, str]], columns: list[str]) -> list[dict[str, str]]:
    if "voxel" not in table.columns:
        raise DataError(
            f"{table.name} needs a column `voxel` with the names of the columns of responses, such "
            f"as {columns[0]!r}; it has {', '.join(table.columns)}."
        )
    by_voxel: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["voxel"] in by_voxel:
            raise DataError(f"{table.name} has two rows for voxel {row['voxel']!r}: keep one.")
        by_voxel[row["voxel"]] = row
    missing = [name for name in columns if name not in by_voxel]
    if missing:
        raise DataError(
            f"{table.name} has no row for voxel {missing[0]!r}, which has responses: add it."
        )
    return [by_voxel[name] for name in columns]
