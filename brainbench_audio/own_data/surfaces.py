"""Surfaces of the cortex: where their vertices lie, and which one is nearest to a voxel."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError

Array = npt.NDArray[Any]
Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
# mm between a voxel and its vertex: half the thickness of the cortex, and half a voxel's diagonal
WITHIN = 5.0
_NAMES: dict[str, Side] = {
    **dict.fromkeys(("left", "lh", "l"), "left"),
    **dict.fromkeys(("right", "rh", "r"), "right"),
}
_TRIANGLES, _PATCH = b"\xff\xff\xfe", b"\xff\xff\xff\xff"
_POINTS = np.dtype([("number", ">i4"), ("place", ">f4", 3)])
# directions of the axes of FreeSurfer's own coordinates, in which it writes surfaces
_AXES = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class Surface:
    """Vertices of one hemisphere.

    Attributes
    ----------
    path : Path
    numbers : int64 array (vertex,)
        The number of each in the hemisphere, from 0; a flattened patch has only some.
    places : float64 array (vertex, 3)
        mm; of a file of FreeSurfer in the coordinates of the scanner.
    whole : bool
        Whether all vertices of the hemisphere are there.
    """

    path: Path
    numbers: npt.NDArray[np.int64]
    places: npt.NDArray[np.float64]
    whole: bool

    @property
    def flat(self) -> bool:
        """Whether all vertices lie in the plane z = 0."""
        return not self.places[:, 2].any()

    @property
    def middle(self) -> float:
        """Mean of x, which grows from left to right."""
        return float(self.places[:, 0].mean())


@dataclass(frozen=True)
class Placed:
    """Where voxels lie on a surface.

    Attributes
    ----------
    side : str array (voxel,)
        ``left``, ``right``, or empty where a voxel has no place.
    vertex : int64 array (voxel,)
        -1 where a voxel has no place.
    distance : float64 array (voxel,)
        mm between voxel and vertex, NaN where a voxel has no place, 0 where its vertex was given.
    """

    side: npt.NDArray[np.str_]
    vertex: npt.NDArray[np.int64]
    distance: npt.NDArray[np.float64]


def load_nibabel(path: Path, extra: str) -> Any:
    """Return nibabel, which reads and writes a file.

    Raises
    ------
    DataError
        It is not installed; the message says how to.
    """
    try:
        import nibabel
    except ImportError as error:
        raise DataError(
            f"{path} needs nibabel, which is not installed: "
            f"pip install 'brainbench-audio[{extra}]'."
        ) from error
    return nibabel


def read_surface(path: Path) -> Surface:
    """Read a surface of FreeSurfer (``lh.white``), a flattened patch of it, or one in GIfTI.

    FreeSurfer's own coordinates become those of the scanner by the geometry that the file tells;
    those of patches and of GIfTI files are taken as they are.

    Raises
    ------
    DataError
        The file is missing, of another kind or damaged, or nibabel is not installed.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Give a surface.") from error
    try:
        if start == _PATCH:
            numbers, places = _patch(path)
            return Surface(path, numbers, places, whole=False)
        reader = _freesurfer if start[:3] == _TRIANGLES else _gifti
        places = np.asarray(reader(path, load_nibabel(path, "surface")), dtype=np.float64)
    except DataError:
        raise
    except Exception as error:  # nibabel raises many kinds on a damaged file
        raise DataError(
            f"{path} cannot be read as a surface: {error}. Expected one of FreeSurfer, such as "
            f"lh.white or lh.cortex.patch.flat, or one in GIfTI."
        ) from error
    if places.ndim != 2 or places.shape[1] != 3 or not np.isfinite(places).all():
        raise DataError(f"{path} has no x, y and z for each vertex: copy the file again.")
    if not len(places):
        raise DataError(f"{path} has no vertices: copy the file again.")
    return Surface(path, np.arange(len(places)), places, whole=True)


