"""Assemblies: plain `xarray.DataArray`, flat coordinates, checked at borders, aligned by name."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_json
from brainbench_audio.names import one_form

TARGET_DIMENSIONS = ("voxel", "component", "label")
_SHOWN = 5
_EXACT = (np.dtype(np.float32), np.dtype(np.float64))
# how NumPy and pandas write what is missing, once it has become text
_MISSING = ("", "nan", "none", "<na>", "nat")


def build(
    values: npt.ArrayLike,
    stimuli: Sequence[str],
    dimension: str,
    coordinates: Mapping[str, Sequence[Any] | npt.NDArray[Any]],
    attributes: Mapping[str, str | float] | None = None,
) -> xr.DataArray:
    """Label responses once, and check them.

    Parameters
    ----------
    values : array (stimulus, target) or (stimulus, target, session)
        Responses; what is masked is missing (NaN).
    stimuli : sequence of str
        Stimulus names, one a row.
    dimension : str
        ``"voxel"``, ``"component"`` or ``"label"``.
    coordinates : mapping of str to sequence
        Coordinates along ``dimension``; one named like ``dimension`` becomes its index.
    attributes : mapping, optional
        Kept in ``attrs``.

    Returns
    -------
    xr.DataArray

    Raises
    ------
    DataError
        What `validate` finds.

    Examples
    --------
    >>> build([[1.0], [2.0]], ["a", "b"], "component", {"component": ["pitch"]}).shape
    (2, 1)
    """
    # xarray makes NaN of what is masked
    array = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    stimuli = [one_form(str(name)) for name in stimuli]
    dimensions = ("stimulus", dimension, "session")[: array.ndim]
    along = {name: (dimension, named(np.asarray(value))) for name, value in coordinates.items()}
    try:
        assembly = xr.DataArray(
            array, {"stimulus": list(stimuli), **along}, dimensions, attrs=dict(attributes or {})
        )
    except ValueError as error:
        raise DataError(f"Responses and their labels do not fit together: {error}") from error
    return validate(assembly)


def validate(assembly: xr.DataArray) -> xr.DataArray:
    """Return the assembly unchanged if it is well formed.

    Raises
    ------
    DataError
        It is no DataArray; other dimensions than ``stimulus`` x target [x ``session``], no or
        repeated stimulus names, a MultiIndex, values that are not numbers, or no values at all.
    """
    if not isinstance(assembly, xr.DataArray):
        raise DataError(
            f"Responses are an assembly, a labelled xr.DataArray, these are "
            f"{type(assembly).__name__}: make one with `assemblies.assembly.build`."
        )
    dimensions = assembly.dims
    if (
        len(dimensions) not in (2, 3)
        or dimensions[0] != "stimulus"
        or dimensions[1] not in TARGET_DIMENSIONS
        or dimensions[2:] not in ((), ("session",))
    ):
        raise DataError(
            f"An assembly has dimensions (stimulus, {'|'.join(TARGET_DIMENSIONS)}[, session]), "
            f"this one has {dimensions}: transpose or rename them."
        )
    if "stimulus" not in assembly.coords:
        raise DataError("An assembly needs a coordinate `stimulus` with the stimulus names.")
    nested = [name for name, index in assembly.indexes.items() if index.nlevels > 1]
    if nested:
        raise DataError(f"Coordinate {nested[0]!r} is a MultiIndex: use flat coordinates.")
    if not np.issubdtype(assembly.dtype, np.number):
        raise DataError(
            f"An assembly holds numbers, this one holds {assembly.dtype}: convert its values with "
            f"`.astype(float)`."
        )
    if np.iscomplexobj(assembly):
        raise DataError(f"An assembly holds real numbers, {_complex(assembly.dtype)}.")
    if assembly.size == 0:
        raise DataError(f"An assembly of shape {assembly.shape} holds no responses.")
    names, counts = np.unique(stimulus_names(assembly), return_counts=True)
    if (counts > 1).any():
        raise DataError(f"Stimuli named more than once: {listed(names[counts > 1])}.")
    return assembly


def stimulus_names(assembly: xr.DataArray) -> list[str]:
    """Return the stimulus names of an assembly, in its order and in `names.one_form`."""
    return [one_form(str(name)) for name in assembly["stimulus"].values]


def align(assembly: xr.DataArray, names: Sequence[str]) -> xr.DataArray:
    """Return the rows of the stimuli ``names``, in that order: always by name, never by position.

    Raises
    ------
    DataError
        Some of the names have no row.
    """
    rows = {name: row for row, name in enumerate(stimulus_names(assembly))}
    asked = [one_form(name) for name in names]
    missing = [name for name in asked if name not in rows]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(names)} stimuli have no responses: {listed(missing)}. The "
            f"responses are of {listed(list(rows))}. Use the same stimulus names on both sides."
        )
    order = [rows[name] for name in asked]
    if order == list(range(len(rows))):  # a copy of hours of listening takes gigabytes
        return assembly
    return assembly.isel(stimulus=order)


def select(assembly: xr.DataArray, coordinate: str, value: str) -> xr.DataArray:
    """Return the targets whose coordinate has this value, upper and lower case alike.

    Raises
    ------
    DataError
        No target has it.
    """
    labels = [one_form(str(label)).lower() for label in assembly[coordinate].values]
    chosen = np.flatnonzero(np.array(labels) == one_form(value).lower())
    if not chosen.size:
        raise DataError(f"No {assembly.dims[1]} has {coordinate} {value!r}.")
    return assembly.isel({assembly.dims[1]: chosen})


def mean_over_sessions(assembly: xr.DataArray) -> xr.DataArray:
    """Return the mean over the repeated measurements, missing (NaN) ones left out.

    A value missing in every session stays NaN. The mean is taken in float64; without a dimension
    ``session`` float32 and float64 stay as they are, other numbers become float64.
    """
    if "session" not in assembly.dims:
        return assembly if assembly.dtype in _EXACT else assembly.astype(np.float64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return assembly.mean("session", skipna=True, keep_attrs=True, dtype=np.float64)


def incomplete_targets(assembly: xr.DataArray) -> npt.NDArray[np.bool_]:
    """Return which targets lack a response in some session, though not in all: (target,)."""
    gaps = np.isnan(assembly.values)
    if "session" not in assembly.dims:
        return np.zeros(assembly.shape[1], dtype=bool)
    found: npt.NDArray[np.bool_] = gaps.any(axis=(0, 2)) & ~gaps.all(axis=2).any(axis=0)
    return found


def named(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return labels with text in `names.one_form`; the same array where it is so already."""
    if labels.dtype.kind not in "UO":
        return labels
    forms = [one_form(label) if isinstance(label, str) else label for label in labels.flat]
    if all(form == label for form, label in zip(forms, labels.flat, strict=True)):
        return labels
    kind = object if labels.dtype.kind == "O" else str
    return np.array(forms, dtype=kind).reshape(labels.shape)


