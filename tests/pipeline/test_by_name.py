"""Rows of layers that are named have the order of the stimuli, whatever order they come in."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from brainbench_audio import load_benchmark
from brainbench_audio.errors import DataError
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.by_name import RowsByName

NAMES = ("Türglocke", "dog", "cat", "1")
ROWS = np.arange(12.0).reshape(4, 3)


def table(names: Any, rows: Any = ROWS) -> xr.DataArray:
    return xr.DataArray(rows, dims=("stimulus", "feature"), coords={"stimulus": list(names)})


@pytest.mark.parametrize("kind", [pd.DataFrame, table])
def test_named_rows_are_put_in_the_order_of_the_stimuli(kind: Any) -> None:
    order = [2, 0, 3, 1]
    names = [unicodedata.normalize("NFD", NAMES[row]) for row in order]
    named = table(names, ROWS[order]) if kind is table else pd.DataFrame(ROWS[order], index=names)
    layers = RowsByName({"plain": ROWS, "named": named}, NAMES)
    assert layers["plain"] is ROWS
    np.testing.assert_array_equal(layers["named"], ROWS)
    assert (len(layers), list(layers)) == (2, ["plain", "named"])


@pytest.mark.parametrize("layer", [pd.DataFrame(ROWS), xr.DataArray(ROWS), table(range(4))])
def test_rows_that_are_counted_have_no_names(layer: Any) -> None:
    rows = RowsByName({"one": layer}, NAMES)["one"]
    assert type(rows) is np.ndarray
    np.testing.assert_array_equal(rows, ROWS)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["dog", "cat", "1", "owl"], r"missing: Türglocke; too many: owl\)"),
        (["dog", "cat", "dog", "1"], r"missing: Türglocke; too many: dog\)"),
        ([*NAMES, "dog"], r"missing: none; too many: dog\)"),
        (NAMES[:3], r"missing: 1; too many: none\)"),
        ([3, 1, 0, 2], r"missing: Türglocke, dog, cat; too many: 3, 0, 2\)"),
    ],
)
def test_rows_named_otherwise_are_refused(names: Any, message: str) -> None:
    layer = table(names, np.zeros((len(names), 3)))
    with pytest.raises(DataError, match=rf"Rows of layer 'one' .* once each \({message}: name"):
        RowsByName({"one": layer}, NAMES)["one"]


@pytest.mark.usefixtures("tiny")
def test_a_benchmark_goes_by_name() -> None:
    benchmark = load_benchmark("Tiny-match")
    assert isinstance(benchmark, ComposedBenchmark)
    rows = np.random.default_rng(0).standard_normal((40, 3))
    expected = benchmark.compare({"in": rows})
    named = pd.DataFrame(rows, index=list(benchmark.stimuli.names))[::-1]
    assert benchmark.compare({"in": named}).value == expected.value
    # as position would have it
    assert benchmark.compare({"in": rows[::-1]}).value != expected.value
    with pytest.raises(DataError, match=r"Layers are a mapping of names to arrays.*are ndarray"):
        benchmark.compare(rows)  # type: ignore[arg-type]
