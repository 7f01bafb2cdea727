"""Effective dimensionality of layers, stored with each score of brain data."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from brainbench_audio import load_benchmark
from brainbench_audio.pipeline import dimensionality
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.dimensionality import MeasuredLayers, participation_ratio
from brainbench_audio.scores.profiles import check_raw, dimensions
from brainbench_audio.scores.score import Score


@pytest.mark.parametrize("shape", [(30, 4), (30, 200), (5, 5)])
@pytest.mark.parametrize("unit", [1.0, 1e-30, 1e30])
def test_equal_to_eigenvalues(shape: tuple[int, int], unit: float) -> None:
    generator = np.random.default_rng(0)
    rows = generator.standard_normal(shape) * generator.uniform(0.1, 3, shape[1]) + 7
    values = np.linalg.eigvalsh(np.cov(rows.T))
    expected = values.sum() ** 2 / np.square(values).sum()
    assert participation_ratio(rows * unit) == pytest.approx(expected, rel=1e-9)
    # planted: as many directions as vary alike
    planted = np.linalg.qr(generator.standard_normal((50, 9)))[0]
    planted -= planted.mean(axis=0)
    alike = np.linalg.qr(planted[:, :8])[0] @ np.linalg.qr(generator.standard_normal((60, 8)))[0].T
    assert participation_ratio(alike.astype(np.float32)) == pytest.approx(8, rel=1e-3)


def test_large_layers_are_multiplied_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dimensionality, "_LARGE", 100)
    monkeypatch.setattr(dimensionality, "_TILE", 64)
    generator = np.random.default_rng(3)
    # features far from 0, in units far apart
    rows = generator.standard_normal((300, 250)) * np.logspace(0, -4, 250) + 50
    squares = np.linalg.norm(np.cov(rows.T, bias=True)) ** 2
    expected = rows.var(axis=0).sum() ** 2 / squares
    for layer in (rows, np.hstack([rows, rows]) / np.sqrt(2), 1e-25 * rows):
        found = participation_ratio(layer)
        assert found == pytest.approx(expected, rel=1e-7)
        assert found != pytest.approx(expected, rel=1e-12)


def test_what_does_not_vary_has_none() -> None:
    for rows in (np.full((9, 3), 0.1), np.zeros((9, 3)), np.full((3, 9), np.nan)):
        assert np.isnan(participation_ratio(rows))


@pytest.mark.usefixtures("tiny")
def test_it_is_stored_for_layers_that_were_read() -> None:
    benchmark = load_benchmark("Tiny-match")
    assert isinstance(benchmark, ComposedBenchmark)
    layers = {
        name: np.random.default_rng(place).standard_normal((40, 3 + place))
        for place, name in enumerate(("in", "out"))
    }
    raw = benchmark.compare(layers).raw
    assert check_raw(raw) == []
    effective, features = dimensions(raw, "out") or (0.0, 0)
    assert effective == pytest.approx(participation_ratio(layers["out"]))
    assert features == 4
    assert dimensions(raw, "other") is None

    # not beside labels, whose clips are many
    benchmark.assembly = benchmark.assembly.rename({benchmark.assembly.dims[1]: "label"})
    seen: list[object] = []
    benchmark._metric = lambda layers, *_: [seen.extend(layers.values()), Score(value=0.5)][1]
    assert "dimensionality" not in benchmark.compare(layers).raw
    assert len(seen) == 2

    # what is wrong with layers is the metric's to say
    for odd in (1j * np.ones((40, 2)), np.full((40, 2), "loud"), [[1.0, 2.0]]):
        read = MeasuredLayers({"in": odd})  # type: ignore[dict-item]
        assert read["in"] is odd
        assert read.added_to(xr.Dataset()).identical(xr.Dataset())

    read = MeasuredLayers(layers)
    assert read["in"] is layers["in"]
    assert read.added_to(xr.Dataset()).identical(xr.Dataset()), "out was not read"
    assert len(read["out"])
    other = xr.Dataset(coords={"layer": ["mean"]})
    assert read.added_to(other).identical(other)
