from __future__ import annotations

import numpy as np
import pytest
from brainbench_probe.reduction import principal_components
from sklearn.decomposition import PCA

from brainbench_audio.errors import DataError


def layer(clips: int = 300, features: int = 20) -> np.ndarray:
    generator = np.random.default_rng(0)
    mixed = (
        generator.standard_normal((clips, 6))
        * [9, 7, 5, 3, 2, 1]
        @ generator.standard_normal((6, features))
    )
    return (mixed + 0.1 * generator.standard_normal((clips, features)) + 4).astype(np.float32)


def test_equal_to_scikit_learn_where_training_fits_in_a_piece() -> None:
    values, train = layer(), np.arange(0, 200)
    exact = PCA(8, svd_solver="full").fit(values[train].astype(np.float64))
    wanted = exact.transform(values)
    found = principal_components("l", values, train, 8)
    signs = np.sign((found * wanted).sum(axis=0))
    np.testing.assert_allclose(found * signs, wanted, rtol=1e-3, atol=1e-3)


def test_pieces_find_the_same_subspace() -> None:
    values, train = layer(), np.arange(0, 200)
    wanted = PCA(6, svd_solver="full").fit(values[train].astype(np.float64)).transform(values)
    found = principal_components("l", values, train, 6, piece=50)
    for one in range(6):
        assert abs(np.corrcoef(found[:, one], wanted[:, one])[0, 1]) > 0.999


def test_only_training_clips_count() -> None:
    values, train = layer(), np.arange(0, 200)
    changed = values.copy()
    changed[200:] *= 100
    first = principal_components("l", values, train, 5)
    second = principal_components("l", changed, train, 5)
    assert np.array_equal(first[:200], second[:200])
    assert not np.allclose(first[200:], second[200:])


def test_as_many_components_as_training_clips() -> None:
    found = principal_components("l", layer(), np.arange(10), 10)
    assert found.shape == (300, 10)
    assert np.isfinite(found).all()


def test_one_training_clip_is_too_few() -> None:
    with pytest.raises(DataError, match="1 training clips are too few"):
        principal_components("l", layer(), np.arange(1), 1)


def test_nan_names_the_layer() -> None:
    values = layer()
    values[3, 3] = np.nan
    with pytest.raises(DataError, match="'mid' holds NaN"):
        principal_components("mid", values, np.arange(10), 3)
