"""Maps of the cortex: files on disk, opened again, beside plain loops."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr

from brainbench_audio import export
from brainbench_audio.cli.main import main, parser
from brainbench_audio.errors import DataError
from brainbench_audio.own_data.surfaces import read_surface
from brainbench_audio.report.surfaces import TEMPLATES, placed, space_of

Array = npt.NDArray[Any]
Keep = Callable[..., Path]
Told = pytest.CaptureFixture[str]
VERTICES = 642  # of fsaverage3
LAYERS = ["in", "mid", "out"]


def sphere(side: str) -> Array:
    """Points spread evenly over a ball of 30 mm, a hemisphere to either side."""
    turn = np.arange(VERTICES) * np.pi * (3 - np.sqrt(5))
    z = np.linspace(-0.999, 0.999, VERTICES)
    points = np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], 1)
    return 30 * points + {"left": [-35, 0, 0], "right": [35, 0, 0]}[side]


@pytest.fixture
def subjects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """$SUBJECTS_DIR with a template of FreeSurfer's own format."""
    folder = tmp_path / "subjects" / "fsaverage3" / "surf"
    folder.mkdir(parents=True)
    for side in ("left", "right"):
        path = folder / f"{side[0]}h.white"
        nibabel.freesurfer.write_geometry(path, sphere(side), np.array([[0, 1, 2]]))
    monkeypatch.setenv("SUBJECTS_DIR", str(tmp_path / "subjects"))
    return folder


def score_of(coordinates: dict[str, Array], voxels: int = 60) -> xr.Dataset:
    """Raw part of a score of two subjects; a voxel that nothing predicts, one without a layer."""
    generator = np.random.default_rng(0)
    scores = generator.random((3, voxels))
    scores[:, 5], scores[1, 6] = 0.0, np.nan
    subject = np.where(np.arange(voxels) < 30, "ann", "ben")
    return xr.Dataset(
        {
            "layer_score": (("layer", "voxel"), scores),
            "r2": ("voxel", generator.random(voxels)),
            "session_reliability": ("voxel", generator.random(voxels)),
        },
        {
            "layer": LAYERS,
            "subject": ("voxel", subject),
            **{name: ("voxel", values) for name, values in coordinates.items()},
        },
    )


def in_space(voxels: int = 60) -> dict[str, Array]:
    """Voxels near vertices, some of a subject at the same one; two are nowhere."""
    generator = np.random.default_rng(1)
    side = generator.choice(["left", "right"], voxels)
    near = generator.integers(0, 25, voxels)
    places = np.stack([sphere(one)[vertex] for one, vertex in zip(side, near, strict=True)])
    places += generator.uniform(-1, 1, places.shape)
    places[[7, 40]] = np.nan
    return {"hemisphere": side, **dict(zip("xyz", places.T, strict=True))}


def loop(raw: xr.Dataset, subject: str, side: str, points: Array) -> dict[str, Array]:
    """The maps of a hemisphere, voxel by voxel."""
    names = ["best layer", "relative depth", "score of the best layer", "R²", "ceiling of R²"]
    found = {name: np.full(VERTICES, np.nan) for name in names}
    at: dict[int, list[int]] = {}
    places = np.stack([raw[axis].values for axis in "xyz" if axis in raw.coords], axis=1)
    about = zip(raw["subject"].values, raw["hemisphere"].values, places, strict=True)
    for voxel, (whose, where, place) in enumerate(about):
        if (whose, where) == (subject, side) and not np.isnan(place).any():
            squares = ((points[:, : len(place)] - place) ** 2).sum(axis=1)
            at.setdefault(int(squares.argmin()), []).append(voxel)
    for vertex, voxels in at.items():
        known = [layer[np.isfinite(layer)] for layer in raw["layer_score"].values[:, voxels]]
        means = [layer.mean() if layer.size else 0.0 for layer in known]
        if max(means) > 0:
            best = means.index(max(means))
            found["best layer"][vertex] = best
            found["relative depth"][vertex] = best / 2
            found["score of the best layer"][vertex] = max(means)
        found["R²"][vertex] = raw["r2"].values[voxels].mean()
        found["ceiling of R²"][vertex] = raw["session_reliability"].values[voxels].mean()
    assert any(len(voxels) > 1 for voxels in at.values())
    return found