def real_numbers(values: npt.ArrayLike, name: str) -> npt.NDArray[np.floating[Any]]:
    """Return float32 and float64 as they are, other numbers as float64.

    Raises
    ------
    DataError
        They are complex, masked, or no numbers; ``name`` says whose they are.
    """
    if np.ma.is_masked(values):
        raise DataError(f"{name} are masked in part: fill what is masked, or leave it out.")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # tensors with a gradient, ragged lists
        reason = str(error).rstrip(".")
        raise DataError(
            f"{name} must be an array of numbers ({reason}): of a tensor give `.detach().float()`."
        ) from error
    if np.iscomplexobj(array):
        raise DataError(f"{name} must be real numbers, {_complex(array.dtype)}.")
    if array.dtype in _EXACT:
        return array
    if array.dtype.kind not in "buif":
        raise DataError(
            f"{name} must be numbers, these are {array.dtype}: convert them with `.astype(float)`."
        )
    return array.astype(np.float64)


def usable_targets(assembly: xr.DataArray) -> npt.NDArray[np.bool_]:
    """Return which targets can be scored: finite for every stimulus, and not the same for all.

    A target that has no subject or component, where others have one, is nobody's: not usable.

    Parameters
    ----------
    assembly : xr.DataArray (stimulus, target)
        See `mean_over_sessions`.

    Returns
    -------
    bool array (target,)
    """
    values = assembly.values
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    usable: npt.NDArray[np.bool_] = np.isfinite(values).all(axis=0)
    whole = values[:, usable]
    # Responses that differ by rounding only, as the mean of constant sessions may.
    rounding = 4.0 * np.finfo(values.dtype).eps * np.abs(whole).max(axis=0)
    usable[usable] = np.ptp(whole, axis=0) > rounding
    for coordinate in ("subject", "component"):
        if coordinate in assembly.coords and assembly[coordinate].dims == (assembly.dims[1],):
            usable &= ~_missing(assembly[coordinate].values)
    return usable


def by_subject(assembly: xr.DataArray) -> dict[str, npt.NDArray[np.intp]] | None:
    """Return the places of each subject's targets, in order of first appearance.

    Targets without a subject (NaN, None, empty) are left out. None if no coordinate ``subject``
    runs along the targets.
    """
    if "subject" not in assembly.coords or assembly["subject"].dims != (assembly.dims[-1],):
        return None
    values = assembly["subject"].values
    names, known = values.astype(str), ~_missing(values)
    found = dict.fromkeys(names[known].tolist())
    return {str(name): np.flatnonzero((names == name) & known) for name in found}


def content_hash(assembly: xr.DataArray) -> str:
    """Return a SHA-256 over values, dimensions and coordinates (attributes left out)."""
    coordinates = {
        str(name): [[str(dim) for dim in coordinate.dims], coordinate.values.astype(str).tolist()]
        for name, coordinate in assembly.coords.items()
    }
    values = np.ascontiguousarray(assembly.values)
    digest = hashlib.sha256(values.data).hexdigest()
    return hash_json([list(assembly.dims), values.shape, values.dtype.str, digest, coordinates])


def _missing(labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.isin(np.char.lower(np.char.strip(labels.astype(str))), _MISSING)


def _complex(dtype: np.dtype[Any]) -> str:
    return (
        f"these are {dtype}: score what the question is about, such as their magnitude "
        f"(`numpy.abs`), or real and imaginary parts as targets of their own"
    )


def listed(names: Sequence[str] | npt.NDArray[Any]) -> str:
    """Return the first few names, and how many more there are."""
    shown = ", ".join(str(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
