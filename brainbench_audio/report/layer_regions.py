"""Which layer predicts which region: the best layer of each voxel, over regions and subjects."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.scores.profiles import layer_targets, present

Array = npt.NDArray[np.float64]
ALL = "all"


def layer_regions(raw: xr.Dataset) -> xr.Dataset:
    r"""Return where in a model the layers lie that predict the voxels of each region best.

    A voxel's best layer is the one that alone predicts it best (of equals the first). Its position
    is :math:`i / (L - 1)`, with i its place among L layers: 0 for the first, 1 for the last.

    Parameters
    ----------
    raw : xr.Dataset
        Of a score with `layer_score` (layer, voxel or another target), see `scores.profiles`, and
        the coordinates ``region`` and ``subject`` along the voxels. Without subjects, or without
        regions, all are one.

    Returns
    -------
    xr.Dataset
        ``best_layer`` (voxel): place of the best layer, -1 where no layer predicts the voxel at all
        (0, less, or NaN throughout). ``position`` and ``best_score`` (voxel): NaN there.
        ``voxels``, ``unpredicted`` (subject, region): how many voxels there are, and how many of
        them no layer predicts. ``share`` (subject, region, layer): of the predicted voxels, those
        whose best layer it is. ``median_position`` (subject, region). ``mean_position``,
        ``position_error`` (region): mean over subjects with a predicted voxel there, and its
        standard error (NaN for one subject); ``subjects`` (region): how many these are.
        ``mean_share`` (region, layer): mean over these subjects. What has no voxels is NaN.
        The attribute ``without_region`` counts voxels that belong to no region and are left out,
        ``target`` is what stands for ``voxel`` here.

    Raises
    ------
    DataError
        There is no `layer_score`, or none of the targets belongs to a region.

    Notes
    -----
    Tuckute et al. 2023, PLOS Biology, "Many but not all deep neural network audio models capture
    brain responses": relative position of the best layer, median over a subject's voxels of a
    region, mean over subjects. There, layers are compared by corrected R² in ten splits; here by
    that of five pooled folds, uncorrected.
    """
    each = present(layer_targets(raw), "layer_score")
    scores, one = each.values.astype(np.float64), str(each.dims[1])
    subject, region = _labels(each, "subject"), _labels(each, "region")
    subjects = list(dict.fromkeys(subject.tolist()))
    regions = [name for name in dict.fromkeys(region.tolist()) if name]
    if not regions:
        raise DataError("None of the targets belongs to a region, so there is nothing to map.")
    best, best_score = best_layers(scores)
    position = np.where(best >= 0, best / max(len(scores) - 1, 1), np.nan)
    tables = _by_region(best, position, (subject, subjects), (region, regions), len(scores))
    variables: dict[str, Any] = {
        "best_layer": (one, best, {"long_name": "place of the best layer in `layer`"}),
        "position": (one, position, {"long_name": "relative position of the best layer"}),
        "best_score": (one, best_score),
        **tables,
        **_over_subjects(tables["median_position"][1], tables["share"][1]),
    }
    coordinates = {
        "layer": each["layer"].values,
        "subject": subjects,
        "region": regions,
        f"{one}_subject": (one, subject),
        f"{one}_region": (one, region),
    }
    left_out = int((region == "").sum())
    return xr.Dataset(variables, coordinates, {"without_region": left_out, "target": one})


def region_rows(found: xr.Dataset) -> list[dict[str, Any]]:
    """Return what `layer_regions` found as a row a region, for tables and JSON."""
    rows = []
    for region in found["region"].values.tolist():
        one = found.sel(region=region)
        mean, error = (one[name].item() for name in ("mean_position", "position_error"))
        place = int(one["mean_share"].values.argmax())
        rows.append(
            {
                "region": region,
                "position": None if np.isnan(mean) else mean,
                "error": None if np.isnan(error) else error,
                "most_frequent_layer": None
                if np.isnan(mean)
                else str(found["layer"].values[place]),
                "subjects": one["subjects"].item(),
                "voxels": one["voxels"].sum().item(),
                "unpredicted": one["unpredicted"].sum().item(),
            }
        )
    return rows


def best_layers(scores: Array) -> tuple[npt.NDArray[np.int64], Array]:
    """Return the place and the score of each voxel's best layer; -1 and NaN where none is > 0.

    Parameters
    ----------
    scores : float64 array (layer, voxel)
        NaN where a layer has none.
    """
    known = np.where(np.isnan(scores), 0.0, scores)
    best, highest = known.argmax(axis=0), known.max(axis=0)
    predicted = highest > 0
    return np.where(predicted, best, -1), np.where(predicted, highest, np.nan)


def _labels(each: xr.DataArray, name: str) -> npt.NDArray[np.str_]:
    if name in each.coords and each[name].dims == each.dims[1:]:
        return each[name].values.astype(str)
    return np.full(each.shape[1], ALL)


def _by_region(
    best: npt.NDArray[np.int64],
    position: Array,
    subject: tuple[npt.NDArray[np.str_], list[str]],
    region: tuple[npt.NDArray[np.str_], list[str]],
    layers: int,
) -> dict[str, tuple[tuple[str, ...], npt.NDArray[Any]]]:
    shape = (len(subject[1]), len(region[1]))
    voxels, unpredicted = np.zeros((2, *shape), dtype=np.int64)
    share, median = np.full((*shape, layers), np.nan), np.full(shape, np.nan)
    for row, name in enumerate(subject[1]):
        for column, place in enumerate(region[1]):
            chosen = (subject[0] == name) & (region[0] == place)
            voxels[row, column] = chosen.sum()
            unpredicted[row, column] = (best[chosen] < 0).sum()
            chosen &= best >= 0
            if chosen.any():
                share[row, column] = np.bincount(best[chosen], minlength=layers) / chosen.sum()
                median[row, column] = np.median(position[chosen])
    both = ("subject", "region")
    return {
        "voxels": (both, voxels),
        "unpredicted": (both, unpredicted),
        "share": ((*both, "layer"), share),
        "median_position": (both, median),
    }


def _over_subjects(
    position: npt.NDArray[Any], share: npt.NDArray[Any]
) -> dict[str, tuple[tuple[str, ...], npt.NDArray[Any]]]:
    known = ~np.isnan(position)
    number = known.sum(axis=0)
    divisor = np.where(number > 0, number, np.nan)
    mean = np.where(known, position, 0.0).sum(axis=0) / divisor
    squares = np.where(known, position - mean, 0.0) ** 2
    spread = np.where(number > 1, number - 1, np.nan)
    error = np.sqrt(squares.sum(axis=0) / spread / divisor)
    mean_share = np.where(known[..., None], share, 0.0).sum(axis=0) / divisor[:, None]
    return {
        "subjects": (("region",), number),
        "mean_position": (("region",), mean),
        "position_error": (("region",), error),
        "mean_share": (("region", "layer"), mean_share),
    }