def opened(path: Path) -> dict[str, Array]:
    image = nibabel.load(path)
    return {one.meta["Name"]: one.data for one in image.darrays}


def test_maps_of_listeners_and_of_the_group_are_the_plain_loop(
    keep: Keep, subjects: Path, tmp_path: Path, capsys: Told
) -> None:
    raw = score_of(in_space())
    provenance = {"identity": {"id": "net", "source": "me", "version": "0123abcd"}, "seed": 3}
    keep("net", "My-ridge", 0.4, raw=raw, provenance=provenance)
    keep("net", "Other-rsa", 0.4, provenance=provenance)
    folder = tmp_path / "maps"
    asked = ["export", "--surface", "fsaverage3", "--output", str(folder)]
    assert main(asked) == 0
    told = capsys.readouterr()
    assert f"{folder}: net on My-ridge, 4 files; 58 voxels" in told.out
    assert "2 voxels without a place left out" in told.out
    assert "net on Other-rsa is left out" in told.err
    assert main([*asked, "--within", "0.1"]) == 1
    assert "net on My-ridge: 58 of 58 voxels are more than 0.1 mm" in capsys.readouterr().err
    expected = {}
    for side in ("left", "right"):
        for subject in ("ann", "ben"):
            wanted = loop(raw, subject, side, sphere(side))
            hemi = f"hemi-{side[0].upper()}"
            path = folder / f"My-ridge_net_{subject}_space-fsaverage3_{hemi}.func.gii"
            found = opened(path)
            assert list(found) == list(wanted)
            for name, values in wanted.items():
                np.testing.assert_allclose(found[name], values, rtol=1e-6, err_msg=name)
                expected[subject, side, name] = values
            about = nibabel.load(path).meta
            assert about["AnatomicalStructurePrimary"] == f"Cortex{side.title()}"
            assert (about["model"], about["model_version"]) == ("net", "0123abcd")
            assert (about["benchmark"], about["subject"]) == ("My-ridge", subject)
            assert json.loads(about["layers"]) == LAYERS
            assert json.loads(about["provenance"])["seed"] == 3
            assert 0 < float(about["median_distance_mm"]) < float(about["farthest_distance_mm"]) < 2
    labels = nibabel.load(path).labeltable
    assert labels.get_labels_as_dict() == dict(enumerate(LAYERS))
    dark_blue, between, yellow = (one.rgba[:3] for one in labels.labels)
    assert dark_blue[2] > max(dark_blue[:2])
    assert yellow[2] < min(yellow[:2])
    np.testing.assert_allclose(between, np.add(dark_blue, yellow) / 2, atol=1e-4)
    assert [one.meta["Units"] for one in nibabel.load(path).darrays][:2] == ["index", "1"]

    export(folder, "net", surface="fsaverage3", group=True)
    group = opened(folder / "My-ridge_net_group_space-fsaverage3_hemi-R.func.gii")
    for name in ("best layer", "R²"):
        pair = [expected[subject, "right", name] for subject in ("ann", "ben")]
        known = [[one[at] for one in pair if np.isfinite(one[at])] for at in range(VERTICES)]
        means = [sum(some) / len(some) if some else np.nan for some in known]
        np.testing.assert_allclose(group[name], means, rtol=1e-6)
        counts = [len(some) or np.nan for some in known]
        np.testing.assert_array_equal(group[f"subjects ({name})"], counts)
    assert np.nanmax(group["subjects (R²)"]) == 2


