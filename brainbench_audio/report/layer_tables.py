"""Layer x component tables (or subject, or region), read from the arrays of stored scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.scores.profiles import (
    averaging,
    layer_profile,
    layer_targets,
    layer_weights,
    names_along,
    read_raw,
)

By = Literal["part", "region"]
SCORE, WEIGHT = "score", "learned weight"
Array = npt.NDArray[np.float64]
_ASKED = {"part": "a score of each layer", "region": "a score of each layer for each voxel"}


@dataclass(frozen=True)
class LayerTable:
    """The numbers of one model on one benchmark.

    Attributes
    ----------
    model, benchmark : str
    what : str
        ``score`` of each layer alone, or its ``learned weight`` where a metric mixes all layers.
    kind : str
        What the columns are: ``component``, ``subject``, ``region``, ``fold``, ….
    values : xr.DataArray
        float64 (layer, `kind`), NaN where a layer has no score.
    """

    model: str
    benchmark: str
    what: str
    kind: str
    values: xr.DataArray

    @property
    def layers(self) -> list[str]:
        """Names of the rows, from sound to output."""
        return names_along(self.values, "layer")

    @property
    def parts(self) -> list[str]:
        """Names of the columns."""
        return names_along(self.values, self.kind)


def layer_tables(files: Iterable[tuple[str, str, Path]], by: By = "part") -> list[LayerTable]:
    """Return a table for each stored score whose metric keeps something for each layer.

    Parameters
    ----------
    files : iterable of (str, str, Path)
        Model, benchmark and file of the score.
    by : str
        ``part``: a column a subject where there are subjects (median over the subject's voxels, or
        mean, see `profiles.averaging`), else one a component, label or fold. ``region``: the same
        over each subject's voxels of a region, averaged over subjects.

    Raises
    ------
    DataError
        None of the scores has anything for each layer, or a file is missing or damaged.
    """
    read = {"part": _by_part, "region": _by_region}
    found, lacking = [], []
    for model, benchmark, file in files:
        raw = read_raw(file, "layer_score", "profile", "layer_weights")
        table = read[by](raw)
        if table is None:
            lacking.append(benchmark)
            continue
        what, values = table
        found.append(LayerTable(model, benchmark, what, str(values.dims[1]), values))
    if not found:
        scored = f"scores of {', '.join(dict.fromkeys(lacking))} keep none"
        raise DataError(
            f"There is no layer table: {scored if lacking else 'no score is stored'}. Score a "
            f"benchmark whose metric keeps {_ASKED[by]}: `brainbench info METRIC` says what it "
            f"keeps."
        )
    return found


def rows_of(tables: Iterable[LayerTable]) -> Iterator[dict[str, str | float | None]]:
    """Yield a row a cell, for CSV and JSON; an unknown number is None."""
    for table in tables:
        about = {"model": table.model, "benchmark": table.benchmark, "what": table.what}
        for place, layer in enumerate(table.layers):
            for column, part in enumerate(table.parts):
                value = float(table.values[place, column])
                cell = {"layer": layer, "kind": table.kind, "part": part}
                yield {**about, **cell, "value": value if np.isfinite(value) else None}


def _by_part(raw: xr.Dataset) -> tuple[str, xr.DataArray] | None:
    profile = layer_profile(raw)
    if profile is not None:
        return SCORE, profile
    weights = layer_weights(raw)
    return None if weights is None else (WEIGHT, weights.transpose("layer", ...))


def _by_region(raw: xr.Dataset) -> tuple[str, xr.DataArray] | None:
    each = layer_targets(raw)
    if each is None or "region" not in each.coords or each["region"].dims != each.dims[1:]:
        return None
    regions = each["region"].values.astype(str)
    alone = np.full(len(regions), "all")
    subjects = each["subject"].values.astype(str) if "subject" in each.coords else alone
    names = [name for name in dict.fromkeys(regions.tolist()) if name]
    scores = each.values.astype(np.float64)
    average = averaging(each)
    columns = [
        _over_subjects(scores[:, regions == name], subjects[regions == name], average)
        for name in names
    ]
    if not columns:
        return None
    coordinates = {"layer": names_along(each, "layer"), "region": names}
    return SCORE, xr.DataArray(np.stack(columns, axis=1), coordinates, ("layer", "region"))


def _over_subjects(
    scores: Array, subjects: npt.NDArray[np.str_], average: Callable[..., Any]
) -> Array:
    """Return (layer,): average over each subject's voxels, mean over subjects; NaN left out."""
    each = [scores[:, subjects == one] for one in dict.fromkeys(subjects.tolist())]
    averages = np.stack([_reduced(one, average) for one in each], axis=1)
    return _reduced(averages, np.mean)


def _reduced(values: Array, reduce: Callable[[Array], np.floating[Any]]) -> Array:
    """Return one number a row from its finite ones; NaN where there are none."""
    finite = [row[np.isfinite(row)] for row in values]
    return np.array([reduce(row) if row.size else np.nan for row in finite], dtype=np.float64)
