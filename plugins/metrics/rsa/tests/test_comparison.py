from __future__ import annotations

import numpy as np
import pytest
from brainbench_rsa.comparison import spearman, standard_ranks, tie_groups
from brainbench_rsa.rdm import rdm
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