def test_places_are_those_of_the_scanner(tmp_path: Path) -> None:
    """By the matrices of the volume that a file of FreeSurfer tells; GIfTI as it is."""
    turned = {"xras": [0.0, -1.0, 0.0], "yras": [0.0, 0.0, -1.0], "zras": [1.0, 0.0, 0.0]}
    size, shape, centre = np.array([1.0, 1.5, 2.0]), np.array([256, 200, 128]), [3.0, -20.0, 40.0]
    about = {
        "head": np.array([2, 0, 20]),
        "valid": "1  # volume info valid",
        "filename": "orig.mgz",
        "volume": shape,
        "voxelsize": size,
        **{name: np.array(axis) for name, axis in turned.items()},
        "cras": np.array(centre),
    }
    path, points = tmp_path / "lh.white", sphere("left")
    nibabel.freesurfer.write_geometry(path, points, np.array([[0, 1, 2]]), volume_info=about)
    standard = [[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]
    matrices = []
    for axes, middle in ((list(turned.values()), centre), (standard, [0, 0, 0])):
        to_mm = np.eye(4)
        to_mm[:3, :3] = np.transpose(axes) * size
        to_mm[:3, 3] = middle - to_mm[:3, :3] @ (shape / 2)
        matrices.append(to_mm)
    to_scanner = matrices[0] @ np.linalg.inv(matrices[1])
    expected = points @ to_scanner[:3, :3].T + to_scanner[:3, 3]
    np.testing.assert_allclose(read_surface(path).places, expected, atol=1e-3)
    about["valid"] = "0  # volume info invalid"
    nibabel.freesurfer.write_geometry(path, points, np.array([[0, 1, 2]]), volume_info=about)
    np.testing.assert_allclose(read_surface(path).places, points, atol=1e-4)
    array = nibabel.gifti.GiftiDataArray(points.astype(np.float32), "NIFTI_INTENT_POINTSET")
    (tmp_path / "lh.surf.gii").write_bytes(nibabel.GiftiImage(darrays=[array]).to_bytes())
    found = read_surface(tmp_path / "lh.surf.gii")
    np.testing.assert_allclose(found.places, points, atol=1e-4)
    assert (found.whole, found.flat) == (True, False)


@pytest.mark.usefixtures("subjects")
def test_a_voxel_without_a_hemisphere_goes_to_the_nearer_one() -> None:
    told = in_space()
    told["y"][3] = np.nan
    space = space_of("fsaverage3")
    wanted = placed(score_of(told), space)
    assert np.flatnonzero(wanted.vertex < 0).tolist() == [3, 7, 40]
    known = wanted.vertex >= 0
    np.testing.assert_array_equal(wanted.side, np.where(known, told["hemisphere"], ""))
    places = {name: told[name] for name in "xyz"}
    some = {**places, "hemisphere": np.where(np.arange(60) % 2, told["hemisphere"], "")}
    for coordinates in (places, some):
        found = placed(score_of(coordinates), space)
        np.testing.assert_array_equal(found.side, wanted.side)
        np.testing.assert_array_equal(found.vertex, wanted.vertex)
        np.testing.assert_array_equal(found.distance, wanted.distance)


def patch(path: Path, vertices: Array, places: Array) -> Path:
    """A flattened patch as FreeSurfer writes it; every third vertex lies on its border."""
    content = struct.pack(">ii", -1, len(vertices))
    for row, (vertex, place) in enumerate(zip(vertices.tolist(), places.tolist(), strict=True)):
        content += struct.pack(">ifff", (vertex + 1) * (-1 if row % 3 == 0 else 1), *place)
    path.write_bytes(content)
    return path


def test_voxels_on_a_flattened_surface(keep: Keep, tmp_path: Path, capsys: Told) -> None:
    """As those of NH2015: x and y alone, and the vertices of a part of each hemisphere."""
    generator = np.random.default_rng(2)
    vertices = generator.permutation(VERTICES)[:200]
    flat = {
        side: np.round(generator.uniform(-320, 320, (200, 3))) / 8 * [1, 1, 0]
        for side in ("left", "right")
    }
    mesh = [
        patch(tmp_path / f"{side[0]}h.patch.flat", vertices, flat[side]).as_posix()
        for side in ("left", "right")
    ]
    side = generator.choice(["left", "right"], 60)
    side[:2] = "left"
    near = np.stack([flat[one][row] for row, one in enumerate(side.tolist())])
    voxels = {"x": near[:, 0], "y": near[:, 1], "hemisphere": side}
    voxels["x"][1], voxels["y"][1], voxels["hemisphere"][1] = (
        voxels["x"][0],
        voxels["y"][0],
        side[0],
    )
    raw = score_of(voxels)
    keep("net", "My-ridge", 0.4, raw=raw)
    asked = ["export", "--surface", "fsaverage3", "-o", str(tmp_path)]
    assert main(asked) == 1
    assert "net on My-ridge: The voxels of this score have x and y" in capsys.readouterr().err
    assert main([*asked, "--mesh", *mesh]) == 0
    points = np.full((VERTICES, 3), np.inf)
    points[vertices] = flat["left"].astype(np.float32)
    wanted = loop(raw, "ann", "left", points)
    path = tmp_path / "My-ridge_net_ann_space-fsaverage3_hemi-L.func.gii"
    found = opened(path)
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, err_msg=name)
    about = nibabel.load(path).meta
    assert (about["farthest_distance_mm"], about["mesh"]) == (
        "0.000",
        "lh.patch.flat, rh.patch.flat",
    )


