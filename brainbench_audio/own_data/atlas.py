"""Regions of voxels from an atlas beside the data: annotations of FreeSurfer, or an image."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError
from brainbench_audio.own_data.images import image_values, named_labels, open_image
from brainbench_audio.own_data.layout import IMAGES, DataFile, beside
from brainbench_audio.own_data.surfaces import (
    SIDES,
    Side,
    given_vertices,
    load_nibabel,
    place_voxels,
    read_surface,
)
from brainbench_audio.tables import read_table

Array = npt.NDArray[Any]
# Parcels of Glasser et al. 2016, Nature 536, and the regions that Tuckute et al. 2023, PLOS Biology
# 21, make of them (`package_anatomical_roi_labels.py` of gretatuckute/auditory_brain_dnn, commit
# 0dc18a4), those of NH2015 and B2021. Other parcels, such as MBelt, belong to none.
GLASSER = {
    **dict.fromkeys(("A1", "LBelt"), "Primary"),
    **dict.fromkeys(("PBelt", "A4", "A5"), "Lateral"),
    **dict.fromkeys(("TA2", "PI"), "Anterior"),
    **dict.fromkeys(("PSL", "RI", "PFcm"), "Posterior"),
}
PARCEL, REGION = "parcel", "region"
_NO_PARCEL = {"", "???", "unknown", "medial_wall", "medial wall", "corpuscallosum"}
_ANNOTATION = re.compile(r"(?P<side>[lr]h)\.(?P<name>.+)\.annot")
# `L_A1_ROI` of the left hemisphere and `R_A1_ROI` are the same parcel
_GLASSER_NAME = re.compile(r"[LR]_(?P<name>.+)_ROI(-[lr]h)?")
_log = logging.getLogger(__name__)


def atlas_labels(file: DataFile, voxels: Mapping[str, Array]) -> dict[str, Array]:
    """Return ``parcel`` and ``region`` of each voxel; nothing where there is no atlas.

    An atlas is ``lh.NAME.annot`` and ``rh.NAME.annot``, with the surfaces that the coordinates of
    voxels lie on (``lh.white`` and ``rh.white``) unless voxels have a ``vertex``; or
    ``atlas.nii.gz`` with the names of its values in ``atlas.tsv``. Regions are what the table
    ``regions`` says of each ``parcel``; without it those of `GLASSER` where the atlas has all of
    its parcels, else parcels. Empty where a voxel is in none.

    Parameters
    ----------
    file : DataFile
        Responses of the voxels.
    voxels : mapping of str to array (voxel,)
        Their coordinates, mm: ``x``, ``y``, ``z`` and ``hemisphere``, or ``vertex`` and
        ``hemisphere``.

    Raises
    ------
    DataError
        Naming the file: regions are given otherwise, too, voxels lie outside of the atlas, in
        another space or nowhere, or a parcel has no name or an unknown one.
    """
    annotations = _annotations(file.path.parent)
    image = beside(file, "atlas", IMAGES)
    if not annotations and image is None:
        return {}
    path = image or annotations["left"]
    if image and annotations:
        raise DataError(f"{image} and {annotations['left'].name} are two atlases: keep one.")
    if taken := sorted(voxels.keys() & {REGION, PARCEL}):
        raise DataError(
            f"Voxels of {file.path.name} have a {taken[0]} already, and {path.name} gives it, too: "
            f"remove one of them."
        )
    try:
        if image:
            parcels, names = _in_image(file, image, voxels)
        else:
            parcels, names = _on_surface(annotations, voxels)
    except DataError as error:
        raise DataError(f"{path}, an atlas: {error}") from error
    if not (parcels != "").any():
        raise DataError(f"{path}: no voxel of {file.path.name} lies in a parcel: remove the atlas.")
    return {PARCEL: parcels, REGION: _regions(file, path, parcels, names)}


def _on_surface(
    annotations: Mapping[Side, Path], voxels: Mapping[str, Array]
) -> tuple[Array, set[str]]:
    labels = {side: _annotation(path) for side, path in annotations.items()}
    if "vertex" in voxels:
        where = given_vertices(voxels, {side: len(each) for side, each in labels.items()})
    else:
        surfaces = {side: read_surface(_surface_beside(path)) for side, path in annotations.items()}
        for side, surface in surfaces.items():
            last = int(surface.numbers.max()) + 1
            if last > len(labels[side]) or (surface.whole and last != len(labels[side])):
                raise DataError(
                    f"It has {len(labels[side])} vertices, {surface.path.name} {last}: give the "
                    f"surface that the annotation is of."
                )
        where = place_voxels(voxels, surfaces)
    found = np.full(len(where.vertex), "", dtype=object)
    for side, each in labels.items():
        there = where.side == side
        found[there] = each[where.vertex[there]]
    return found.astype(np.str_), {name for each in labels.values() for name in each.tolist()}


def _in_image(file: DataFile, path: Path, voxels: Mapping[str, Array]) -> tuple[Array, set[str]]:
    """Return the label of the nearest voxel of an image."""
    if lacking := [axis for axis in "xyz" if axis not in voxels]:
        raise DataError(f"Voxels have no {lacking[0]}: give x, y and z in mm, in voxels.csv.")
    table = beside(file, "atlas")
    if table is None:
        raise DataError(
            "Nothing names its values: write atlas.tsv with the columns index and name."
        )
    image = open_image(path, 3)
    places = np.stack([np.asarray(voxels[axis], np.float64) for axis in "xyz"], axis=1)
    known = np.isfinite(places).all(axis=1)
    if not np.linalg.det(image.affine):
        raise DataError(
            f"The header puts all voxels of the image into a plane, by the affine "
            f"{image.affine[:3].tolist()}: write its sform again."
        )
    to_index = np.linalg.inv(image.affine)
    index = np.rint(places[known] @ to_index[:3, :3].T + to_index[:3, 3]).astype(np.int64)
    outside = ((index < 0) | (index >= image.shape)).any(axis=1)
    if outside.any():
        place = ", ".join(f"{number:g}" for number in places[known][outside][0])
        raise DataError(
            f"{int(outside.sum())} of {len(index)} voxels lie outside of the image, such as the "
            f"one at {place}: they are in another space. Bring them into that of the atlas."
        )
    values = np.zeros(len(places))
    values[known] = image_values(image, path)[tuple(index.T)]
    inside = np.isfinite(values) & (values != 0)
    found = np.full(len(places), "", dtype=object)
    labels = read_table(table).text("name")
    found[inside] = [_parcel(name) for name in named_labels(table, values[inside], path).tolist()]
    return found.astype(np.str_), {_parcel(name) for name in labels}


def _regions(file: DataFile, atlas: Path, parcels: Array, names: Collection[str]) -> Array:
    path = beside(file, "regions")
    known = {name.casefold(): name for name in names}
    groups = {name.casefold(): region for name, region in GLASSER.items()}
    if path is not None:
        table = read_table(path)
        listed = [name.casefold() for name in map(_parcel, table.text(PARCEL))]
        if unknown := [name for name in listed if name not in known]:
            row = listed.index(unknown[0])
            raise DataError(
                f"{path}, row {row + 1}: {atlas.name} has no parcel "
                f"{table.rows[row][PARCEL]!r}. Its parcels are {_some(known.values())}."
            )
        if twice := {name for name in listed if listed.count(name) > 1}:
            raise DataError(f"{path} has two rows for the parcel {min(twice)!r}: keep one.")
        groups = dict(zip(listed, table.text(REGION), strict=True))
    elif not groups.keys() <= known.keys():
        return parcels
    else:
        _log.info("%s: regions are groups of its parcels, see docs/how-to/own-data.md", atlas)
    return np.array([groups.get(name.casefold(), "") for name in parcels.tolist()], dtype=np.str_)


def _annotations(folder: Path) -> dict[Side, Path]:
    """Return the annotation of each hemisphere; nothing where there is none."""
    matches = [(match, path) for path, match in _of_sides(folder) if match]
    if not matches:
        return {}
    names = sorted({match["name"] for match, _ in matches})
    if len(names) > 1:
        raise DataError(
            f"{folder} has annotations of {names[0]} and of {names[1]}: keep those of one atlas."
        )
    found = {side: path for match, path in matches for side in SIDES if side[0] == match["side"][0]}
    if len(found) < len(SIDES):
        lacking = next(side for side in SIDES if side not in found)
        raise DataError(
            f"{matches[0][1]} is of one hemisphere: put {lacking[0]}h.{names[0]}.annot beside it."
        )
    return {side: found[side] for side in SIDES}


def _of_sides(folder: Path) -> Iterable[tuple[Path, re.Match[str] | None]]:
    """Yield files whose names begin with ``lh.`` or ``rh.``, and whether they are annotations."""
    for path in sorted(folder.glob("[lr]h.*")):
        yield path, _ANNOTATION.fullmatch(path.name)


def _surface_beside(annotation: Path) -> Path:
    side = annotation.name[:3]
    found = [
        path
        for path, match in _of_sides(annotation.parent)
        if match is None and path.name.startswith(side)
    ]
    if len(found) != 1:
        told = f"{found[0].name} and {found[1].name} are two" if found else "there is none"
        raise DataError(
            f"Voxels need the surface on which their x, y and z lie, and {told}: put {side}white "
            f"beside the annotation, or give each voxel a vertex and a hemisphere."
        )
    return found[0]


def _annotation(path: Path) -> Array:
    """Return the parcel of each vertex."""
    try:
        ids, table, names = load_nibabel(path, "nifti").freesurfer.read_annot(path, orig_ids=True)
        parcels = [_parcel(name.decode("utf-8")) for name in names]
        known = dict(zip(table[:, 4].tolist(), parcels, strict=True))
    except DataError:
        raise
    except Exception as error:  # nibabel raises many kinds on a damaged file
        raise DataError(f"It cannot be read as an annotation of FreeSurfer: {error}.") from error
    known.setdefault(0, "")  # no parcel
    values, value_of = np.unique(ids, return_inverse=True)
    if unknown := sorted(set(values.tolist()) - known.keys()):
        raise DataError(f"Its table has no name for the value {unknown[0]}: take a whole file.")
    return np.array([known[value] for value in values.tolist()], dtype=object)[value_of]


def _parcel(name: str) -> str:
    name = name.strip()
    if name.casefold() in _NO_PARCEL:
        return ""
    match = _GLASSER_NAME.fullmatch(name)
    return match["name"] if match else name


def _some(names: Iterable[str]) -> str:
    listed = sorted(name for name in names if name)
    return ", ".join(listed[:8]) + ", …" * (len(listed) > 8)
