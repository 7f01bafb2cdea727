"""Maps of the cortex as GIfTI files, which FreeSurfer, Connectome Workbench and nilearn show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, json_ready
from brainbench_audio.names import printable
from brainbench_audio.own_data.surfaces import SIDES, Side, load_nibabel
from brainbench_audio.scores.profiles import layer_targets, names_along, present, read_raw
from brainbench_audio.scores.store import folder_name

from .results import Result
from .surfaces import NEEDED, Map, Space, coordinates, group_maps, placed, subject_maps

GROUP = "group"
_HEMISPHERES: dict[Side, tuple[str, str]] = {
    "left": ("hemi-L", "CortexLeft"),
    "right": ("hemi-R", "CortexRight"),
}
# red, green and blue of the first layer and of the last
_FIRST, _LAST = np.array([0.15, 0.15, 0.55]), np.array([1.0, 0.85, 0.2])


@dataclass(frozen=True)
class Written:
    """What was written of one score.

    Attributes
    ----------
    model, benchmark : str
    files : tuple of Path
        None where the score keeps nothing of voxels, or not where they lie.
    placed, lost : int
        Voxels with and without a place.
    median, farthest : float
        Distance between voxels and their vertices, mm.
    """

    model: str
    benchmark: str
    files: tuple[Path, ...] = ()
    placed: int = 0
    lost: int = 0
    median: float = 0.0
    farthest: float = 0.0


def export_surfaces(
    results: Sequence[Result], folder: Path, space: Space, *, group: bool = False
) -> list[Written]:
    """Write what is stored of voxels as ``.func.gii``, a file for each subject and hemisphere.

    A file holds the maps of `subject_maps`, or, of the group, those of `group_maps`, and tells what
    they are of: model, version, benchmark, layers, when and how it was scored. Scores without a
    file, such as published ones, are left out; of those that keep nothing of voxels, or not where
    they lie, no file is written.

    Raises
    ------
    DataError
        nibabel is not installed, no score keeps anything of voxels, two files would have one name,
        or see `placed`; it names the score.
    """
    load_nibabel(folder, "surface")
    found: list[Written] = []
    for result in results:
        if result.arrays is None:
            continue
        raw = read_raw(result.arrays, *NEEDED)
        if layer_targets(raw) is None or not coordinates(raw)[1].keys() & {"x", "vertex"}:
            found.append(Written(result.model, result.benchmark))
            continue
        taken = {path for one in found for path in one.files}
        found.append(_export(result, raw, folder, space, group=group, taken=taken))
    if not any(one.files for one in found):
        scored = ", ".join(dict.fromkeys(one.benchmark for one in found)) or "no benchmark"
        raise DataError(
            f"Nothing can be put on a surface: there are scores of {scored}, and none of voxels "
            f"with coordinates (x, y and z in mm, or vertex and hemisphere). Score such data with "
            f"a metric that keeps scores of single voxels, as ridge does."
        )
    return found


def _export(
    result: Result, raw: xr.Dataset, folder: Path, space: Space, *, group: bool, taken: set[Path]
) -> Written:
    try:
        where = placed(raw, space)
    except DataError as error:
        raise DataError(f"{result.model} on {result.benchmark}: {error}") from error
    distance = where.distance[where.vertex >= 0]
    known = Written(
        model=result.model,
        benchmark=result.benchmark,
        placed=len(distance),
        lost=len(where.vertex) - len(distance),
        median=float(np.median(distance)),
        farthest=float(distance.max()),
    )
    # where voxels have vertices no surface was looked at
    meshes = {} if "vertex" in coordinates(raw)[1] else space.meshes
    mesh = ", ".join(surface.path.name for surface in meshes.values())
    stem = f"{folder_name(result.benchmark)}_{folder_name(result.model)}"
    layers = names_along(present(layer_targets(raw), "layer_score"), "layer")
    files: list[Path] = []
    for side in SIDES:
        hemisphere, structure = _HEMISPHERES[side]
        maps = subject_maps(raw, where, side, space.vertices)
        for subject, each in _of_group(maps) if group else maps:
            name = f"{stem}_{folder_name(subject)}_space-{space.template}_{hemisphere}.func.gii"
            if folder / name in {*taken, *files}:
                raise DataError(
                    f"Two files would have the name {name}: choose one of the models (--model), "
                    f"and a folder for each."
                )
            about = {
                "AnatomicalStructurePrimary": structure,
                "subject": subject,
                "space": space.template,
                "mesh": mesh or "none: voxels have vertices",
            }
            _write(folder / name, each, layers, about | _about(known, result, layers))
            files.append(folder / name)
    return replace(known, files=tuple(files))


def _of_group(subjects: Iterable[tuple[str, list[Map]]]) -> Iterator[tuple[str, list[Map]]]:
    if maps := group_maps(each for _, each in subjects):
        yield GROUP, maps


def _about(known: Written, result: Result, layers: Sequence[str]) -> dict[str, str]:
    """Return what a file tells of the score."""
    return {
        "model": result.model,
        "model_version": result.version,
        "model_source": result.source,
        "benchmark": result.benchmark,
        "layers": json.dumps(layers, ensure_ascii=False),
        "median_distance_mm": f"{known.median:.3f}",
        "farthest_distance_mm": f"{known.farthest:.3f}",
        "voxels_without_place": str(known.lost),
        "created": result.created,
        "provenance": json.dumps(json_ready(dict(result.provenance)), default=str),
    }


def _write(
    path: Path, maps: Iterable[Map], layers: Sequence[str], about: Mapping[str, str]
) -> None:
    nibabel = load_nibabel(path, "surface")
    gifti = nibabel.gifti
    arrays = [
        gifti.GiftiDataArray(
            one.values.astype(np.float32),
            intent="NIFTI_INTENT_NONE",
            datatype="NIFTI_TYPE_FLOAT32",
            meta=gifti.GiftiMetaData(Name=one.name, Units=one.units, Description=one.meaning),
        )
        for one in maps
    ]
    image = gifti.GiftiImage(
        meta=gifti.GiftiMetaData({name: printable(text) for name, text in about.items()}),
        labeltable=_colours(gifti, layers),
        darrays=arrays,
    )
    with atomic_file(path) as temporary:
        temporary.write_bytes(image.to_bytes())


def _colours(gifti: Any, layers: Sequence[str]) -> Any:
    """Return the key of colours: the name of each layer, from dark blue to yellow."""
    table = gifti.GiftiLabelTable()
    for place, layer in enumerate(layers):
        colour = _FIRST + (_LAST - _FIRST) * place / max(len(layers) - 1, 1)
        label = gifti.GiftiLabel(place, *colour.round(4).tolist(), 1.0)
        label.label = printable(layer)
        table.labels.append(label)
    return table
