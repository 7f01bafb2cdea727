"""Responses to continuous sound: rows that know their run, time and repeat."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.assemblies.continuous import (
    build_in_time,
    folds_of_runs,
    presentations,
    repetition_time,
)
from brainbench_audio.errors import DataError

RUN = ["a"] * 3 + ["b"] * 6
TIME = [1.0, 3.0, 5.0] * 3
REPEAT = [0] * 6 + [1] * 3


@pytest.fixture
def assembly() -> xr.DataArray:
    values = np.arange(18.0).reshape(9, 2)
    return build_in_time(values, RUN, TIME, "voxel", {"subject": ["s", "t"]}, repeat=REPEAT)


def test_rows_are_named_and_told_apart(assembly: xr.DataArray) -> None:
    names = assembly["stimulus"].values.tolist()
    assert names[0] == "a@1.000"
    assert names[-3:] == ["b@1.000#1", "b@3.000#1", "b@5.000#1"]
    assert repetition_time(assembly) == 2.0
    parts = presentations(assembly)
    assert {key: rows.tolist() for key, rows in parts.items()} == {
        ("a", 0): [0, 1, 2],
        ("b", 0): [3, 4, 5],
        ("b", 1): [6, 7, 8],
    }
    folds = folds_of_runs(assembly)
    assert folds.assignment == (0, 0, 0, 1, 1, 1, 1, 1, 1)
    assert folds.names == ("a", "b")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([0, 2, 1, 3, 4, 5, 6, 7, 8], r"Volumes of a are -2 to 4 s apart, expected one TR, 2 s"),
        ([0, 2, 3, 4, 5, 6, 7, 8], r"Volumes of a are 4 to 4 s apart"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "Presentations of b have other times"),
        ([0, 3, 4, 5, 1, 2, 6, 7, 8], "Rows of a, repeat 0, are apart"),
        ([0, 3, 4, 5, 6, 7, 8], "every presentation has at least two"),
    ],
)
def test_rows_out_of_order(assembly: xr.DataArray, rows: list[int], told: str) -> None:
    with pytest.raises(DataError, match=told):
        repetition_time(assembly[rows])


def test_what_is_no_course_of_time(assembly: xr.DataArray) -> None:
    with pytest.raises(DataError, match=r"this assembly has none: make it with .*build_in_time"):
        repetition_time(assembly.drop_vars("run"))
    later = assembly.assign_coords(time=("stimulus", [*TIME[:6], 2.0, 4.0, 6.0]))
    with pytest.raises(DataError, match="Presentations of b have other times"):
        repetition_time(later)
    with pytest.raises(DataError, match="have no sessions"):
        repetition_time(assembly.expand_dims("session", 2))
    with pytest.raises(DataError, match="`time` holds int64"):
        repetition_time(assembly.assign_coords(time=("stimulus", [1, 3, 5] * 3)))
    for odd, told in (
        ({"time": [np.nan] * 9}, "Times of volumes are finite, some are not"),
        ({"time": ["x"] * 9}, "Times of volumes must be numbers, these are <U1"),
        ({"repeat": np.array(REPEAT, float)}, "counted from 0 in whole numbers, .* float64"),
        ({"repeat": np.array(REPEAT) - 1}, "counted from 0 in whole numbers, .* int64, .*-1"),
    ):
        columns = {"time": TIME, "repeat": REPEAT, **odd}
        time = columns.pop("time")
        with pytest.raises(DataError, match=told):
            build_in_time(assembly.values, RUN, time, "voxel", {}, **columns)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="8 runs, 9 times and 9 repeats"):
        build_in_time(assembly.values, RUN[1:], TIME, "voxel", {}, repeat=REPEAT)
