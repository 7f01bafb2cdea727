"""Responses that are there twice: each would count as one more session, listener or sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

_FEW = 8  # values that tell most parts of responses apart


def copied_responses(assembly: xr.DataArray) -> list[str]:
    """Return a sentence, without its full stop, on each kind of copy that responses have."""
    kinds = (
        ("sessions", copied_sessions(assembly), "repetition without noise"),
        ("listeners", copied_subjects(assembly), "listener of its own"),
        ("sounds", copied_rows(assembly), "sound of its own"),
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
    return _copied(values.shape[2], lambda session: values[..., session])


def copied_subjects(assembly: xr.DataArray) -> list[tuple[str, str]]:
    """Return pairs of listeners whose responses are the same throughout.

    What is copied is no other listener: intervals over listeners would count it as one.
    """
    if "subject" not in assembly.coords:
        return []
    values, subjects = assembly.values, assembly["subject"].values.astype(str)
    names = [*dict.fromkeys(subjects.tolist())]
    pairs = _copied(len(names), lambda place: values[:, subjects == names[place]])
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
        for first, other in _copied(len(names), lambda row: values[row])
        if np.mod(values[first][np.isfinite(values[first])], 1).any()
    ]


def _copied(parts: int, part: Callable[[int], npt.NDArray[Any]]) -> list[tuple[int, int]]:
    """Return each part that is the same as an earlier one, after the first such."""
    alike: dict[Any, list[int]] = {}
    found = []
    for place in range(parts):
        values = part(place)
        if not np.isfinite(values).any():
            continue
        start = np.nan_to_num(values[:1].ravel()[:_FEW])
        others = alike.setdefault((values.shape, start.tobytes()), [])
        same = (one for one in others if np.array_equal(values, part(one), equal_nan=True))
        first = next(same, None)
        if first is None:
            others.append(place)
        else:
            found.append((first, place))
    return found
