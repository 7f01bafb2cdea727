"""Responses that are there twice: each would count as one more session, listener or sound."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import xarray as xr

_FEW = 8  # values that tell most parts of responses apart
_Values = npt.NDArray[np.floating]


def copied_responses(assembly: xr.DataArray, *, in_time: bool = False) -> list[str]:
    """Return a sentence, without its full stop, on each kind of copy that responses have.

    Of responses ``in_time`` rows are volumes, and not looked at.
    """
    kinds = (
        ("sessions", copied_sessions(assembly), "repetition without noise"),
        ("listeners", copied_subjects(assembly), "listener of its own"),
        ("sounds", [] if in_time else copied_rows(assembly), "sound of its own"),
    )
    return [
        f"{kind} {pairs[0][0]} and {pairs[0][1]} hold the same responses throughout"
        f"{f', as do {len(pairs) - 1} more pairs' if pairs[1:] else ''}, which counts as a "
        f"{counted}: leave one of them out if it is a copy"
        for kind, pairs, counted in kinds
        if pairs
    ]


def copied_sessions(assembly: xr.DataArray) -> list[tuple[int, int]]:
    """Return pairs of sessions, by their places, whose responses are the same throughout.

    What is copied is no repetition: reliabilities and ceilings would count it as one.
    """
    if "session" not in assembly.dims:
        return []
    values = assembly.values
    return _copied(
        values.shape[2],
        lambda session: values[0, :_FEW, session],
        lambda session: values[..., session],
    )


def copied_subjects(assembly: xr.DataArray) -> list[tuple[str, str]]:
    """Return pairs of listeners whose responses are the same throughout.

    What is copied is no other listener: intervals over listeners would count it as one.
    """
    if "subject" not in assembly.coords:
        return []
    values, subjects = assembly.values, assembly["subject"].values.astype(str)
    names = [*dict.fromkeys(subjects.tolist())]
    columns = [np.flatnonzero(subjects == name) for name in names]
    pairs = _copied(
        len(names),
        lambda place: values[0, columns[place][:_FEW]],
        lambda place: values[:, columns[place]],
    )
    return [(names[first], names[other]) for first, other in pairs]


def copied_rows(assembly: xr.DataArray) -> list[tuple[str, str]]:
    """Return pairs of stimuli whose responses are the same throughout.

    Labels, and what is counted in whole numbers, may be the same without being a copy.
    """
    if assembly.dims[1] == "label":
        return []
    values, names = assembly.values, assembly["stimulus"].values
    return [
        (str(names[first]), str(names[other]))
        for first, other in _copied(len(names), lambda row: values[row, :_FEW], values.__getitem__)
        if np.mod(values[first][np.isfinite(values[first])], 1).any()
    ]


def _copied(
    count: int, start: Callable[[int], _Values], whole: Callable[[int], _Values]
) -> list[tuple[int, int]]:
    """Return each part that is the same as an earlier one, after the first such.

    Only those whose first values are the same are read whole: data in time may be gigabytes.
    """
    alike = defaultdict(list)
    for place in range(count):
        alike[_digest(start(place))].append(place)
    found = []
    for places in alike.values():
        first: dict[str, int] = {}
        for place in places if len(places) > 1 else []:
            values = whole(place)
            if np.isfinite(values).any():
                original = first.setdefault(_digest(values), place)
                found += [(original, place)] if original != place else []
    return sorted(found)


def _digest(values: _Values) -> str:
    """Return a hash of the numbers, one for all kinds of NaN."""
    same = np.where(np.isnan(values), np.nan, values)
    return f"{values.shape} {hashlib.sha256(np.ascontiguousarray(same).data).hexdigest()}"
