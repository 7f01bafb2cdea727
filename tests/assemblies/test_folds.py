"""Folds: aligned by name, balanced over categories."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.assemblies.folds import Folds, fold_labels, stratified
from brainbench_audio.errors import DataError

CATEGORIES = st.lists(st.sampled_from(["speech", "music", "nature", "x"]), min_size=6, max_size=60)


@given(categories=CATEGORIES, number=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_stratified_folds_are_balanced(categories: list[str], number: int, seed: int) -> None:
    names = [f"s{index}" for index in range(len(categories))]
    assignment = np.asarray(stratified(names, categories, number, seed))
    assert set(assignment.tolist()) == set(range(number))
    for members in (slice(None), *(np.array(categories) == name for name in set(categories))):
        counts = np.bincount(assignment[members], minlength=number)
        assert counts.max() - counts.min() <= 1


def test_the_seed_decides() -> None:
    names, categories = [f"s{index}" for index in range(40)], ["a", "b"] * 20
    first, again, other = (stratified(names, categories, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.assignment != other.assignment
    assert other.source == "stratified, seed 1"


@given(order=st.permutations(range(8)), take=st.integers(3, 8))
def test_alignment_is_by_name(order: list[int], take: int) -> None:
    assignment = (0, 1, 2, 0, 1, 2, 0, 1)
    names = tuple(f"s{index}" for index in range(8))
    chosen = [names[index] for index in order[:take]]
    expected = [assignment[index] for index in order[:take]]
    if set(expected) == {0, 1, 2}:
        aligned = Folds(names, assignment, "published").aligned(chosen)
        assert np.asarray(aligned).tolist() == expected
        assert aligned.stimuli == tuple(chosen)
        assert aligned.source == "published"


def test_an_unknown_stimulus_has_no_fold() -> None:
    with pytest.raises(DataError, match="1 stimuli have no fold, the first is c"):
        Folds(("a", "b"), (0, 1), "x").aligned(["a", "c"])


@pytest.mark.parametrize(
    ("names", "assignment"),
    [
        (("a", "b"), (0,)),
        (("a", "a"), (0, 1)),
        (("a", "b"), (0, 0)),
        (("a", "b"), (1, 2)),
        (("a", "b", "c"), (0, 2, 2)),
        (("a", "b"), (-1, 0)),
        ((), ()),
    ],
)
def test_refusals(names: tuple[str, ...], assignment: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="Folds"):
        Folds(names, assignment, "x")


def test_stratified_refusals() -> None:
    with pytest.raises(DataError, match="2 stimuli cannot be split into 3 folds"):
        stratified(["a", "b"], ["x", "x"], 3)
    with pytest.raises(DataError, match="1 folds"):
        stratified(["a", "b"], ["x", "x"], 1)
    with pytest.raises(DataError, match="3 stimuli have 0 categories"):
        stratified(["a", "b", "c"], [], 2)


def test_array_and_fingerprint() -> None:
    folds = Folds(("a", "b", "c"), (0, 1, 0), "x")
    assert np.asarray(folds).dtype == np.int64
    assert np.asarray(folds, dtype=np.int8).dtype == np.int8
    assert Counter(np.asarray(folds).tolist()) == {0: 2, 1: 1}
    assert len(folds) == 3
    prints = {
        folds.fingerprint,
        Folds(("a", "b", "c"), (1, 0, 0), "x").fingerprint,
        Folds(("a", "b", "d"), (0, 1, 0), "x").fingerprint,
    }
    assert len(prints) == 3
    assert Folds(("a", "b", "c"), (0, 1, 0), "y").fingerprint in prints


def test_folds_of_numpy_are_those_of_python() -> None:
    names = np.array(["a", "b", "c"])
    plain = Folds(("a", "b", "c"), (0, 1, 0), "x")
    for kind in (np.int64, np.uint8, np.intp):
        folds = Folds(tuple(names), tuple(np.array([0, 1, 0], dtype=kind)), "x")
        assert folds == plain
        assert folds.fingerprint == plain.fingerprint
        assert folds.aligned(list(names)).fingerprint == plain.fingerprint
    with pytest.raises(DataError, match="numbered by integers, these by float64"):
        Folds(("a", "b"), (0.0, 1.0), "x")  # type: ignore[arg-type]


def test_folds_know_a_name_in_both_unicode_forms() -> None:
    folds = Folds(("é", "b"), (0, 1), "x")
    assert folds.aligned(["b", "e\u0301"]).assignment == (1, 0)
    assert Folds(("e\u0301", "b"), (0, 1), "x").fingerprint == folds.fingerprint


@pytest.mark.parametrize(
    ("folds", "told"),
    [
        ([[0, 1], [1, 0]], r"one label a stimulus, got shape \(2, 2\)"),
        ([[0, 1], [1]], "one label a stimulus, not lists"),
        (3, r"one label a stimulus, got shape \(\)"),
        ([0, 1, 2], "Folds of 3 stimuli do not fit 4 stimuli: give each one"),
        ([0.0, np.nan, 1.0, 2.0], "1 of 4 stimuli have no fold, the first is in row 1"),
        (["a", None, "b", None], "2 of 4 stimuli have no fold, the first is in row 1"),
        (np.array([0, "a", 1, 2], dtype=object), r"cannot be sorted \(int, str\): give numbers"),
    ],
)
def test_folds_are_one_label_a_stimulus(folds: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        fold_labels(folds, 4)


def test_labels_of_any_kind_are_kept() -> None:
    folds = Folds(("a", "b", "c"), (1, 0, 1), "made up")
    assert fold_labels(folds, 3).tolist() == [1, 0, 1]
    for labels in ([3, -1, 3], ["x", "y", "x"], [0.5, 0.25, 1.0], [True, False, True]):
        assert fold_labels(labels).tolist() == labels
