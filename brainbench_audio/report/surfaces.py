"""Maps of the cortex: best layer and score of each voxel, on the vertices of a surface."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.own_data.surfaces import (
    SIDES,
    WITHIN,
    Placed,
    Side,
    Surface,
    given_vertices,
    place_voxels,
    read_surface,
)
from brainbench_audio.scores.profiles import SCHEMA, layer_targets, present
from brainbench_audio.settings import subjects_folder

from .layer_regions import ALL, best_layers

Array = npt.NDArray[np.float64]
# FreeSurfer's template, and the coarser ones: vertices of a hemisphere
TEMPLATES = {
    "fsaverage": 163842,
    "fsaverage6": 40962,
    "fsaverage5": 10242,
    "fsaverage4": 2562,
    "fsaverage3": 642,
}
_ALSO = {
    "r2": "R²",
    "r2_corrected": "R² corrected for noise",
    "session_reliability": "ceiling of R²",
}
NEEDED = ("layer_score", *_ALSO)


@dataclass(frozen=True)
class Space:
    """Where maps go.

    Attributes
    ----------
    template : str
        One of `TEMPLATES`.
    meshes : mapping of str to Surface
        The surfaces on which the coordinates of voxels lie; empty where voxels have vertices.
    within : float
        How far a voxel may be from its vertex, in mm.

    Raises
    ------
    DataError
        The template is not known, a surface is of another one, or the left one is the right one.
    """

    template: str = "fsaverage"
    meshes: Mapping[Side, Surface] = field(default_factory=dict)
    within: float = WITHIN

    def __post_init__(self) -> None:
        if self.template not in TEMPLATES:
            raise DataError(f"{self.template} is none of {', '.join(TEMPLATES)}: choose one.")
        for surface in self.meshes.values():
            last = int(surface.numbers.max()) + 1
            if last > self.vertices or (surface.whole and last < self.vertices):
                raise DataError(
                    f"{surface.path} has {last} vertices, {self.template} {self.vertices} a "
                    f"hemisphere: give a surface of {self.template}, or name its own template."
                )
        left, right = (self.meshes.get(side) for side in SIDES)
        # flattened ones lie around the same point
        if left and right and not left.flat and left.middle > right.middle:
            raise DataError(
                f"{left.path} lies to the right of {right.path}: name the surface of the left "
                f"hemisphere first."
            )

    @property
    def vertices(self) -> int:
        """How many a hemisphere has."""
        return TEMPLATES[self.template]


@dataclass(frozen=True)
class Map:
    """A number for each vertex of a hemisphere.

    Attributes
    ----------
    name, units, meaning : str
    values : float64 array (vertex,)
        NaN where no voxel lies.
    """

    name: str
    units: str
    meaning: str
    values: Array


def space_of(template: str, mesh: Sequence[Path] = (), within: float | None = None) -> Space:
    """Return a space with the surfaces in two files, the left one first.

    Without them these are ``lh.white`` and ``rh.white`` of the template below ``$SUBJECTS_DIR``,
    where they are there.

    Raises
    ------
    DataError
        There are not two files, one cannot be read, or see `Space`.
    """
    files = list(mesh)
    if len(files) not in (0, len(SIDES)):
        raise DataError(
            f"The surfaces are {', '.join(map(str, files))}, expected two files: that of the left "
            f"hemisphere, then that of the right one."
        )
    if not files and (subjects := subjects_folder()) is not None:
        files = [subjects / template / "surf" / name for name in ("lh.white", "rh.white")]
        files = files if all(path.is_file() for path in files) else []
    meshes = {side: read_surface(path) for side, path in zip(SIDES, files, strict=False)}
    return Space(template, meshes, WITHIN if within is None else within)


def placed(raw: xr.Dataset, space: Space) -> Placed:
    """Return the vertex of each voxel of a score.

    That is the voxel's ``vertex`` where it has one, else the nearest of the surfaces.

    Raises
    ------
    DataError
        The score keeps nothing of voxels, or these have no coordinates, see `place_voxels`; or
        coordinates need a surface and there is none.
    """
    one, found = coordinates(raw)
    if "vertex" in found:
        return given_vertices(found, dict.fromkeys(SIDES, space.vertices))
    if not {"x", "y"} <= found.keys():
        raise DataError(
            f"The {one}s of this score have no coordinates (x, y and z in mm, or vertex and "
            f"hemisphere), so nothing tells where they lie."
        )
    if not space.meshes:
        told = "x, y and z" if "z" in found else "x and y, so they lie on a flattened surface"
        raise DataError(
            f"The {one}s of this score have {told}: name the surfaces of {space.template} that "
            f"these are on, with --mesh lh.FILE rh.FILE."
        )
    return place_voxels(found, space.meshes, space.within)


def coordinates(raw: xr.Dataset) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    """Return what was scored (``voxel``), and what tells where each lies; this may be nothing."""
    each = present(layer_targets(raw), "layer_score")
    one = str(each.dims[1])
    names = ("hemisphere", "vertex", "x", "y", "z")
    along = [name for name in names if name in each.coords and each[name].dims == (one,)]
    return one, {name: each[name].values for name in along}


def subject_maps(
    raw: xr.Dataset, where: Placed, side: Side, vertices: int
) -> Iterator[tuple[str, list[Map]]]:
    """Yield each subject with the maps of one hemisphere.

    Voxels of a subject at the same vertex are averaged, the scores of layers too, before the best
    layer is chosen. A map without any voxel of the subject is left out.

    Parameters
    ----------
    raw : xr.Dataset
        Of a score, see `placed`.
    where : Placed
        What `placed` returns for it.
    side : str
    vertices : int
        Of the hemisphere.
    """
    each = present(layer_targets(raw), "layer_score")
    one = str(each.dims[1])
    alone = np.full(each.shape[1], ALL)
    subjects = each["subject"].values.astype(str) if "subject" in each.coords else alone
    others = [name for name in _ALSO if name in raw and raw[name].dims == (one,)]
    for subject in dict.fromkeys(subjects.tolist()):
        voxels = (subjects == subject) & (where.side == side) & (where.vertex >= 0)
        if not voxels.any():
            continue
        used, row = np.unique(where.vertex[voxels], return_inverse=True)
        found = _layer_maps(each.values[:, voxels].astype(np.float64), row)
        for name in others:
            values = _means(raw[name].values[voxels].astype(np.float64), row)
            found.append(Map(_ALSO[name], "1", SCHEMA[name].meaning, values))
        yield (
            subject,
            [replace(map_, values=_spread(used, map_.values, vertices)) for map_ in found],
        )


def _layer_maps(scores: Array, row: npt.NDArray[np.int64]) -> list[Map]:
    """Return maps of the best layer from scores (layer, voxel), a value for each row of a voxel."""
    best, highest = best_layers(np.stack([_means(layer, row) for layer in scores]))
    place = np.where(best >= 0, best, np.nan)
    depth = place / max(len(scores) - 1, 1)
    return [
        Map("best layer", "index", "place of the best layer, 0 for the first", place),
        Map("relative depth", "1", "of the best layer: 0 for the first, 1 for the last", depth),
        Map("score of the best layer", "1", "of that layer alone", highest),
    ]


def group_maps(subjects: Iterable[list[Map]]) -> list[Map]:
    """Return the mean of each map over the subjects that have a number at a vertex.

    Behind each mean stands the map of how many subjects these are; where there are none, NaN.
    """
    totals: dict[str, Map] = {}
    counts: dict[str, Array] = {}
    for maps in subjects:
        for one in maps:
            known = np.isfinite(one.values)
            values = np.where(known, one.values, 0.0)
            if one.name in totals:
                values = values + totals[one.name].values
                counts[one.name] = counts[one.name] + known
            else:
                counts[one.name] = known.astype(np.float64)
            totals[one.name] = replace(one, values=values)
    found = []
    for name, total in totals.items():
        count = np.where(counts[name] > 0, counts[name], np.nan)
        mean = replace(
            total, meaning=f"mean over subjects: {total.meaning}", values=total.values / count
        )
        meaning = f"how many subjects have a voxel with a {name} here"
        found += [mean, Map(f"subjects ({name})", "subjects", meaning, count)]
    return found


def _means(values: Array, row: npt.NDArray[np.int64]) -> Array:
    """Return the mean of the values of each row, NaN left out; NaN where none is left."""
    known = np.isfinite(values)
    counts = np.bincount(row, known)
    sums = np.bincount(row, np.where(known, values, 0.0))
    return np.asarray(sums / np.where(counts > 0, counts, np.nan))


def _spread(used: npt.NDArray[np.int64], values: Array, vertices: int) -> Array:
    found = np.full(vertices, np.nan)
    found[used] = values
    return found
