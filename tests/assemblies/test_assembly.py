"""Assemblies: labelled once, checked at borders, aligned by name."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.assemblies.assembly import (
    align,
    build,
    by_subject,
    content_hash,
    incomplete_targets,
    mean_over_sessions,
    real_numbers,
    select,
    stimulus_names,
    usable_targets,
    validate,
)
from brainbench_audio.errors import DataError

VALUES = np.random.default_rng(0).standard_normal((5, 4))
NAMES = ["dog", "cat", "cow", "bee", "owl"]
VOXELS = {
    "subject": ["subject-0", "subject-0", "subject-1", "subject-1"],
    "region": ["Primary", "lateral", "primary", "lateral"],
}


def voxels(values: Any = VALUES, **changes: Any) -> xr.DataArray:
    return build(values, NAMES, "voxel", {**VOXELS, **changes})


@given(order=st.permutations(range(5)), wanted=st.permutations(NAMES), take=st.integers(1, 5))
def test_the_order_of_rows_never_matters(order: list[int], wanted: list[str], take: int) -> None:
    names = wanted[:take]
    aligned = align(voxels().isel(stimulus=order), names)
    assert stimulus_names(aligned) == names
    np.testing.assert_array_equal(aligned.values, VALUES[[NAMES.index(name) for name in names]])
    assert content_hash(aligned) == content_hash(align(voxels(), names))


@given(order=st.permutations(range(5)))
def test_aligning_keeps_sessions_and_labels(order: list[int]) -> None:
    repeated = voxels(np.stack([VALUES, VALUES + 1], axis=2))
    aligned = align(repeated.isel(stimulus=order), NAMES)
    xr.testing.assert_identical(aligned, repeated)
    assert align(aligned, NAMES) is aligned


def test_missing_stimuli_are_named() -> None:
    with pytest.raises(DataError, match=r"2 of 3 stimuli have no responses: ape, fly\..*dog, cat"):
        align(voxels(), ["ape", "dog", "fly"])


def test_long_lists_are_cut() -> None:
    with pytest.raises(DataError, match="s0, s1, s2, s3, s4 and 15 more"):
        align(voxels(), [f"s{number}" for number in range(20)])


def test_build_labels_everything() -> None:
    assembly = build(VALUES, NAMES, "voxel", VOXELS, {"source": "made up"})
    assert assembly.dims == ("stimulus", "voxel")
    assert assembly["subject"].dims == ("voxel",)
    assert assembly.attrs == {"source": "made up"}
    assert voxels(VALUES[:, :, None]).dims == ("stimulus", "voxel", "session")


@pytest.mark.parametrize(
    ("values", "names", "coordinates"),
    [
        (VALUES, NAMES[:4], VOXELS),
        (VALUES, NAMES, {"subject": ["only one"]}),
        (VALUES[:, 0], NAMES, VOXELS),
        (np.zeros((5, 4, 2, 2)), NAMES, VOXELS),
        (np.zeros((5, 0)), NAMES, {}),
        (np.zeros((0, 4)), [], VOXELS),
        (VALUES.astype(str), NAMES, VOXELS),
        (VALUES.astype(object), NAMES, VOXELS),
        (VALUES > 0, NAMES, VOXELS),
        (VALUES, ["dog", "cat", "dog", "bee", "owl"], VOXELS),
    ],
)
def test_build_refuses(values: Any, names: list[str], coordinates: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        build(values, names, "voxel", coordinates)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.T, "transpose or rename"),
        (lambda data: data.rename(voxel="neuroid"), "neuroid"),
        (lambda data: data.rename(stimulus="sound"), "sound"),
        (lambda data: data.expand_dims(session=2, axis=0), "session"),
        (lambda data: data.drop_vars("stimulus"), "coordinate `stimulus`"),
        (lambda data: data.set_index(voxel=["subject", "region"]), "'voxel' is a MultiIndex"),
        (lambda data: data.assign_coords(stimulus=["dog"] * 5), "more than once: dog"),
        (lambda data: data.isel(voxel=[]), "no responses"),
        (lambda data: data.astype(str), "holds numbers"),
    ],
)
def test_validate_refuses(change: Any, told: str) -> None:
    good = voxels()
    assert validate(good) is good
    with pytest.raises(DataError, match=told):
        validate(change(good))


def test_missing_values_are_allowed() -> None:
    values = VALUES.copy()
    values[0, 0] = np.nan
    assert np.isnan(voxels(values).values[0, 0])


def test_mean_over_sessions_leaves_missing_ones_out() -> None:
    values = np.random.default_rng(1).standard_normal((5, 4, 3))
    values[0, 0, 1] = np.nan
    values[1, 2, :] = np.nan
    mean = mean_over_sessions(voxels(values).assign_attrs(source="made up"))
    assert mean.dims == ("stimulus", "voxel")
    assert mean.attrs == {"source": "made up"}
    for stimulus in range(5):
        for voxel in range(4):
            kept = [value for value in values[stimulus, voxel] if not np.isnan(value)]
            expected = sum(kept) / len(kept) if kept else np.nan
            np.testing.assert_allclose(mean.values[stimulus, voxel], expected)
    plain = voxels()
    assert mean_over_sessions(plain) is plain


def test_select_ignores_case() -> None:
    chosen = select(voxels(), "region", "PRIMARY")
    np.testing.assert_array_equal(chosen.values, VALUES[:, [0, 2]])
    assert chosen["subject"].values.tolist() == ["subject-0", "subject-1"]
    with pytest.raises(DataError, match="No voxel has region 'anterior'"):
        select(voxels(), "region", "anterior")


def test_content_hash_covers_values_dimensions_and_coordinates() -> None:
    changed = VALUES.copy()
    changed[4, 3] = np.nextafter(changed[4, 3], 1)
    component = build(VALUES, NAMES, "component", VOXELS)
    variants = [
        voxels(),
        voxels(changed),
        voxels(VALUES.astype(np.float32)),
        voxels(subject=["subject-0"] * 4),
        voxels().assign_coords(stimulus=NAMES[::-1]),
        voxels(VALUES[:, :, None]),
        voxels().drop_vars("region"),
        component,
    ]
    assert len({content_hash(variant) for variant in variants}) == len(variants)


def test_content_hash_ignores_memory_layout_and_attributes() -> None:
    other = voxels(np.asfortranarray(VALUES)).assign_attrs(note="x")
    assert content_hash(other) == content_hash(voxels())


def test_targets_with_gaps_or_without_variance_are_not_usable() -> None:
    values = np.random.default_rng(0).random((4, 5))
    values[1, 0] = np.nan
    values[:, 1] = 0.1 + 0.2
    values[0, 1] = 0.3  # the same but for rounding
    values[2, 2] = np.inf
    found = build(values, list("abcd"), "voxel", {})
    assert usable_targets(found).tolist() == [False, False, False, True, True]
    assert usable_targets(found * np.nan).tolist() == [False] * 5
    whole = build(np.array([[1, 2], [1, 3]]), ["a", "b"], "voxel", {})
    assert usable_targets(whole).tolist() == [False, True]


def test_targets_by_subject_in_order_of_appearance() -> None:
    values = np.zeros((2, 3))
    found = build(values, ["a", "b"], "voxel", {"subject": ["two", "one", "two"]})
    subjects = by_subject(found)
    assert subjects is not None
    assert {name: list(places) for name, places in subjects.items()} == {"two": [0, 2], "one": [1]}
    assert list(subjects) == ["two", "one"]
    assert by_subject(found.drop_vars("subject")) is None


def test_complex_responses_are_refused_with_what_to_score() -> None:
    with pytest.raises(DataError, match=r"real numbers, these are complex128.*numpy\.abs"):
        voxels(VALUES * np.exp(1j))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.int16, np.uint8, np.longdouble])
def test_the_mean_over_sessions_is_that_of_the_same_numbers_in_float64(kind: Any) -> None:
    sessions = (np.random.default_rng(2).random((5, 4, 3)) * 200).astype(kind)
    mean = mean_over_sessions(voxels(sessions))
    assert mean.dtype == np.float64
    np.testing.assert_array_equal(mean, mean_over_sessions(voxels(sessions.astype(np.float64))))


@pytest.mark.parametrize("kind", [np.float16, np.int64, np.longdouble])
def test_other_numbers_become_float64_without_sessions_too(kind: Any) -> None:
    assert mean_over_sessions(voxels((VALUES * 9).astype(kind))).dtype == np.float64


def test_features_are_real_numbers_or_refused() -> None:
    for kind in (np.float32, np.float64):
        values = VALUES.astype(kind)
        assert real_numbers(values, "x") is values
    for kind in (bool, np.int8, np.uint16, np.float16, np.longdouble):
        assert real_numbers(VALUES.astype(kind), "x").dtype == np.float64
    whole = np.ma.masked_array(VALUES)
    np.testing.assert_array_equal(real_numbers(whole, "x"), VALUES)
    assert type(real_numbers(whole, "x")) is np.ndarray
    for refused in (VALUES * 1j, VALUES.astype(object), VALUES.astype(str), [[1.0], [1.0, 2.0]]):
        with pytest.raises(DataError, match="Layer z must be"):
            real_numbers(refused, "Layer z")
    with pytest.raises(DataError, match="Layer z are masked in part"):
        real_numbers(np.ma.masked_less(VALUES, 0), "Layer z")


class Gradient:
    """What cannot be an array as it is, such as a tensor with a gradient."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