def sides_of(hemispheres: Array) -> npt.NDArray[np.str_]:
    """Return labels of hemispheres as ``left`` and ``right``, empty where they are empty.

    Raises
    ------
    DataError
        A label is none of left, lh, l, right, rh, r.

    Examples
    --------
    >>> sides_of(np.array(["lh", "Right", ""])).tolist()
    ['left', 'right', '']
    """
    labels = [str(label).strip().lower() for label in hemispheres.tolist()]
    if unknown := sorted(set(labels) - {"", *_NAMES}):
        raise DataError(
            f"A voxel has the hemisphere {unknown[0]!r}, expected left or right (lh, rh)."
        )
    return np.array([_NAMES.get(label, "") for label in labels], dtype=np.str_)


def place_voxels(
    coordinates: Mapping[str, Array], surfaces: Mapping[Side, Surface], within: float = WITHIN
) -> Placed:
    """Return the vertex nearest to each voxel.

    Parameters
    ----------
    coordinates : mapping of str to array (voxel,)
        ``x``, ``y`` and ``z`` (mm) on a surface in space, ``x`` and ``y`` on a flattened one; and
        ``hemisphere``, without which the nearer one in space is taken.
    surfaces : mapping of str to Surface
        Of ``left`` and ``right``.
    within : float
        How far a voxel may be from its vertex, in mm.

    Raises
    ------
    DataError
        There are no coordinates, they do not fit the surfaces, or a voxel is further away.
    """
    places = _places(coordinates, surfaces)
    known = np.isfinite(places).all(axis=1)
    if not known.any():
        raise DataError("No voxel has a place: all of their x, y or z are missing.")
    side = sides_of(coordinates["hemisphere"]) if "hemisphere" in coordinates else None
    if side is None or not (side[known] != "").all():
        if places.shape[1] == 2:
            raise DataError(
                "Voxels on a flattened surface need a hemisphere, left or right: both have the "
                "same x and y."
            )
        side = np.full(len(places), "") if side is None else side
    found = Placed(
        np.full(len(places), "", dtype="<U5"),
        np.full(len(places), -1),
        np.full(len(places), np.nan),
    )
    for name, surface in surfaces.items():
        voxels = np.flatnonzero(known & ((side == name) | (side == "")))
        vertex, distance = _nearest(surface, places[voxels])
        nearer = ~(distance >= found.distance[voxels])  # NaN: nothing was found before
        voxels = voxels[nearer]
        found.side[voxels] = name
        found.vertex[voxels], found.distance[voxels] = vertex[nearer], distance[nearer]
    _check_distance(found.distance[known], places[known], within)
    return found


def given_vertices(coordinates: Mapping[str, Array], vertices: Mapping[Side, int]) -> Placed:
    """Return voxels whose ``vertex`` is given, with their ``hemisphere``.

    Parameters
    ----------
    coordinates : mapping of str to array (voxel,)
    vertices : mapping of str to int
        How many ``left`` and ``right`` have.

    Raises
    ------
    DataError
        A vertex is none of its hemisphere, has no hemisphere, or none is given.
    """
    numbers = _numbers(coordinates["vertex"])
    known = np.isfinite(numbers)
    side = sides_of(coordinates.get("hemisphere", np.full(len(numbers), "")))
    if not known.any():
        raise DataError("No voxel has a place: all of their vertices are missing.")
    if not (side[known] != "").all():
        raise DataError("A voxel has a vertex and no hemisphere: say left or right for each.")
    for name, count in vertices.items():
        there = known & (side == name)
        wrong = there & ((numbers != np.round(numbers)) | (numbers < 0) | (numbers >= count))
        if wrong.any():
            raise DataError(
                f"A voxel has the vertex {coordinates['vertex'][wrong][0]}, expected a whole "
                f"number from 0 to {count - 1}: it is of another surface."
            )
    return Placed(
        np.where(known, side, ""),
        np.where(known, numbers, -1).astype(np.int64),
        np.where(known, 0.0, np.nan),
    )


