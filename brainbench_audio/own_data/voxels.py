"""All files of responses in a folder as one assembly: stimulus x voxel [x session]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import DataError
from brainbench_audio.own_data.atlas import atlas_labels
from brainbench_audio.own_data.blocks import Block, read_block
from brainbench_audio.own_data.layout import DataFile, response_files
from brainbench_audio.own_data.selection import percent_signal_change, selected_voxels

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class _Measurement:
    """Responses of one subject in one session: (stimulus, voxel), and those to silence."""

    path: Path
    label: str
    rows: dict[str, int]
    values: Array
    silence: Array


def read_voxels(
    folder: Path, *, silence: str | None = None, selected: bool = False
) -> xr.DataArray:
    """Read all files of responses in a folder, see docs/how-to/own-data.md for their names.

    A stimulus that a file has several times in a session was measured as often: each time counts
    as a session. Subjects with fewer sessions than others have NaN in the others.

    Parameters
    ----------
    folder : Path
    silence : str, optional
        The stimulus that is silence. Responses then become percent signal change against its mean
        in the same session. Without, they are taken as they are.
    selected : bool
        Whether to keep only voxels that respond to sound and repeat, see
        `selection.selected_voxels`.

    Returns
    -------
    xr.DataArray
        In the order of stimuli of the first file. Coordinates of voxels: ``voxel_id``, ``subject``
        where files or a table of voxels name subjects, all columns of the table of voxels, and
        ``parcel`` and ``region`` where there is an atlas, see `atlas.atlas_labels`.

    Raises
    ------
    DataError
        Naming the file, the row and what to do: a stimulus is missing in a session or for a
        subject, rows and names do not match, or voxels differ between files of a subject.
    """
    files = groupby(response_files(folder), lambda file: file.subject)
    parts = [_subject(list(own), silence, selected) for _, own in files]
    stimuli = parts[0][0]
    for names, _, coordinates, path in parts[1:]:
        _same_stimuli(names, path, stimuli, parts[0][3])
        _same_coordinates(coordinates, path, parts[0][2], parts[0][3])
    sessions = max(values.shape[2] for _, values, _, _ in parts)
    joined = np.concatenate(
        [_padded(_ordered(values, names, stimuli), sessions) for names, values, _, _ in parts],
        axis=1,
    )
    if not joined.shape[1]:
        raise DataError(
            f"{folder}: no voxel responds to sound (p < .001) and repeats (r > .3). Look whether "
            f"rows are of the stimuli they are named after in every session, or select none."
        )
    coordinates = {name: np.concatenate([part[2][name] for part in parts]) for name in parts[0][2]}
    return build(joined if sessions > 1 else joined[:, :, 0], stimuli, "voxel", coordinates)


def _subject(
    files: Sequence[DataFile], silence: str | None, selected: bool
) -> tuple[list[str], Array, dict[str, Array], Path]:
    """Return stimuli, responses (stimulus, voxel, session), coordinates and first file."""
    blocks = [read_block(file) for file in files]
    first = blocks[0]
    for block in blocks[1:]:
        if block.voxels["voxel_id"].tolist() != first.voxels["voxel_id"].tolist():
            raise DataError(
                f"{block.path} has other voxels than {first.path.name}: {block.values.shape[1]} "
                f"and {first.values.shape[1]}, or in another order. The files of a subject need "
                f"the same voxels; for another subject, put sub-NAME_ before the name."
            )
    measured = [one for block in blocks for one in _measurements(block, silence)]
    stimuli = list(measured[0].rows)
    for one in measured[1:]:
        _same_stimuli(one.rows, one.path, stimuli, measured[0].path, one.label)
    values = np.stack(
        [one.values[[one.rows[name] for name in stimuli]] for one in measured], axis=2
    )
    coordinates = {**first.voxels, **atlas_labels(files[0], first.voxels)}
    if (subject := files[0].entities.get("sub")) is not None:
        coordinates["subject"] = np.full(values.shape[1], f"sub-{subject}")
    if selected:
        silent = None
        if silence is not None:
            silent = np.concatenate([one.silence for one in measured])
        kept = selected_voxels(values, silent)
        values = values[:, kept]
        coordinates = {name: value[kept] for name, value in coordinates.items()}
    return stimuli, values, coordinates, first.path


def _measurements(block: Block, silence: str | None) -> Iterable[_Measurement]:
    """Take a file apart into sessions: by its own labels, by repetition, by its third axis."""
    labels = list(dict.fromkeys(block.sessions))
    for label in labels:
        rows = [row for row, own in enumerate(block.sessions) if own == label]
        silent = [row for row in rows if block.names[row] == silence]
        sounds = [row for row in rows if block.names[row] != silence]
        if silence is not None and not silent:
            raise DataError(
                f"{block.path}{_in(label)} has no row {silence!r}, the response to silence: add "
                f"it, or name no silence where responses are relative to it already."
            )
        occurrences = _occurrences(block, sounds, label)
        for axis in range(block.values.shape[2]):
            values, still = block.values[:, :, axis], block.values[silent][:, :, axis]
            if silent:
                try:
                    changed = percent_signal_change(values, still)
                except DataError as error:
                    raise DataError(f"{block.path}{_in(label)}: {error}") from error
                values, still = changed, changed[silent]
            for place, own in enumerate(occurrences):
                # those to silence once, however often sounds were repeated
                once = still if place == 0 else still[:0]
                yield _Measurement(block.path, label, own, values, once)


def _occurrences(block: Block, rows: list[int], label: str) -> list[dict[str, int]]:
    """Return the row of each stimulus at its first, second, … occurrence."""
    counts = Counter(block.names[row] for row in rows)
    if not counts:
        raise DataError(f"{block.path}{_in(label)} has no responses to sounds.")
    usual = max(counts.values())
    for name, count in counts.items():
        if count != usual:
            raise DataError(
                f"{block.path}{_in(label)}: {name!r} has {count} rows, others {usual}. Give each "
                f"stimulus as many; where a measurement is missing, a row without numbers."
            )
    found: list[dict[str, int]] = [{} for _ in range(usual)]
    seen: Counter[str] = Counter()
    for row in rows:
        name = block.names[row]
        found[seen[name]][name] = row
        seen[name] += 1
    return found


def _same_stimuli(
    names: Iterable[str], path: Path, expected: Sequence[str], first: Path, label: str = ""
) -> None:
    given, wanted = set(names), set(expected)
    if missing := [name for name in expected if name not in given]:
        raise DataError(
            f"{path}{_in(label)} has no row for {missing[0]!r} ({len(missing)} missing), which "
            f"{first.name} has: add it, without numbers if it was not measured."
        )
    if more := sorted(given - wanted):
        raise DataError(
            f"{path}{_in(label)} has {more[0]!r} ({len(more)} such), which {first.name} does not "
            f"have: correct the name, or remove its rows."
        )


def _same_coordinates(
    given: dict[str, Array], path: Path, expected: dict[str, Array], first: Path
) -> None:
    if differing := sorted(given.keys() ^ expected.keys()):
        raise DataError(
            f"Voxels of {path if differing[0] in given else first} have a {differing[0]}, those of "
            f"{first.name if differing[0] in given else path.name} have none: give it for all."
        )


def _ordered(values: Array, names: list[str], stimuli: list[str]) -> Array:
    place = {name: row for row, name in enumerate(names)}
    return values[[place[name] for name in stimuli]]


def _padded(values: Array, sessions: int) -> Array:
    missing = sessions - values.shape[2]
    return np.pad(values, ((0, 0), (0, 0), (0, missing)), constant_values=np.nan)


def _in(label: str) -> str:
    return f", session {label}" if label else ""