def test_tensors_that_are_no_arrays_are_refused_with_what_to_give() -> None:
    with pytest.raises(DataError, match=r"\(Can't .* grad\): of a tensor give `.detach"):
        real_numbers(Gradient(), "Layer z")  # type: ignore[arg-type]


def test_what_is_masked_is_missing() -> None:
    masked = np.ma.masked_array(VALUES, mask=VALUES < -1)
    assert masked.mask.any()
    np.testing.assert_array_equal(voxels(masked), np.where(VALUES < -1, np.nan, VALUES))
    assert voxels(masked.astype(np.float32)).dtype == np.float32
    counts = np.ma.masked_array((VALUES * 9).astype(int), mask=VALUES < -1)
    assert np.isnan(voxels(counts).values).sum() == masked.mask.sum()
    assert usable_targets(voxels(masked)).tolist() == (VALUES >= -1).all(axis=0).tolist()


@pytest.mark.parametrize(
    "subjects",
    [
        [1.0, 1.0, 2.0, np.nan],
        np.array(["a", "a", "b", None], dtype=object),
        ["a", "a", "b", "nan"],
        ["a", "a", "b", " "],
    ],
)
def test_a_voxel_without_a_subject_is_nobodys(subjects: Any) -> None:
    found = voxels(subject=subjects)
    groups = by_subject(found)
    assert groups is not None
    assert [list(places) for places in groups.values()] == [[0, 1], [2]]
    assert usable_targets(found).tolist() == [True, True, True, False]