def _places(
    coordinates: Mapping[str, Array], surfaces: Mapping[Side, Surface]
) -> npt.NDArray[np.float64]:
    """Return (voxel, 2) on flattened surfaces, else (voxel, 3)."""
    lacking = [axis for axis in "xyz" if axis not in coordinates]
    flat = {surface.flat for surface in surfaces.values()}
    path = next(iter(surfaces.values())).path
    if lacking and lacking != ["z"]:
        raise DataError(
            f"Voxels have no {lacking[0]}: only voxels with coordinates (x, y, z in mm, or vertex "
            f"and hemisphere) can be put on a surface."
        )
    if flat != {bool(lacking)}:
        expected = (
            "a surface that was flattened (all z are 0), as voxels have no z"
            if lacking
            else "a surface in space such as lh.white, as voxels have x, y and z"
        )
        raise DataError(f"{path} does not fit these voxels: expected {expected}.")
    return np.stack([_numbers(coordinates[axis]) for axis in "xyz"[: 3 - len(lacking)]], axis=1)


def _numbers(column: Array) -> npt.NDArray[np.float64]:
    """Return a column as numbers; those of tables may be text, and empty where they are missing."""
    try:
        return np.array([float(cell) if str(cell).strip() else np.nan for cell in column.tolist()])
    except ValueError as error:
        raise DataError(f"Coordinates of voxels are no numbers: {error}.") from error


def _nearest(
    surface: Surface, places: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    from scipy.spatial import KDTree

    distance, row = KDTree(surface.places[:, : places.shape[1]]).query(places)
    return surface.numbers[row], np.asarray(distance, np.float64)


def _check_distance(
    distance: npt.NDArray[np.float64], places: npt.NDArray[np.float64], within: float
) -> None:
    if not (distance > within).any():
        return
    place = ", ".join(f"{number:g}" for number in places[distance.argmax()])
    raise DataError(
        f"{int((distance > within).sum())} of {len(distance)} voxels are more than {within:g} mm "
        f"from the surface: the farthest, at {place}, {distance.max():.1f} mm, half of all "
        f"{np.median(distance):.1f} mm or more. Are they in another space? Give the surface of "
        f"theirs, or say how far they may be."
    )


def _patch(path: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Read a patch as FreeSurfer writes it: -1, the number of points, then each with its vertex.

    A vertex is stored as its number plus 1, negative on the border of the patch.
    """
    content = path.read_bytes()
    count = int.from_bytes(content[4:8], "big")
    damaged = f"{path} is cut off or damaged: copy the patch again."
    if not count or len(content) < 8 + count * _POINTS.itemsize:
        raise DataError(damaged)
    points = np.frombuffer(content, _POINTS, count, offset=8)
    numbers = np.abs(points["number"].astype(np.int64)) - 1
    places = points["place"].astype(np.float64)
    if numbers.min() < 0 or not np.isfinite(places).all():
        raise DataError(damaged)
    return numbers, places


def _freesurfer(path: Path, nibabel: Any) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that do not tell their geometry
        places, _, *about = nibabel.freesurfer.read_geometry(path, read_metadata=True)
    geometry = about[0] if about else {}
    if not str(geometry.get("valid", "")).startswith("1") or "cras" not in geometry:
        return np.asarray(places)
    axes = np.stack([geometry[name] for name in ("xras", "yras", "zras")], axis=1)
    return np.asarray(places @ (axes @ _AXES.T).T + geometry["cras"])


def _gifti(path: Path, nibabel: Any) -> Array:
    image = nibabel.load(path)
    points = image.get_arrays_from_intent("NIFTI_INTENT_POINTSET")
    if len(points) != 1:
        raise DataError(f"{path} has {len(points)} arrays of points, expected those of a surface.")
    return np.asarray(points[0].data)
