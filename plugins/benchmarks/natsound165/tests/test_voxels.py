"""The readers: what they give for files as published, and what they say of others."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from brainbench_natsound165.voxels import REGIONS, RESPONSES, TABLE, VOXELS

from brainbench_audio.errors import DataError

SOUNDS = {"NH2015": "neural_stim_meta.npy", "B2021": "stim_info_v4.mat"}
BOTH = pytest.mark.parametrize("dataset", ["NH2015", "B2021"])


def renamed(records: np.ndarray, **names: str) -> np.ndarray:
    """Return records with other field names."""
    copy = records.copy()
    copy.dtype.names = tuple(names.get(name, name) for name in records.dtype.names)
    return copy


def swapped(values: Any, first: int = 3, second: int = 4) -> Any:
    copy = values.copy()
    copy[first], copy[second] = values[second].copy(), values[first].copy()
    return copy


@BOTH
@pytest.mark.parametrize("dtype", ["<f8", "<f4", ">f8"])
def test_values_and_labels_are_those_of_the_files(
    tmp_path: Path, make: Callable[..., Any], dataset: str, dtype: str
) -> None:
    maker = make(dataset, dtype=dtype)
    assembly = maker.read(maker.write(tmp_path))
    kept = maker.arrays["kept"]
    np.testing.assert_array_equal(assembly.values, maker.arrays[RESPONSES][:165, kept])
    assert assembly.dims == ("stimulus", "voxel", "session")
    assert assembly.dtype == np.dtype(dtype).newbyteorder("=")
    table = maker.arrays[TABLE]
    assert assembly["region"].values.tolist() == table["roi_label_general"].fillna("").tolist()
    assert set(assembly["region"].values) == {*REGIONS, ""}
    sides = table["hemi"].map({"lh": "left", "rh": "right"}).tolist()
    assert assembly["hemisphere"].values.tolist() == sides
    np.testing.assert_array_equal(assembly["x"], table["x_ras"])
    np.testing.assert_array_equal(assembly["y"], table["y_ras"])
    np.testing.assert_array_equal(assembly["voxel_id"], table["voxel_id"])
    ranks = np.unique(table["subj_idx"], return_inverse=True)[1]
    assert assembly["subject"].values.tolist() == [f"subject-{rank}" for rank in ranks]


@BOTH
def test_subjects_are_numbered_by_their_index(
    tmp_path: Path, make: Callable[..., Any], dataset: str
) -> None:
    maker = make(dataset)
    assembly = maker.read(maker.write(tmp_path))
    indices = maker.arrays[TABLE]["subj_idx"]
    first = assembly["subject"].values[np.argmin(indices)]
    assert (first, min(indices)) == ("subject-0", 4)


@BOTH
def test_missing_values_stay_missing(
    tmp_path: Path, make: Callable[..., Any], dataset: str
) -> None:
    maker = make(dataset)
    first, second = maker.arrays["kept"][:2]
    maker.arrays[RESPONSES][:, first] = np.nan
    maker.arrays[RESPONSES][:, second, 2] = np.nan
    missing = np.isnan(maker.read(maker.write(tmp_path)).values)
    assert missing[:, 0].all()
    assert missing[:, 1].sum(axis=0).tolist() == [0, 0, 165]
    assert not missing[:, 2:].any()


@BOTH
@pytest.mark.parametrize("name", [RESPONSES, VOXELS, TABLE, "sounds"])
def test_a_missing_file_is_named(
    tmp_path: Path, make: Callable[..., Any], dataset: str, name: str
) -> None:
    maker = make(dataset)
    name = SOUNDS[dataset] if name == "sounds" else name
    del maker.arrays[name]
    with pytest.raises(DataError, match=name):
        maker.read(maker.write(tmp_path))


@BOTH
@pytest.mark.parametrize("name", [RESPONSES, VOXELS, TABLE, "sounds"])
@pytest.mark.parametrize("kept", [0, 40, 500])
def test_a_cut_file_is_named(
    tmp_path: Path, make: Callable[..., Any], dataset: str, name: str, kept: int
) -> None:
    maker = make(dataset)
    name = SOUNDS[dataset] if name == "sounds" else name
    data = maker.write(tmp_path)
    file = data / "neural" / dataset / name
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(DataError, match=name):
        maker.read(data)


def object_array(values: np.ndarray) -> np.ndarray:
    return values.astype(object)


Change = Callable[[dict[str, Any]], None]
TABLE_CHANGES: dict[str, tuple[Change, str]] = {
    "no column": (
        lambda part: part.update({TABLE: part[TABLE].rename(columns={"subj_idx": "who"})}),
        "no column subj_idx; its columns are who, hemi",
    ),
    "unknown region": (
        lambda part: part[TABLE].replace({"Lateral": "Insula"}, inplace=True),
        "roi_label_general has 'Insula', expected one of",
    ),
    "fewer rows": (lambda part: part.update({TABLE: part[TABLE][1:]}), "expected .* voxels"),
    "text for numbers": (
        lambda part: part.update({TABLE: part[TABLE].assign(voxel_id="a")}),
        "voxel_id is object, expected whole numbers",
    ),
    "missing subjects": (
        lambda part: part.update({TABLE: part[TABLE].assign(subj_idx=np.nan)}),
        "subj_idx is float64, expected whole numbers",
    ),
    "broken subject numbers": (
        lambda part: part.update({TABLE: part[TABLE].assign(subj_idx=0.5)}),
        "subj_idx is float64, expected whole numbers",
    ),
    "other voxels": (
        lambda part: (
            part.update({TABLE: part[TABLE].assign(voxel_id=range(len(part[TABLE])))})
            if "n_reps" in part[VOXELS].dtype.names
            else part.update({TABLE: part[TABLE].assign(voxel_id=7)})
        ),
        "list other voxels: voxel_id of voxel 0",
    ),
}
ARRAY_CHANGES: dict[str, tuple[Change, str]] = {
    "other shape": (
        lambda part: part.update({RESPONSES: part[RESPONSES][:, 1:]}),
        r"voxel_features_array.npy is float64 .*, expected float32 or float64",
    ),
    "two sessions": (
        lambda part: part.update({RESPONSES: part[RESPONSES][..., :2]}),
        r"expected float32 or float64 \(1..?, .., 3\)",
    ),
    "whole numbers": (
        lambda part: part.update({RESPONSES: part[RESPONSES].astype("i4", casting="unsafe")}),
        "is int32",
    ),
    "half precision": (
        lambda part: part.update({RESPONSES: part[RESPONSES].astype("f2")}),
        "is float16",
    ),
    "pickled objects": (
        lambda part: part.update({RESPONSES: part[RESPONSES][:2].astype(object)}),
        "no plain NumPy array",
    ),
    "infinite": (lambda part: part[RESPONSES].fill(np.inf), "infinite responses"),
    "no voxel ids": (
        lambda part: part.update({VOXELS: renamed(part[VOXELS], voxel_id="id")}),
        "voxel_features_meta.npy has no field voxel_id",
    ),
}
SOUND_CHANGES: dict[tuple[str, str], tuple[Change, str]] = {
    ("NH2015", "swapped"): (
        lambda part: part.update({SOUNDS["NH2015"]: swapped(part[SOUNDS["NH2015"]])}),
        "filename has the same sounds in another order: row 3",
    ),
    ("NH2015", "other sounds"): (
        lambda part: part[SOUNDS["NH2015"]]["filename"].fill(b"a.wav"),
        "filename has other sounds: row 0 is 'a'",
    ),
    ("NH2015", "no field"): (
        lambda part: part.update(
            {SOUNDS["NH2015"]: renamed(part[SOUNDS["NH2015"]], filename="file")}
        ),
        "no field filename; its fields are file, id",
    ),
    ("NH2015", "fewer"): (
        lambda part: part.update({SOUNDS["NH2015"]: part[SOUNDS["NH2015"]][1:]}),
        "expected 165 rows with named fields",
    ),
    ("NH2015", "plain"): (
        lambda part: part.update({SOUNDS["NH2015"]: part[SOUNDS["NH2015"]]["filename"]}),
        "expected 165 rows with named fields",
    ),
    ("NH2015", "no n_reps"): (
        lambda part: part.update({VOXELS: renamed(part[VOXELS], n_reps="runs")}),
        "no field n_reps",
    ),
    ("NH2015", "fewer kept"): (
        lambda part: part[VOXELS]["n_reps"].__setitem__(slice(0, 20), 2),
        "n_reps is 3 for .. voxels, expected 48",
    ),
    ("NH2015", "other subjects"): (
        lambda part: part[VOXELS]["subj_idx"].fill(-1),
        "list other voxels: subj_idx of voxel 0 is -1 and",
    ),
    ("B2021", "swapped"): (
        lambda part: part[SOUNDS["B2021"]]["stim_info"].update(
            stim_names=swapped(part[SOUNDS["B2021"]]["stim_info"]["stim_names"])
        ),
        "stim_names has the same sounds in another order: row 3",
    ),
    ("B2021", "no field"): (
        lambda part: part[SOUNDS["B2021"]]["stim_info"].update(
            names=part[SOUNDS["B2021"]]["stim_info"].pop("stim_names")
        ),
        "stim_info has no field stim_names; its fields are category_labels",
    ),
    ("B2021", "no struct"): (
        lambda part: part.update({SOUNDS["B2021"]: {"other": 1}}),
        "no struct stim_info",
    ),
    ("B2021", "fewer"): (
        lambda part: part[SOUNDS["B2021"]]["stim_info"].update(
            stim_names=part[SOUNDS["B2021"]]["stim_info"]["stim_names"][:165]
        ),
        "stim_names has 165 names, expected 192",
    ),
    ("B2021", "numbers"): (
        lambda part: part[SOUNDS["B2021"]]["stim_info"].update(stim_names=np.arange(192)),
        "stim_names is no cell array of strings",
    ),
}
CHANGES = [
    *[
        (dataset, change)
        for dataset in SOUNDS
        for change in (TABLE_CHANGES | ARRAY_CHANGES).items()
    ],
    *[(dataset, (name, change)) for (dataset, name), change in SOUND_CHANGES.items()],
]


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.parametrize(
    ("dataset", "change"), CHANGES, ids=[f"{dataset}-{change[0]}" for dataset, change in CHANGES]
)
def test_every_difference_is_named(
    tmp_path: Path, make: Callable[..., Any], dataset: str, change: tuple[str, tuple[Change, str]]
) -> None:
    maker = make(dataset)
    edit, told = change[1]
    edit(maker.arrays)
    with pytest.raises(DataError, match=told) as caught:
        maker.read(maker.write(tmp_path))
    assert str(tmp_path) in str(caught.value)


@BOTH
def test_other_numbers_of_subjects_are_named(
    tmp_path: Path, make: Callable[..., Any], dataset: str
) -> None:
    maker = make(dataset)
    for name in (TABLE, VOXELS):
        content = maker.arrays[name]
        if isinstance(content, pd.DataFrame) or "subj_idx" in content.dtype.names:
            content["subj_idx"] = 4
    with pytest.raises(DataError, match="names 1 subjects, expected"):
        maker.read(maker.write(tmp_path))


@BOTH
def test_a_subject_with_too_few_voxels_is_named(
    tmp_path: Path, make: Callable[..., Any], dataset: str
) -> None:
    maker = make(dataset)
    table, kept = maker.arrays[TABLE], maker.arrays["kept"]
    few = np.flatnonzero(table["subj_idx"] == 4)[1:]
    table.loc[few, "subj_idx"] = 6
    if dataset == "NH2015":
        maker.arrays[VOXELS]["subj_idx"][kept[few]] = 6
    with pytest.raises(DataError, match=r"gives subjects 1 to .. voxels, expected"):
        maker.read(maker.write(tmp_path))


def with_places(records: np.ndarray, dtype: str, change: Callable[..., Any]) -> np.ndarray:
    """Return records whose places are of another type, and changed."""
    types = [
        (name, dtype if name in ("x_ras", "y_ras") else kind) for name, kind in records.dtype.descr
    ]
    copy = records.astype(types)
    for name in ("x_ras", "y_ras"):
        copy[name] = change(copy[name])
    return copy


@pytest.mark.parametrize(("table", "array"), [("<f8", "<f4"), ("<f4", "<f8"), ("<f8", ">f8")])
def test_places_agree_across_types_and_where_they_are_missing(
    tmp_path: Path,
    make: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    table: str,
    array: str,
) -> None:
    maker = make("NH2015")
    kept = maker.arrays["kept"]
    exact = np.random.default_rng(1).uniform(-90, 90, len(maker.arrays[VOXELS]))
    exact[kept[5]] = np.nan
    maker.arrays[TABLE] = maker.arrays[TABLE].assign(
        x_ras=exact[kept].astype(table), y_ras=exact[kept].astype(table)
    )
    maker.arrays[VOXELS] = with_places(maker.arrays[VOXELS], array, lambda _: exact)
    assembly = maker.read(maker.write(tmp_path))
    np.testing.assert_array_equal(assembly["x"], exact[kept].astype(table).astype(np.float64))
    assert np.isnan(assembly["y"].values[5])
    assert not caplog.records


def other_places(part: dict[str, Any]) -> None:
    part[VOXELS]["x_ras"][part["kept"][7]] = -1
    part[VOXELS]["y_ras"].fill(-1)


ODD: dict[str, tuple[str, Change, str]] = {
    "other places": (
        "NH2015",
        other_places,
        r"x_ras of 1 voxels is not that of the array of voxels; of voxel 7, .* and -1; y_ras of 48",
    ),
    "no number": (
        "B2021",
        lambda part: part.update({TABLE: part[TABLE].assign(x_ras="a")}),
        "x_ras has 'a', expected numbers",
    ),
    "no places": (
        "NH2015",
        lambda part: part.update({TABLE: part[TABLE].drop(columns=["x_ras", "y_ras"])}),
        "there is no column x_ras; there is no column y_ras",
    ),
    "unknown hemisphere": (
        "B2021",
        lambda part: part[TABLE].replace({"lh": "L"}, inplace=True),
        r"hemi has 'L', expected one of \['lh', 'rh'\]",
    ),
    "no hemisphere": (
        "NH2015",
        lambda part: part.update({TABLE: part[TABLE].drop(columns=["hemi"])}),
        "there is no column hemi",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_what_decides_no_score_is_told_once_and_reading_goes_on(
    tmp_path: Path, make: Callable[..., Any], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    dataset, edit, told = ODD[name]
    expected = make(dataset).read(make(dataset).write(tmp_path / "as published"))
    assert not caplog.records
    maker = make(dataset)
    edit(maker.arrays)
    found = maker.read(maker.write(tmp_path / "odd"))
    assert len(caplog.records) == 1
    assert re.search(told, caplog.text)
    for same in ("subject", "region", "voxel_id"):
        np.testing.assert_array_equal(found[same], expected[same])
    np.testing.assert_array_equal(found.values, expected.values)
    for place in ("x", "y"):
        assert found[place].dtype == np.float64
    sides = {"unknown hemisphere": {"L", "right"}, "no hemisphere": {""}}
    assert set(found["hemisphere"].values) == sides.get(name, {"left", "right"})


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<i2"])
def test_voxels_and_subjects_are_the_same_in_any_type_of_number(
    tmp_path: Path, make: Callable[..., Any], dtype: str
) -> None:
    maker = make("NH2015")
    expected = maker.read(maker.write(tmp_path / "as published"))
    records = maker.arrays[VOXELS]
    maker.arrays[VOXELS] = records.astype(
        [(name, dtype if kind == "<i8" else kind) for name, kind in records.dtype.descr]
    )
    xr.testing.assert_identical(maker.read(maker.write(tmp_path / "other")), expected)
