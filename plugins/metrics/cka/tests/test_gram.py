"""CKA of two layers: against the definition, the papers' formulas and what is known of it."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from brainbench_cka.gram import Array, influence, unit_gram
from brainbench_cka.reference import biased_hsic, plain_cka, unbiased_hsic
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.scores.influence import sketch

both = pytest.mark.parametrize("biased", [False, True], ids=["unbiased", "biased"])


def cka(first: Array, second: Array, biased: bool = False) -> float:
    one, other = (unit_gram(layer, biased=biased) for layer in (first, second))
    assert one is not None
    assert other is not None
    return float((one * other).sum())


def drawn(seed: int, stimuli: int, *features: int) -> list[Array]:
    generator = np.random.default_rng(seed)
    return [generator.standard_normal((stimuli, number)) for number in features]


@both
@pytest.mark.parametrize("unit", [1e-30, 1e-13, 1e30])
def test_the_unit_does_not_matter(unit: float, biased: bool) -> None:
    first, second = drawn(3, 15, 8, 6)
    expected = cka(first, second, biased)
    assert cka(unit * first, second / unit, biased) == pytest.approx(expected, abs=1e-12)


def definition(k: Array, l: Array) -> float:  # noqa: E741
    """Return HSIC as a U-statistic: means over different stimuli, one by one."""
    every = range(len(k))
    pair = np.mean([k[i, j] * l[i, j] for i, j in permutations(every, 2)])
    apart = np.mean([k[i, j] * l[q, r] for i, j, q, r in permutations(every, 4)])
    chained = np.mean([k[i, j] * l[i, q] for i, j, q in permutations(every, 3)])
    return float(pair + apart - 2 * chained)


def test_the_reference_is_the_u_statistic() -> None:
    x, y = drawn(0, 7, 3, 2)
    k, l = x @ x.T, y @ y.T  # noqa: E741
    assert unbiased_hsic(k, l) == pytest.approx(definition(k, l), rel=1e-12)


def test_biased_hsic_of_two_stimuli_by_hand() -> None:
    k = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert biased_hsic(k, k) == pytest.approx(4.0)


@both
@given(seed=st.integers(0, 10**6), stimuli=st.integers(5, 12), features=st.integers(1, 9))
def test_equals_the_formulas(biased: bool, seed: int, stimuli: int, features: int) -> None:
    x, y = drawn(seed, stimuli, features, 3)
    x += 5  # centring is part of it
    assert cka(x, y, biased) == pytest.approx(plain_cka(x, y, biased), abs=1e-9)


def test_biased_is_the_cross_covariance_of_features() -> None:
    """``|Y'X|² / (|X'X| |Y'Y|)``, the form of Kornblith et al. for few features."""
    x, y = (layer - layer.mean(axis=0) for layer in drawn(1, 30, 4, 6))
    norms = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    assert cka(x, y, True) == pytest.approx(np.linalg.norm(y.T @ x) ** 2 / norms, rel=1e-12)


@both
def test_invariances(biased: bool) -> None:
    x, y = drawn(2, 40, 8, 5)
    rotation = np.linalg.qr(np.random.default_rng(3).standard_normal((8, 8)))[0]
    order = np.random.default_rng(4).permutation(40)
    expected = cka(x, y, biased)
    assert cka(y, x, biased) == pytest.approx(expected)
    assert cka(x @ rotation, 1e-30 * y, biased) == pytest.approx(expected)
    assert cka(x[order], y[order], biased) == pytest.approx(expected)
    assert cka(x + 1e4, y, biased) == pytest.approx(expected, abs=1e-8)
    assert cka(np.hstack([x, np.full((40, 1), 1e6)]), y, biased) == pytest.approx(expected)
    # not invariant to any invertible map: that is what sets it apart from regression
    assert cka(x * np.arange(1, 9), y, biased) != pytest.approx(expected, abs=1e-3)


