"""Regions from an atlas: real files of FreeSurfer and NIfTI beside the data, and plain loops."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.own_data.atlas import GLASSER
from brainbench_audio.own_data.voxels import read_voxels

from .writing import VALUES, write_stimuli, write_table

REGIONS = {
    "Primary": {"A1", "LBelt"},
    "Lateral": {"PBelt", "A4", "A5"},
    "Anterior": {"TA2", "PI"},
    "Posterior": {"PSL", "RI", "PFcm"},
}
VERTICES = 40
PARCELS = [*GLASSER, "MBelt"]
GENERATOR = np.random.default_rng(0)
PLACES = {side: GENERATOR.uniform(-30, 30, (VERTICES, 3)) for side in ("lh", "rh")}
LABELS = {side: GENERATOR.integers(-1, len(PARCELS), VERTICES) for side in ("lh", "rh")}


def responses(folder: Path, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    np.save(folder / "responses.npy", VALUES)
    write_stimuli(folder)
    write_table(folder / "voxels.csv", head, rows)


def annotations(folder: Path, names: Sequence[str] = PARCELS, name: str = "HCP-MMP1") -> None:
    """-1 stands for a vertex of no parcel, and `???` for what FreeSurfer calls unknown."""
    for side, labels in LABELS.items():
        letter = side[0].upper()
        told = ["???", *(f"{letter}_{parcel}_ROI" for parcel in names)]
        colours = [[25 * row + 5, row, 7 + row, 0, 0] for row in range(len(told))]
        path = folder / f"{side}.{name}.annot"
        nibabel.freesurfer.write_annot(path, labels + 1, np.array(colours), told, fill_ctab=True)


def surfaces(folder: Path, vertices: int = VERTICES) -> None:
    for side, places in PLACES.items():
        path = folder / f"{side}.white"
        nibabel.freesurfer.write_geometry(path, places[:vertices], np.array([[0, 1, 2]]))


def near(side: str, vertex: int) -> list[Any]:
    """A row of voxels.csv, a little off the vertex."""
    return [side, *(PLACES[side][vertex] + 0.1).tolist()]


def by_loop(places: Sequence[tuple[str, int]]) -> list[str]:
    labels = [LABELS[side][vertex] for side, vertex in places]
    return [PARCELS[label] if label >= 0 else "" for label in labels]


CHOSEN = [("lh", 3), ("rh", 3), ("lh", 17), ("rh", 30), ("lh", 39), ("rh", 0)]


def test_parcels_of_vertices_become_the_published_regions(tmp_path: Path) -> None:
    """From x, y and z by the nearest vertex; from numbers of vertices without a surface."""
    annotations(tmp_path)
    surfaces(tmp_path)
    responses(tmp_path, ["hemisphere", "x", "y", "z"], [near(*one) for one in CHOSEN])
    found = read_voxels(tmp_path)
    parcels = by_loop(CHOSEN)
    assert len(set(parcels)) > 3
    assert found["parcel"].values.tolist() == parcels
    assert found["region"].values.tolist() == [GLASSER.get(parcel, "") for parcel in parcels]
    for side in PLACES:
        (tmp_path / f"{side}.white").unlink()
    responses(tmp_path, ["hemisphere", "vertex"], CHOSEN)
    again = read_voxels(tmp_path)
    assert again["parcel"].values.tolist() == parcels
    (tmp_path / "responses.npy").rename(tmp_path / "sub-1_responses.npy")
    again = read_voxels(tmp_path)
    assert again["region"].values.tolist() == found["region"].values.tolist()
    path = tmp_path / "lh.HCP-MMP1.annot"
    content = bytearray(path.read_bytes())
    vertex = 4 + 8 * CHOSEN[0][1]
    content[vertex + 4 : vertex + 8] = bytes(4)  # 0 is no parcel, whatever the table has
    path.write_bytes(content)
    assert read_voxels(tmp_path)["parcel"].values.tolist() == ["", *parcels[1:]]


def test_the_published_regions() -> None:
    groups = {region: {name for name in GLASSER if GLASSER[name] == region} for region in REGIONS}
    assert groups == REGIONS


def test_a_table_makes_regions_and_other_atlases_have_parcels(tmp_path: Path) -> None:
    annotations(tmp_path, [f"part{row}" for row in range(len(PARCELS))], "mine")
    responses(tmp_path, ["hemisphere", "vertex"], CHOSEN)
    found = read_voxels(tmp_path)
    assert found["region"].values.tolist() == found["parcel"].values.tolist()
    parcel = str(found["parcel"].values[0])
    write_table(tmp_path / "regions.tsv", ["parcel", "region"], [[parcel, "core"], ["PART1", "b"]])
    expected = {parcel: "core", "part1": "b"}
    again = read_voxels(tmp_path)["region"].values.tolist()
    assert again == [expected.get(one, "") for one in found["parcel"].values.tolist()]
    assert "core" in again


def image(folder: Path, names: Sequence[str] = PARCELS, shift: float = 0.0) -> None:
    """A label image whose axes run the other way, and off the origin."""
    values = np.arange(60).reshape(3, 4, 5) % (len(names) + 1)
    affine = np.array([[-2, 0, 0, 10], [0, 3, 0, -5 + shift], [0, 0, 2, 1], [0, 0, 0, 1]], float)
    nibabel.save(nibabel.Nifti1Image(values.astype(np.int16), affine), folder / "atlas.nii.gz")
    rows = [[number + 1, name] for number, name in enumerate(names)]
    write_table(folder / "atlas.tsv", ["index", "name"], rows)


INDICES = [(0, 0, 0), (0, 0, 1), (1, 2, 3), (2, 3, 4), (2, 0, 1), (1, 1, 1)]


def in_image(folder: Path) -> None:
    """Voxels a little off those of the image; one is nowhere."""
    rows: list[list[Any]] = [
        [10 - 2 * i + 0.9, -5 + 3 * j - 1.4, 1 + 2 * k + 0.9] for i, j, k in INDICES
    ]
    rows[2][1] = ""
    responses(folder, ["x", "y", "z"], rows)


def test_parcels_of_a_label_image(tmp_path: Path) -> None:
    image(tmp_path)
    in_image(tmp_path)
    found = read_voxels(tmp_path)
    expected = []
    for i, j, k in INDICES:
        value = (20 * i + 5 * j + k) % (len(PARCELS) + 1)
        expected.append("" if value == 0 else PARCELS[value - 1])
    assert expected[2]
    expected[2] = ""  # without y
    assert found["parcel"].values.tolist() == expected
    assert found["region"].values.tolist() == [GLASSER.get(parcel, "") for parcel in expected]


def _annotated(
    change: Callable[[Path], object], head: Sequence[str] = ()
) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        annotations(folder)
        surfaces(folder)
        rows = [near(*one) for one in CHOSEN]
        responses(folder, [*(head or ("hemisphere", "x", "y", "z"))], rows)
        change(folder)

    return write


def _imaged(change: Callable[[Path], object]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        image(folder)
        in_image(folder)
        change(folder)

    return write


def _table(name: str, *rows: list[Any]) -> Callable[[Path], None]:
    return lambda folder: write_table(folder / name, rows[0], rows[1:])


def _moved(folder: Path) -> None:
    rows = [[side, x + 90, y, z] for side, x, y, z in (near(*one) for one in CHOSEN)]
    responses(folder, ["hemisphere", "x", "y", "z"], rows)


def _vertices(*rows: list[Any]) -> Callable[[Path], None]:
    return lambda folder: responses(folder, ["hemisphere", "vertex"], [*rows, *CHOSEN][:6])


def _renamed(folder: Path) -> None:
    """An annotation with a value that its table does not have."""
    path = folder / "lh.HCP-MMP1.annot"
    content = bytearray(path.read_bytes())
    content[8:12] = (1 << 20).to_bytes(4, "big")
    path.write_bytes(content)


def _flattened(folder: Path) -> None:
    """An image with an sform of zeros, as some tools leave it."""
    path = folder / "atlas.nii.gz"
    values = np.asarray(nibabel.load(path).dataobj)
    header = nibabel.Nifti1Header()
    header.set_data_shape(values.shape)
    header["sform_code"], header["srow_x"][:3] = 1, (2, 0, 0)
    nibabel.save(nibabel.Nifti1Image(values, None, header), path)


REFUSED = {
    "two atlases": (_annotated(image), "are two atlases: keep one"),
    "two annotations": (
        _annotated(lambda folder: annotations(folder, PARCELS, "aparc")),
        "has annotations of HCP-MMP1 and of aparc: keep those of one",
    ),
    "one hemisphere": (
        _annotated(lambda folder: (folder / "rh.HCP-MMP1.annot").unlink()),
        "is of one hemisphere: put rh.HCP-MMP1.annot beside it",
    ),
    "no surface": (_annotated(lambda folder: (folder / "rh.white").unlink()), "there is none: put"),
    "two surfaces": (
        _annotated(lambda folder: (folder / "lh.pial").touch()),
        "lh.pial and lh.white are two",
    ),
    "another surface": (
        _annotated(lambda folder: surfaces(folder, 30)),
        "It has 40 vertices, lh.white 30: give the surface that the annotation is of",
    ),
    "another space": (_annotated(_moved), "6 of 6 voxels are more than 5 mm from the surface"),
    "a vertex too many": (_annotated(_vertices(["lh", 40])), "vertex 40, expected a whole number"),
    "half a vertex": (_annotated(_vertices(["lh", 1.5])), "vertex 1.5, expected a whole number"),
    "no places": (
        _annotated(lambda folder: (folder / "voxels.csv").unlink()),
        "lh.HCP-MMP1.annot, an atlas: Voxels have no x",
    ),
    "regions of a table, too": (
        _annotated(lambda folder: None, ["region", "x", "y", "z"]),
        "have a region already, and lh.HCP-MMP1.annot gives it, too: remove one",
    ),
    "a value without a name": (_annotated(_renamed), "no name for the value 1048576"),
    "no annotation": (
        _annotated(lambda folder: (folder / "lh.HCP-MMP1.annot").write_text("labels")),
        "cannot be read as an annotation of FreeSurfer",
    ),
    "an unknown parcel": (
        _annotated(_table("regions.csv", ["parcel", "region"], ["A1", "core"], ["A9", "core"])),
        "row 2: lh.HCP-MMP1.annot has no parcel 'A9'. Its parcels are A1, A4, A5",
    ),
    "a parcel twice": (
        _annotated(_table("regions.csv", ["parcel", "region"], ["A1", "core"], ["a1", "rim"])),
        "two rows for the parcel 'a1': keep one",
    ),
    "outside of the image": (
        _imaged(lambda folder: image(folder, shift=4)),
        "lie outside of the image, such as the one at 10.9, -6.4, 1.9",
    ),
    "a value of the image without a name": (
        _imaged(_table("atlas.tsv", ["index", "name"], [1, "A1"])),
        "has no row with the index 2, which atlas.nii.gz has: add it",
    ),
    "an image in a plane": (_imaged(_flattened), "into a plane, by the affine [[2.0, 0.0, 0.0"),
    "an image without names": (
        _imaged(lambda folder: (folder / "atlas.tsv").unlink()),
        "Nothing names its values: write atlas.tsv",
    ),
    "no z": (
        _imaged(lambda folder: responses(folder, ["x", "y"], [[1, 2]] * 6)),
        "Voxels have no z: give x, y and z",
    ),
    "nothing but background": (
        _imaged(lambda folder: responses(folder, ["x", "y", "z"], [[10, -5, 1]] * 6)),
        "no voxel of responses.npy lies in a parcel",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case: str, tmp_path: Path) -> None:
    write, message = REFUSED[case]
    write(tmp_path)
    with pytest.raises(DataError, match=re.escape(message)):
        read_voxels(tmp_path)
