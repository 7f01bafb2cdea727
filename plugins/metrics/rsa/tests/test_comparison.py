from __future__ import annotations

import numpy as np
import pytest
from brainbench_rsa.comparison import bootstrap_spearman, spearman, standard_ranks, tie_groups
from brainbench_rsa.rdm import pair_indices, rdm
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from brainbench_audio.errors import DataError


def reference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.array([[spearmanr(one, other).statistic for other in second] for one in first])


@pytest.mark.parametrize("distinct", [3, 20, 100_000])
def test_equal_to_scipy_with_and_without_ties(distinct: int) -> None:
    generator = np.random.default_rng(0)
    first = generator.integers(distinct, size=(3, 190)) / 7
    second = generator.integers(distinct, size=(4, 190)) / 7
    np.testing.assert_allclose(
        spearman(first, second), reference(first, second), rtol=0, atol=1e-12
    )


def test_equal_to_scipy_on_rdms_of_the_usual_size() -> None:
    generator = np.random.default_rng(1)
    shared = generator.standard_normal((165, 20))
    rdms = [
        rdm(shared @ generator.standard_normal((20, 50)) + generator.standard_normal((165, 50)))
        for _ in range(4)
    ]
    found = spearman(rdms[:2], rdms[2:])
    assert found.min() > 0.3
    np.testing.assert_allclose(
        found, reference(np.array(rdms[:2]), np.array(rdms[2:])), rtol=0, atol=1e-10
    )


@given(
    values=st.lists(st.integers(-5, 5), min_size=2, max_size=40),
    chosen=st.integers(1, 2**30),
)
def test_ranks_within_a_subset_need_no_second_sort(values: list[int], chosen: int) -> None:
    row = np.array(values, dtype=np.float64)
    mask = np.array([bool(chosen >> (place % 30) & 1) for place in range(len(row))])
    assume(len(np.unique(row[mask])) > 1)
    expected = rankdata(row[mask])
    expected -= expected.mean()
    found = standard_ranks(tie_groups(row), mask)[0]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-12)


def test_only_the_order_matters() -> None:
    row = np.random.default_rng(2).uniform(0.1, 2, size=(1, 45))
    assert spearman(row, row).item() == pytest.approx(1, abs=1e-12)
    assert spearman(row, np.exp(row)).item() == pytest.approx(1, abs=1e-12)
    assert spearman(row, 1 / row).item() == pytest.approx(-1, abs=1e-12)


@given(seed=st.integers(0, 10_000), stimuli=st.integers(4, 15))
@settings(max_examples=50, deadline=None)
def test_the_order_of_stimuli_does_not_matter(seed: int, stimuli: int) -> None:
    generator = np.random.default_rng(seed)
    one, other = generator.standard_normal((2, stimuli, 12))
    order = generator.permutation(stimuli)
    assert spearman(rdm(one), rdm(other)).item() == pytest.approx(
        spearman(rdm(one[order]), rdm(other[order])).item(), abs=1e-10
    )


def test_a_constant_rdm_has_no_correlation() -> None:
    assert np.isnan(spearman(np.ones(6), np.arange(6.0))).all()


def test_what_cannot_be_ranked_is_refused() -> None:
    with pytest.raises(DataError, match="NaN"):
        spearman([0.0, np.nan, 1.0], [0.0, 1.0, 2.0])
    with pytest.raises(DataError, match="3 and 6 pairs"):
        spearman(np.arange(3.0), np.arange(6.0))


def test_the_bootstrap_is_a_resampled_matrix_without_copies() -> None:
    generator = np.random.default_rng(3)
    stimuli = 12
    one, other = generator.standard_normal((2, stimuli, 9))
    other += one
    first, second = pair_indices(stimuli)
    one_matrix, other_matrix = np.zeros((2, stimuli, stimuli))
    one_matrix[first, second] = one_matrix[second, first] = rdm(one)
    other_matrix[first, second] = other_matrix[second, first] = rdm(other)
    drawn = generator.integers(stimuli, size=(20, stimuli))
    counts = np.array([np.bincount(row, minlength=stimuli) for row in drawn])
    expected = []
    for row in drawn:
        keep = row[first] != row[second]
        left, right = row[first][keep], row[second][keep]
        expected.append(spearmanr(one_matrix[left, right], other_matrix[left, right]).statistic)
    found = bootstrap_spearman(rdm(one), rdm(other), counts)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)


def test_many_rdms_are_bootstrapped_at_once() -> None:
    generator = np.random.default_rng(8)
    rdms = generator.integers(6, size=(5, 45)).astype(float)  # with ties
    others = generator.standard_normal((5, 45))
    counts = generator.multinomial(10, np.full(10, 0.1), size=7)
    for rows in (rdms, rdms[:1]):
        expected = np.stack(
            [
                bootstrap_spearman(rows[number % len(rows)], others[number], counts)[:, 0]
                for number in range(5)
            ],
            axis=1,
        )
        for at_once in (None, 1, 2):
            found = bootstrap_spearman(rows, others, counts, rdms=at_once)
            np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_draw_of_one_stimulus_says_nothing() -> None:
    x = np.random.default_rng(4).standard_normal((3, 5))
    assert np.isnan(bootstrap_spearman(rdm(x), rdm(x), [[3, 0, 0]])).all()


def test_counts_of_other_stimuli_are_refused() -> None:
    with pytest.raises(DataError, match="4 stimuli do not fit"):
        bootstrap_spearman(np.arange(3.0), np.arange(3.0), np.ones((2, 4)))