def test_targets_with_a_missing_session_are_counted_those_without_any_are_not() -> None:
    values = np.ones((5, 4, 2))
    values[1, 0, 1] = values[2, 3, :] = np.nan
    assert incomplete_targets(voxels(values)).tolist() == [True, False, False, False]
    assert not incomplete_targets(voxels()).any()


def test_names_in_two_unicode_forms_are_one_name() -> None:
    composed = [f"glocke-é{number}" for number in range(5)]
    apart = [unicodedata.normalize("NFD", name) for name in composed]
    assert composed != apart
    mixed = xr.DataArray(VALUES, {"stimulus": apart}, ("stimulus", "voxel"))
    xr.testing.assert_equal(
        align(mixed, composed).drop_vars("stimulus"), mixed.drop_vars("stimulus")
    )
    labelled = build(VALUES, apart, "component", {"component": [*"abc", apart[0]]})
    assert stimulus_names(labelled) == composed
    assert labelled["component"].values.tolist() == [*"abc", composed[0]]
    assert select(labelled, "component", apart[0]).shape == (5, 1)
    with pytest.raises(DataError, match="named more than once"):
        build(VALUES, [composed[0], apart[0], "x", "y", "z"], "voxel", {})


def test_what_is_no_assembly_is_refused() -> None:
    with pytest.raises(DataError, match=r"a labelled xr\.DataArray, these are ndarray: make one"):
        validate(VALUES)  # type: ignore[arg-type]
