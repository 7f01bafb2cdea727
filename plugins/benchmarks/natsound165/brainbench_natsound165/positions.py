"""Where voxels lie. No score depends on it, so what is odd is told once, and reading goes on."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_natsound165.safe_pickle import Column

PLACES = {"x": "x_ras", "y": "y_ras"}
_log = logging.getLogger(__name__)
_HEMISPHERES = {"lh": "left", "rh": "right"}
# of places in mm, so that a float32 is the float64 that it was rounded from
_CLOSE = 1e-5


def read_positions(
    table: Mapping[str, Column], file: Path, others: Mapping[str, Column]
) -> dict[str, npt.NDArray[Any]]:
    """Return ``hemisphere``, ``x`` and ``y`` of each voxel.

    Parameters
    ----------
    table : mapping of str to array (voxel,)
        The ROI table; columns may be missing.
    file : Path
        Where it comes from, for the warning.
    others : mapping of str to array (voxel,)
        Places that another file gives as well; those of the table are taken.

    Returns
    -------
    dict of str to array (voxel,)
        A hemisphere that is not known stays as it is; one that is missing is empty, a place that is
        missing, or no number, NaN.
    """
    voxels = len(table["voxel_id"])
    odd = []
    sides = [text_of(label) for label in table.get("hemi", np.full(voxels, "")).tolist()]
    if "hemi" not in table:
        odd.append("there is no column hemi")
    elif unknown := sorted(set(sides) - {"", *_HEMISPHERES}):
        odd.append(f"hemi has {unknown[0]!r}, expected one of {list(_HEMISPHERES)}")
    positions = {"hemisphere": np.array([_HEMISPHERES.get(side, side) for side in sides])}
    for place, name in PLACES.items():
        if name not in table:
            odd.append(f"there is no column {name}")
        column = table.get(name, np.full(voxels, np.nan))
        positions[place] = _numbers(column)
        lost = [text for text in map(text_of, column[np.isnan(positions[place])].tolist()) if text]
        if lost:
            odd.append(f"{name} has {lost[0]!r}, expected numbers")
        elif name in table and name in others:
            odd += _differing(name, positions[place], _numbers(others[name]))
    if odd:
        _log.warning("%s: %s. No score depends on where a voxel lies.", file, "; ".join(odd))
    return positions


def text_of(label: Any) -> str:
    """Return a label as text, empty where it is missing (None or NaN)."""
    if label is None or (isinstance(label, float) and math.isnan(label)):
        return ""
    return label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)


def _numbers(column: Column) -> npt.NDArray[np.float64]:
    """Return a column as numbers, NaN where a value is none."""
    values = np.full(len(column), np.nan)
    for row, value in enumerate(column.tolist()):
        try:
            values[row] = float(value)
        except (TypeError, ValueError):
            continue
    return values


def _differing(
    name: str, here: npt.NDArray[np.float64], there: npt.NDArray[np.float64]
) -> list[str]:
    differing = ~np.isclose(here, there, rtol=_CLOSE, atol=_CLOSE, equal_nan=True)
    if not differing.any():
        return []
    row = int(np.argmax(differing))
    return [
        f"{name} of {int(differing.sum())} voxels is not that of the array of voxels; of voxel "
        f"{row}, {here[row]:g} and {there[row]:g}"
    ]