@both
def test_known_values(biased: bool) -> None:
    x, y = drawn(5, 100, 2, 2)
    x = np.linalg.qr(x - x.mean(axis=0))[0]
    y = y - y.mean(axis=0)
    y = np.linalg.qr(y - x @ (x.T @ y))[0]
    assert cka(x, x, biased) == pytest.approx(1.0)
    # of two orthonormal columns one is shared: half the covariance
    half = cka(x, np.column_stack([x[:, 0], y[:, 0]]), True)
    assert half == pytest.approx(0.5)
    assert cka(x, y, True) == pytest.approx(0.0, abs=1e-12)


def test_bias_of_many_features() -> None:
    """Unrelated layers with more features than stimuli: about 0, and far from it."""
    found = [[cka(*drawn(seed, 60, 300, 300), biased) for seed in range(20)] for biased in (0, 1)]
    assert abs(np.mean(found[0])) < 0.01
    assert np.mean(found[1]) > 0.8


def test_more_features_than_fit_a_block() -> None:
    x, y = drawn(6, 12, 9000, 3)
    assert cka(x.astype(np.float32), y) == pytest.approx(plain_cka(x, y), abs=1e-6)


@pytest.mark.parametrize(
    "values", [np.ones((6, 3)), np.eye(6)[:, :1], np.zeros((6, 0))], ids=["same", "one", "none"]
)
def test_nothing_to_compare(values: Array) -> None:
    assert unit_gram(values) is None


@both
def test_pairs_equal_numerical_second_derivatives(biased: bool) -> None:
    layers = drawn(2, 9, 3, 5, 4)
    layers[1][:, 0] += layers[0][:, 0]
    gram, *others = (unit_gram(layer, biased=biased) for layer in layers)
    assert gram is not None
    found = influence(gram, np.stack(others), "listeners")

    def weighed(other: Array, weights: Array) -> float:
        """Return CKA of centred matrices, weights of stimuli multiplied."""
        pairs = np.outer(weights, weights)
        np.fill_diagonal(pairs, weights)
        squares = (pairs * gram**2).sum() * (pairs * other**2).sum()
        return float((pairs * gram * other).sum() / np.sqrt(squares))

    for place, other in enumerate(others):
        expected = []
        for one, two in zip(*np.triu_indices(9, 1), strict=True):
            change = 0.0
            for first, second in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                weights = np.ones(9)
                weights[[one, two]] += 1e-3 * first, 1e-3 * second
                change += first * second * weighed(other, weights)
            expected.append(change / 4e-6)
        np.testing.assert_allclose(found.pairs[:, place], sketch([expected])[:, 0], atol=1e-5)


@both
@pytest.mark.parametrize("stimuli", [12, 80])
def test_influence_is_as_if_a_stimulus_had_not_been_there(biased: bool, stimuli: int) -> None:
    x, y, z = drawn(8, stimuli, 6, 5, 4)
    y[:, :3] += 2 * x[:, :3]
    grams = [unit_gram(layer, biased=biased) for layer in (x, y, z)]
    found = influence(grams[0], np.stack(grams[1:]), "listeners", biased=biased)
    assert found.units == "listeners"
    rows = [np.delete(np.arange(stimuli), gone) for gone in range(stimuli)]
    for place, other in enumerate((y, z)):
        assert found.parts[place] == pytest.approx(plain_cka(x, other, biased))
        without = np.array([plain_cka(x[row], other[row], biased) for row in rows])
        np.testing.assert_allclose(found.stimuli[:, place], without - without.mean(), atol=1e-12)


@both
def test_without_the_only_stimulus_that_tells_others_apart_nothing_is_left(biased: bool) -> None:
    (y,) = drawn(3, 8, 2)
    x = np.zeros((8, 1))
    x[: 1 if biased else 2] = 1.0
    gram, other = (unit_gram(layer, biased=biased) for layer in (x, y))
    assert gram is not None
    assert other is not None
    found = influence(gram, other[np.newaxis], biased=biased)
    without = found.stimuli[:, 0] - found.stimuli[0, 0]  # less that of the first, which is 0
    expected = [plain_cka(np.delete(x, i, 0), np.delete(y, i, 0), biased) for i in range(2, 8)]
    np.testing.assert_allclose(without[2:], expected, atol=1e-12)
