"""Results as a table of models and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .results import Result, preferred

if TYPE_CHECKING:
    import xarray as xr


def matrix(
    results: Iterable[Result],
    models: Sequence[str] | None = None,
    benchmarks: Sequence[str] | None = None,
) -> xr.DataArray:
    """Return the values, NaN where there is no score.

    Parameters
    ----------
    results : iterable of Result
        Of a pair that was measured and published, the measured one counts.
    models, benchmarks : sequence of str, optional
        Rows and columns; by default all there are, sorted.

    Returns
    -------
    xr.DataArray
        float64 (model, benchmark), with the models' ``label``, ``family`` and ``version`` as
        coordinates.
    """
    import xarray as xr  # most verbs that export do without

    chosen = preferred(results)
    rows = sorted({result.model for result in chosen}) if models is None else list(models)
    columns = (
        sorted({result.benchmark for result in chosen}) if benchmarks is None else list(benchmarks)
    )
    values = {result.pair: result.value for result in chosen}
    about = {result.model: result for result in chosen}
    labels = [about[model].label if model in about else model for model in rows]
    families = [about[model].family if model in about else "" for model in rows]
    versions = [about[model].version if model in about else "" for model in rows]
    data = [[values.get((model, one), np.nan) for one in columns] for model in rows]
    return xr.DataArray(
        np.array(data, dtype=np.float64).reshape(len(rows), len(columns)),
        dims=("model", "benchmark"),
        coords={
            "model": np.array(rows, dtype=str),
            "benchmark": np.array(columns, dtype=str),
            "label": ("model", np.array(labels, dtype=str)),
            "family": ("model", np.array(families, dtype=str)),
            "version": ("model", np.array(versions, dtype=str)),
        },
    )
