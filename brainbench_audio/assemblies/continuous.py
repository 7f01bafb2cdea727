"""Responses to continuous sound: one row a volume, which knows its run, time and repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import build, real_numbers, stimulus_names
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.errors import DataError
from brainbench_audio.names import one_form

_UNEVEN = 0.01  # of a TR: scanners and files round times
_LOBES = 3


def build_in_time(
    values: npt.ArrayLike,
    run: Sequence[str],
    time: Sequence[float] | npt.NDArray[np.floating[Any]],
    dimension: str,
    coordinates: Mapping[str, Sequence[Any] | npt.NDArray[Any]],
    *,
    repeat: Sequence[int] | npt.NDArray[np.integer[Any]] | None = None,
    attributes: Mapping[str, str | float] | None = None,
) -> xr.DataArray:
    """Label responses to continuous sound, and check them.

    Parameters
    ----------
    values : array (volume, target)
        Responses; volumes of one presentation of a run follow each other in the order of time.
    run : sequence of str
        Run of each volume, as the stimuli have it.
    time : sequence of float
        Seconds from the start of the run's sound to the middle of the volume.
    dimension : str
        ``"voxel"`` or ``"component"``.
    coordinates : mapping of str to sequence
        Along ``dimension``, see `assembly.build`.
    repeat : sequence of int, optional
        Presentation of the run that a volume is of, counted from 0; by default all are the first.
    attributes : mapping, optional
        Kept in ``attrs``.

    Returns
    -------
    xr.DataArray
        ``stimulus`` x ``dimension``. A row is named ``run@seconds``, and ``run@seconds#repeat``
        from the second presentation on. Coordinates ``run``, ``time`` and ``repeat`` lie along
        ``stimulus``.

    Raises
    ------
    DataError
        What `assembly.build` and `repetition_time` find.

    Examples
    --------
    >>> build_in_time([[1.0], [2.0]], ["a", "a"], [1, 3], "voxel", {})["stimulus"].values.tolist()
    ['a@1.000', 'a@3.000']
    """
    times = real_numbers(time, "Times of volumes").astype(np.float64)
    runs = np.array([one_form(str(name)) for name in run])
    repeats = np.zeros(len(runs), np.int64) if repeat is None else np.asarray(repeat)
    if not runs.shape == times.shape == repeats.shape:
        raise DataError(
            f"{len(runs)} runs, {times.size} times and {repeats.size} repeats, expected one of "
            f"each a volume."
        )
    # before names are made of them, which would be said to be repeated
    if not np.isfinite(times).all():
        raise DataError("Times of volumes are finite, some are not: leave these volumes out.")
    if repeats.dtype.kind not in "iu" or (repeats < 0).any():
        raise DataError(
            f"Presentations of a run are counted from 0 in whole numbers, `repeat` holds "
            f"{repeats.dtype}, {repeats[:3].tolist()} at first: count them so."
        )
    names = [
        f"{name}@{seconds:.3f}{f'#{number}' if number else ''}"
        for name, seconds, number in zip(runs, times, repeats, strict=True)
    ]
    assembly = build(values, names, dimension, coordinates, attributes)
    assembly = assembly.assign_coords(
        run=("stimulus", runs), time=("stimulus", times), repeat=("stimulus", repeats)
    )
    repetition_time(assembly)
    return assembly


def repetition_time(assembly: xr.DataArray) -> float:
    """Return the seconds from a volume to the next one (TR), once all rows are in order.

    Raises
    ------
    DataError
        A coordinate is missing, rows of a presentation are apart or out of order, volumes are not
        evenly spaced, presentations of a run have other times, or there are sessions.
    """
    for name, kind in (("run", "UO"), ("time", "f"), ("repeat", "iu")):
        if name not in assembly.coords or assembly[name].dims != ("stimulus",):
            raise DataError(
                f"Responses to continuous sound have a coordinate `{name}` along `stimulus`; this "
                f"assembly has none: make it with assemblies.continuous.build_in_time."
            )
        if assembly[name].dtype.kind not in kind:
            raise DataError(f"The coordinate `{name}` holds {assembly[name].dtype}.")
    if "session" in assembly.dims:
        raise DataError(
            "Responses to continuous sound have no sessions: rows of one run heard again are told "
            "apart by their `repeat`."
        )
    parts = presentations(assembly)
    times = assembly["time"].values
    steps = [np.diff(times[rows]) for rows in parts.values()]
    if not np.isfinite(times).all() or min(map(len, steps)) < 1:
        raise DataError("Times of volumes are finite, and every presentation has at least two.")
    interval = float(np.median(np.concatenate(steps)))
    for (run, _), step in zip(parts, steps, strict=True):
        if interval <= 0 or np.abs(step - interval).max() > _UNEVEN * interval:
            raise DataError(
                f"Volumes of {run} are {step.min():g} to {step.max():g} s apart, expected one TR, "
                f"{interval:g} s: put them in the order of time, and fill gaps with NaN."
            )
    first: dict[str, npt.NDArray[np.float64]] = {}
    for (run, _), rows in parts.items():
        before = first.setdefault(run, times[rows])
        if len(before) != len(rows) or np.abs(before - times[rows]).max() > _UNEVEN * interval:
            raise DataError(
                f"Presentations of {run} have other times: cut them to the same volumes."
            )
    return interval


def lanczos_kernel(
    difference: npt.NDArray[np.floating[Any]],
) -> npt.NDArray[np.float64]:
    """Return ``sinc(t) sinc(t / 3)`` for |t| < 3, else 0.

    Parameters
    ----------
    difference : float array
        t: differences of times over the interval between the times wanted.
    """
    inside = np.abs(difference) < _LOBES
    return np.asarray(np.sinc(difference) * np.sinc(difference / _LOBES) * inside)


def onset_rate(
    onsets: npt.ArrayLike, times: npt.NDArray[np.floating[Any]], interval: float
) -> npt.NDArray[np.float64]:
    """Return how many events begin in each volume, as a scanner's filter sees them.

    The sum over events of `lanczos_kernel`, as the field resamples rates of words (Huth et al.
    2016); summed over volumes, an event is one.

    Parameters
    ----------
    onsets : float array (event,)
        Seconds.
    times : float array (volume,)
        Seconds to the middles of volumes.
    interval : float
        Seconds from one to the next.

    Returns
    -------
    float64 array (volume,)

    Examples
    --------
    >>> onset_rate([4.0, 4.0, 5.0], np.arange(0.0, 10.0, 2.0), 2.0).round(1).tolist()
    [0.0, -0.1, 2.6, 0.6, -0.1]
    """
    events = np.asarray(onsets, dtype=np.float64)
    return np.asarray(lanczos_kernel((times[:, np.newaxis] - events) / interval).sum(axis=1))


def presentations(assembly: xr.DataArray) -> dict[tuple[str, int], npt.NDArray[np.intp]]:
    """Return the rows of each presentation of a run, by run and repeat, in the assembly's order.

    Raises
    ------
    DataError
        Rows of one are apart.
    """
    runs, repeats = assembly["run"].values, assembly["repeat"].values
    changes = np.flatnonzero((runs[1:] != runs[:-1]) | (repeats[1:] != repeats[:-1])) + 1
    parts: dict[tuple[str, int], npt.NDArray[np.intp]] = {}
    for rows in np.split(np.arange(len(runs)), changes):
        key = str(runs[rows[0]]), int(repeats[rows[0]])
        if key in parts:
            raise DataError(f"Rows of {key[0]}, repeat {key[1]}, are apart: put them together.")
        parts[key] = rows
    return parts


def folds_of_runs(assembly: xr.DataArray) -> Folds:
    """Return folds that hold out one run each, with all its presentations.

    Raises
    ------
    DataError
        There is one run only.
    """
    runs = [str(run) for run in assembly["run"].values]
    number = {run: place for place, run in enumerate(dict.fromkeys(runs))}
    return Folds(
        tuple(stimulus_names(assembly)),
        tuple(number[run] for run in runs),
        "one run each",
        tuple(number),
    )
