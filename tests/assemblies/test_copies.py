"""Responses that are there twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.assemblies.copies import (
    copied_responses,
    copied_rows,
    copied_sessions,
    copied_subjects,
)

NAMES = ["dog", "cat", "cow", "bee", "owl"]
NOISE = np.random.default_rng(1).standard_normal((5, 6, 4))


def voxels(values: npt.ArrayLike, subjects: str = "aabbcc") -> xr.DataArray:
    return build(values, NAMES, "voxel", {"subject": list(subjects)})


def test_sessions() -> None:
    values = NOISE.copy()
    values[..., 3] = values[..., 1]
    values[0, 2, [1, 3]] = np.nan
    assert copied_sessions(voxels(values)) == [(1, 3)]
    values[-1, -1, 3] += 1e-9
    assert copied_sessions(voxels(values)) == []
    values[..., :2] = np.nan  # nothing at all was measured in either
    assert copied_sessions(voxels(values)) == []
    assert copied_sessions(voxels(values[..., 2])) == []


def test_listeners() -> None:
    values = NOISE[..., 0].copy()
    assert copied_subjects(voxels(values)) == []
    values[:, 4:] = values[:, :2]
    assert copied_subjects(voxels(values)) == [("a", "c")]
    assert copied_subjects(voxels(values[:, [0, 2, 1, 3, 4, 5]], "ababcc")) == [("a", "c")]
    assert copied_subjects(voxels(values, "aabbbc")) == []
    assert (
        copied_subjects(build(values[:, :3], NAMES, "component", {"component": list("xyz")})) == []
    )


def test_sounds() -> None:
    values = NOISE.copy()
    assert copied_rows(voxels(values)) == []
    values[[2, 4]] = values[1]
    assert copied_rows(voxels(values)) == [("cat", "cow"), ("cat", "owl")]
    assert copied_rows(voxels(np.sign(values))) == []  # whole numbers come back by themselves


def test_what_is_said_of_each_kind() -> None:
    values: npt.NDArray[Any] = NOISE.copy()
    assert copied_responses(voxels(values)) == []
    values[:, 2:4] = values[:, 4:] = values[:, :2]
    values[2] = values[1]
    listeners, sounds = copied_responses(voxels(values))
    assert listeners.startswith(
        "listeners a and b hold the same responses throughout, as do 1 more pairs, which counts as "
    )
    assert sounds == (
        "sounds cat and cow hold the same responses throughout, which counts as a sound of its "
        "own: leave one of them out if it is a copy"
    )
    assert len(copied_responses(voxels(values), in_time=True)) == 1


def test_whole_numbers_and_rows_that_begin_alike() -> None:
    counts = np.arange(5)[:, None] // 2 * np.ones((5, 6), int)
    assert copied_rows(voxels(counts)) == []
    values = NOISE[..., 0].copy()
    values[:, :5] = 0
    assert copied_rows(voxels(values)) == []
    values[3, 5] = values[0, 5]
    assert copied_rows(voxels(values)) == [("dog", "bee")]