def test_voxels_that_are_vertices_need_no_surface(
    keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As text, as tables of voxels have them; and FreeSurfer without this template."""
    monkeypatch.setenv("SUBJECTS_DIR", str(tmp_path))
    vertex = np.array([str(number) for number in range(600, 630)] * 2)
    vertex[3] = ""
    keep("net", "My-ridge", 0.4, raw=score_of({"vertex": vertex, "hemisphere": np.full(60, "rh")}))
    export(tmp_path / "maps", surface="fsaverage3")
    left, right = sorted((tmp_path / "maps").iterdir())
    assert "ann" in left.name
    assert "ben" in right.name
    known = np.flatnonzero(np.isfinite(opened(left)["R²"])).tolist()
    assert known == [600, 601, 602, *range(604, 630)]
    assert nibabel.load(left).meta["mesh"] == "none: voxels have vertices"


def _shifted(**change: Any) -> dict[str, Array]:
    found = in_space()
    return {name: values + change.get(name, 0) for name, values in found.items() if name in "xyz"}


X = np.zeros(60)
REFUSED = {
    "another space": (_shifted(y=80.0), [], "58 of 58 voxels are more than 5 mm from the surface"),
    "no z": ({"x": X, "y": X}, [], r"lh\.white does not fit .* a surface that was flattened"),
    "no y": ({"x": X}, [], "Voxels have no y|have no coordinates"),
    "no number": ({**_shifted(), "z": np.full(60, "up")}, [], "no numbers: .*'up'"),
    "nowhere": (dict.fromkeys("xyz", X + np.nan), [], "No voxel has a place"),
    "another side": (
        {**in_space(), "hemisphere": np.full(60, "top")},
        [],
        "hemisphere 'top', expected left or right",
    ),
    "vertex of another template": (
        {"vertex": np.full(60, 642), "hemisphere": np.full(60, "lh")},
        [],
        "vertex 642, expected a whole number from 0 to 641",
    ),
    "vertex below 0": (
        {"vertex": np.full(60, -1), "hemisphere": np.full(60, "lh")},
        [],
        "vertex -1, expected a whole number",
    ),
    "vertex of no side": ({"vertex": np.full(60, 3)}, [], "a vertex and no hemisphere"),
    "flat and no side": ({"x": X, "y": X}, ["FLAT"], "need a hemisphere"),
    "flat for voxels in space": (in_space(), ["FLAT"], "a surface in space"),
    "a surface of another size": (in_space(), ["SMALL"], "has 9 vertices, fsav"),
    "a patch of a larger one": (in_space(), ["LARGE"], "LARGE has 643 vertices, fsav"),
    "a damaged surface": (in_space(), ["CUT"], "CUT cannot be read as a surface"),
    "a damaged patch": (in_space(), ["CUTFLAT"], "CUTFLAT is cut off"),
    "no surface": (in_space(), ["lh.no"], "lh.no cannot be read: No such file"),
    "text": (in_space(), ["TEXT"], "TEXT cannot be read as a surface"),
    "nothing": (in_space(), ["NOTHING"], "NOTHING has no vertices"),
    "right before left": (in_space(), ["rh.white", "lh.white"], "rh.white lies to the right of"),
    "three surfaces": (in_space(), ["SMALL"] * 3, "are SMALL, SMALL, SMALL, expected two files"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(
    case: str, subjects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinates, mesh, message = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    whole = patch(Path("FLAT"), np.arange(9), np.ones((9, 3)) * [1, 1, 0]).read_bytes()
    patch(Path("LARGE"), np.array([VERTICES]), np.ones((1, 3)))
    Path("CUTFLAT").write_bytes(whole[:-3])
    Path("TEXT").write_text("a surface")
    nibabel.freesurfer.write_geometry("SMALL", np.eye(9)[:, :3], np.array([[0, 1, 2]]))
    nibabel.freesurfer.write_geometry("NOTHING", np.zeros((0, 3)), np.zeros((0, 3)))
    files = [subjects / one if one.endswith(".white") else Path(one) for one in mesh]
    Path("CUT").write_bytes((subjects / "lh.white").read_bytes()[:300])
    with pytest.raises(DataError, match=message):
        placed(score_of(coordinates), space_of("fsaverage3", files * (2 if len(mesh) == 1 else 1)))


def test_two_files_of_one_name_are_refused(keep: Keep, tmp_path: Path) -> None:
    places = {"vertex": np.arange(60), "hemisphere": np.full(60, "lh")}
    for key, model in (("a", "a/b"), ("b", "a_b")):
        keep(model, "My-ridge", 0.4, raw=score_of(places), key=key)
    message = "Two files would have the name My-ridge_a_b_{}_space-fsaverage3_hemi-L.func.gii"
    with pytest.raises(DataError, match=message.format("ann")):
        export(tmp_path / "maps", surface="fsaverage3")
    raw = score_of(places).assign_coords(
        subject=("voxel", np.where(np.arange(60) % 2, "x y", "x_y"))
    )
    keep("a/b", "My-ridge", 0.4, raw=raw, created="2026-02-01T00:00:00", key="c")
    with pytest.raises(DataError, match=message.format("x_y")):
        export(tmp_path / "maps", "a/b", surface="fsaverage3")


def test_nothing_to_show_and_wrong_usage(
    keep: Keep, tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep("net", "My-ridge", 0.4, raw=score_of({}))
    maps = str(tmp_path / "maps")
    assert main(["export", "--surface", "fsaverage", "-o", maps]) == 1
    assert "scores of My-ridge, and none of voxels with coordinates" in capsys.readouterr().err
    for template in TEMPLATES:
        assert parser().parse_args(["export", "-o", maps, "--surface", template])
    with pytest.raises(DataError, match="choose one"):
        export(maps, surface="fsaverage7")
    with pytest.raises(DataError, match="layers, errors or surface"):
        export(maps, surface="fsaverage", layers="part")
    file = tmp_path / "x.csv"
    file.touch()
    for options in (["--group"], ["--surface", "fsaverage"], ["--surface", "brain"]):
        with pytest.raises(SystemExit) as stopped:
            main(["export", "-o", str(file), *options])
        assert stopped.value.code == 2
    assert not Path(maps).exists()
    monkeypatch.setitem(sys.modules, "nibabel", None)
    assert main(["export", "--surface", "fsaverage", "-o", maps]) == 1
    assert "pip install 'brainbench-audio[surface]'" in capsys.readouterr().err
