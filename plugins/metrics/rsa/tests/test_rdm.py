from __future__ import annotations

import numpy as np
import pytest
from brainbench_rsa.rdm import UndefinedDistance, pair_indices, rdm, square, standardise, stimuli_of
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbench_audio.errors import DataError


def reference(responses: np.ndarray, zscore: bool = True) -> np.ndarray:
    """One pair at a time, with numpy's own correlation."""
    x = np.asarray(responses, dtype=np.float64)
    if zscore:
        deviation = x.std(axis=0)
        x = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    stimuli = range(len(x))
    return np.array([1 - np.corrcoef(x[a], x[b])[0, 1] for a in stimuli for b in stimuli if a < b])


@pytest.mark.parametrize("zscore", [True, False])
@pytest.mark.parametrize("shape", [(3, 2), (17, 5), (20, 300)])
def test_equal_to_a_loop_over_pairs(shape: tuple[int, int], zscore: bool) -> None:
    generator = np.random.default_rng(0)
    x = 3.0 + generator.standard_normal(shape) * generator.uniform(0.1, 10, shape[1])
    np.testing.assert_allclose(rdm(x, zscore=zscore), reference(x, zscore), atol=1e-12)


def test_single_precision_is_computed_in_double() -> None:
    x = np.random.default_rng(1).standard_normal((12, 40)).astype(np.float32)
    assert rdm(x).dtype == np.float64
    np.testing.assert_array_equal(rdm(x), rdm(x.astype(np.float64)))


def test_zscore_changes_distances_and_leaves_the_input_alone() -> None:
    x = np.random.default_rng(2).standard_normal((9, 8)) * np.arange(1, 9)
    before = x.copy()
    assert np.abs(rdm(x) - rdm(x, zscore=False)).max() > 0.01
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 / 3])
def test_a_constant_feature_counts_as_zero(constant: float) -> None:
    x = np.random.default_rng(3).standard_normal((11, 30))
    x[:, 7] = constant
    z = standardise(x)
    np.testing.assert_array_equal(z[:, 7], 0.0)
    np.testing.assert_allclose(np.delete(z, 7, axis=1), standardise(np.delete(x, 7, axis=1)))
    zero = x.copy()
    zero[:, 7] = 0.0
    np.testing.assert_allclose(rdm(x), reference(zero), atol=1e-9)


def test_a_barely_varying_feature_is_not_constant() -> None:
    x = np.random.default_rng(4).standard_normal((11, 30))
    x[:, 7] = 1e-9 * x[:, 8]
    np.testing.assert_allclose(rdm(x), reference(x), atol=1e-9)


def test_what_differs_by_rounding_alone_is_constant() -> None:
    x = np.random.default_rng(4).standard_normal((11, 30))
    x[:, 7] = 0.3
    x[::2, 7] = np.nextafter(0.3, 1.0)
    np.testing.assert_array_equal(standardise(x)[:, 7], 0.0)


@pytest.mark.parametrize("unit", [1e-30, 1e-13, 1e-7, 1e4, 1e30])
@pytest.mark.parametrize("zscore", [True, False])
def test_the_unit_does_not_matter(unit: float, zscore: bool) -> None:
    generator = np.random.default_rng(8)
    x = 2.0 + generator.standard_normal((15, 20)) * 10 ** generator.uniform(-2, 2, 20)
    np.testing.assert_allclose(rdm(x * unit, zscore=zscore), rdm(x, zscore=zscore), atol=2e-13)


@given(seed=st.integers(0, 10_000), stimuli=st.integers(3, 20), features=st.integers(3, 20))
@settings(max_examples=50, deadline=None)
def test_permuted_stimuli_permute_the_matrix(seed: int, stimuli: int, features: int) -> None:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((stimuli, features))
    order = generator.permutation(stimuli)
    np.testing.assert_allclose(
        square(rdm(x[order])), square(rdm(x))[np.ix_(order, order)], atol=1e-12
    )
    np.testing.assert_allclose(rdm(x[:, generator.permutation(features)]), rdm(x), atol=1e-12)


def test_distances_equal_on_paper_are_equal_in_memory() -> None:
    x = np.random.default_rng(5).standard_normal((30, 2))
    assert set(np.unique(rdm(x))) == {0.0, 2.0}


def test_copies_of_a_stimulus_have_no_distance() -> None:
    x = np.random.default_rng(6).standard_normal((6, 10))
    x[4] = x[1]
    assert square(rdm(x))[1, 4] == 0.0


@pytest.mark.parametrize("zscore", [True, False])
def test_one_feature_has_no_correlation(zscore: bool) -> None:
    with pytest.raises(UndefinedDistance, match="at least 2 features, got 1"):
        rdm(np.arange(5.0)[:, None], zscore=zscore)


def test_a_constant_stimulus_has_no_correlation() -> None:
    x = np.random.default_rng(7).standard_normal((5, 6)) + 0.1
    x[3] = 0.1
    with pytest.raises(UndefinedDistance, match=r"1 of 5 stimuli .*first: row 3"):
        rdm(x, zscore=False)
    assert rdm(x).shape == (10,)


def test_a_dead_layer_has_no_correlation() -> None:
    with pytest.raises(UndefinedDistance, match="5 of 5 stimuli"):
        rdm(np.full((5, 6), 0.3))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    x = np.ones((5, 6))
    x[2, 3] = value
    with pytest.raises(DataError, match="1 of 6 features"):
        rdm(x)


@pytest.mark.parametrize("shape", [(2, 6), (6,), (3, 2, 4)])
def test_shapes_without_pairs_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError):
        rdm(np.ones(shape))


@pytest.mark.parametrize("stimuli", [3, 4, 165])
def test_the_triangle_has_its_order_and_size(stimuli: int) -> None:
    first, second = pair_indices(stimuli)
    assert (first < second).all()
    assert stimuli_of(first.size) == stimuli
    values = np.arange(first.size)
    np.testing.assert_array_equal(square(values)[np.triu_indices(stimuli, k=1)], values)


def test_a_wrong_number_of_pairs_is_refused() -> None:
    with pytest.raises(DataError, match="5 values"):
        stimuli_of(5)
