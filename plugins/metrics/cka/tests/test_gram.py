"""CKA of two layers: against the definition, the papers' formulas and what is known of it."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from brainbench_cka.gram import Array, bootstrap_cka, unit_gram
from brainbench_cka.reference import biased_hsic, plain_cka, unbiased_hsic
from hypothesis import given
from hypothesis import strategies as st

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
def test_a_draw_of_each_stimulus_once_is_the_score(biased: bool) -> None:
    x, y = (unit_gram(layer, biased=biased) for layer in drawn(7, 20, 4, 4))
    assert x is not None
    assert y is not None
    found = bootstrap_cka(x, y, np.ones((1, 20)), biased=biased)
    assert found == pytest.approx([float((x * y).sum())], rel=1e-12)


@both
@pytest.mark.parametrize("seed", range(3))
def test_a_draw_leaves_copies_out(biased: bool, seed: int) -> None:
    """Centred by least squares over the entries that are left, written out."""
    layers = drawn(10, 12, 3, 5)
    x, y = (unit_gram(layer, biased=biased) for layer in layers)
    assert x is not None
    assert y is not None
    rows = np.random.default_rng(seed).integers(12, size=12)
    pairs = [
        (a, b) for a in range(12) for b in range(12) if rows[a] != rows[b] or (biased and a == b)
    ]
    one, other = np.array(pairs).T
    design = np.zeros((len(pairs), 12))
    np.add.at(design, (np.arange(len(pairs)), rows[one]), 1)
    np.add.at(design, (np.arange(len(pairs)), rows[other]), 1)
    left = []
    for layer in layers:
        entries = (layer @ layer.T)[rows[one], rows[other]]
        left.append(entries - design @ np.linalg.lstsq(design, entries)[0])
    expected = left[0] @ left[1] / np.sqrt((left[0] @ left[0]) * (left[1] @ left[1]))
    counts = np.bincount(rows, minlength=12)[np.newaxis].astype(float)
    assert bootstrap_cka(x, y, counts, biased=biased) == pytest.approx([expected], rel=1e-9)


def test_a_draw_of_three_stimuli_is_undefined() -> None:
    x, y = (unit_gram(layer) for layer in drawn(12, 9, 3, 3))
    assert x is not None
    assert y is not None
    counts = np.array([[3, 3, 3, 0, 0, 0, 0, 0, 0]], dtype=float)
    assert np.isnan(bootstrap_cka(x, y, counts)).all()
