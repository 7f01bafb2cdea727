"""NIfTI: estimates in a mask, with the place of each voxel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError
from brainbench_audio.netcdf import LARGEST
from brainbench_audio.own_data.layout import IMAGES, DataFile, beside
from brainbench_audio.own_data.surfaces import load_nibabel
from brainbench_audio.tables import read_table

Array = npt.NDArray[Any]
_VOLUMES = 16  # that are read at a time
_CLOSE = 1e-3  # mm, between the grids of an image and of its mask


def read_image(file: DataFile) -> tuple[Array, dict[str, Array]]:
    """Return the volumes of an image within its mask: (volume, voxel), and coordinates of voxels.

    The mask is a file with the last word ``mask``. Where it has several values, a table ``mask``
    with the columns ``index`` and ``name`` says which region each stands for. Voxels have the
    coordinates ``voxel_id`` (``i-j-k``), ``x``, ``y`` and ``z`` (mm, by the affine of the image).

    Raises
    ------
    DataError
        nibabel is not installed, there is no mask, it is on another grid or empty, or a value of it
        has no name.
    """
    mask_path = beside(file, "mask", IMAGES)
    if mask_path is None:
        raise DataError(
            f"{file.path} has no mask beside it: put the voxels to be scored into mask.nii.gz, or "
            f"sub-NAME_mask.nii.gz for one subject."
        )
    image, mask_image = open_image(file.path, 4), open_image(mask_path, 3)
    same = image.shape[:3] == mask_image.shape
    if not same or not np.allclose(image.affine, mask_image.affine, atol=_CLOSE):
        raise DataError(
            f"{mask_path} is on another grid than {file.path.name}: {mask_image.shape} and "
            f"{image.shape[:3]}{' with another affine' if same else ''}. Resample it to the grid "
            f"of the responses, without interpolation."
        )
    labels = image_values(mask_image, mask_path)
    # NaN is outside, too
    inside = np.isfinite(labels) & (labels != 0)
    if not inside.any():
        raise DataError(f"{mask_path} is empty: voxels to be scored have another value than 0.")
    indices = np.argwhere(inside)
    places = indices @ image.affine[:3, :3].T + image.affine[:3, 3]
    coordinates: dict[str, Array] = {
        "voxel_id": np.array(["-".join(map(str, index)) for index in indices.tolist()]),
        **{axis: places[:, column] for column, axis in enumerate("xyz")},
    }
    if (table := beside(file, "mask")) is not None:
        coordinates["region"] = named_labels(table, labels[inside], mask_path)
    return image_values(image, file.path)[inside].T, coordinates


def open_image(path: Path, dimensions: int) -> Any:
    """Return an image of three or four dimensions, of which no values are read yet.

    Raises
    ------
    DataError
        nibabel is not installed, or the file is none, has other dimensions or is too large.
    """
    nibabel = load_nibabel(path, "nifti")
    try:
        # kept open: else a compressed file is unpacked from its start for every piece
        image: Any = nibabel.load(path, keep_file_open=True)
        size = int(np.prod(image.shape, dtype=np.float64)) * 8
    except Exception as error:  # nibabel raises many kinds on a damaged file
        raise DataError(f"{path} cannot be read as NIfTI: {error}.") from error
    if len(image.shape) != dimensions or size > LARGEST:
        words = "volumes in a fourth dimension" if dimensions == 4 else "three dimensions"
        raise DataError(
            f"{path} has the shape {image.shape}, expected {words}, and at most "
            f"{LARGEST // 8} numbers: split or merge it."
        )
    return image


def image_values(image: Any, path: Path, part: Any = ...) -> Array:
    """Return the values of an image that `open_image` opened, all or those of an index.

    Raises
    ------
    DataError
        The file is damaged.
    """
    try:
        return np.asarray(image.dataobj[part])
    except Exception as error:  # of gzip, of a file that was cut off, and others
        raise DataError(f"{path} is damaged or cut off: {error}. Copy it again.") from error


def image_volumes(image: Any, path: Path) -> Iterator[tuple[int, Array]]:
    """Yield the volumes of an image (x, y, z, volume), a few at a time, with the first's place.

    Raises
    ------
    DataError
        The file is damaged or cut off.
    """
    for start in range(0, image.shape[3], _VOLUMES):
        yield start, image_values(image, path, (..., slice(start, start + _VOLUMES)))


def named_labels(table_path: Path, labels: Array, mask: Path) -> Array:
    """Return the name of each value of an image, by a table with the columns ``index``, ``name``.

    Raises
    ------
    DataError
        A value has no row.
    """
    table = read_table(table_path)
    numbers, names = table.numbers(["index"])[:, 0], table.text("name")
    known = dict(zip(numbers.tolist(), names, strict=True))
    unknown = sorted(set(labels.tolist()) - known.keys())
    if unknown:
        raise DataError(
            f"{table_path} has no row with the index {unknown[0]:g}, which {mask.name} has: add it."
        )
    return np.array([known[label] for label in labels.tolist()])
