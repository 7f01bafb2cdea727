"""The same responses in every format that is read."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import numpy.typing as npt
import pytest
import scipy.io

Array = npt.NDArray[Any]
STIMULI = ["rain", "speech", "violin", "birds"]
VALUES = np.random.default_rng(0).standard_normal((4, 6, 2))  # stimulus, voxel, session


def write_table(path: Path, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    sign = "\t" if path.suffix == ".tsv" else ","
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=sign).writerows([head, *rows])


def write_stimuli(folder: Path, name: str = "stimuli.csv") -> None:
    write_table(folder / name, ["stimulus"], [[stimulus] for stimulus in STIMULI])


def write_hdf5(path: Path, **arrays: Any) -> None:
    """HDF5 as others write it: arrays at the top, and groups that say nothing to us."""
    with netCDF4.Dataset(path, "w") as file:
        for name, value in arrays.items():
            array = np.asarray(value)
            dims = [f"{name}_{axis}" for axis in range(array.ndim)]
            for dim, size in zip(dims, array.shape, strict=True):
                file.createDimension(dim, size)
            kind = str if array.dtype.kind == "U" else array.dtype
            file.createVariable(name, kind, dims)[:] = (
                array.astype(object) if kind is str else array
            )
        other = file.createGroup("refs")
        other.createDimension("one", 1)
        other.createVariable("a", "u2", ("one",))[:] = 97


def _csv(folder: Path) -> None:
    rows = [
        [f"{name}.wav", f"day{session}", *VALUES[row, :, session]]
        for session in (0, 1)
        for row, name in enumerate(STIMULI)
    ]
    head = ["stimulus", "session", *(f"v{voxel}" for voxel in range(6))]
    write_table(folder / "responses.csv", head, rows)


def _tsv(folder: Path) -> None:
    """A row a trial, in another order; sessions are not named."""
    rows = [[STIMULI[row], *VALUES[row, :, session]] for session in (0, 1) for row in (2, 0, 3, 1)]
    write_table(folder / "responses.tsv", ["stimulus", *map(str, range(6))], rows)


def _npy(folder: Path) -> None:
    np.save(folder / "responses.npy", VALUES)
    write_stimuli(folder)


def _npz(folder: Path) -> None:
    np.savez(folder / "responses.npz", stimuli=STIMULI, betas=VALUES, voxels=np.arange(6))


def _sessions(folder: Path) -> None:
    """A file a session, by number and not by letter: 10 comes after 9."""
    for label, session in (("9", 0), ("10", 1)):
        np.save(folder / f"ses-{label}_responses.npy", VALUES[:, :, session])
    write_stimuli(folder)


def _mat(folder: Path) -> None:
    cells = np.array(STIMULI, dtype=object)[:, None]
    content = {"responses": VALUES, "other": np.eye(3), "stimuli": cells}
    scipy.io.savemat(folder / "responses.mat", content)


def _mat73(folder: Path) -> None:
    path = folder / "responses.mat"
    write_hdf5(path, R=VALUES.T)
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + path.read_bytes())
    write_stimuli(folder)


def _hdf5(folder: Path) -> None:
    write_hdf5(folder / "responses.h5", responses=VALUES, other=np.eye(3), stimuli=STIMULI)


def _nifti(folder: Path) -> None:
    nibabel = pytest.importorskip("nibabel", reason="NIfTI is read by nibabel (extra `nifti`)")
    mask = np.zeros((3, 2, 2), np.uint8)
    mask.flat[3:9] = [1, 1, 2, 2, 2, 1]
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(mask, affine), folder / "mask.nii.gz")
    write_table(folder / "mask.tsv", ["index", "name"], [[1, "primary"], [2, "lateral"]])
    trials = []
    for session in (0, 1):
        volumes = np.zeros((*mask.shape, len(STIMULI)))
        volumes[mask > 0] = VALUES[:, :, session].T
        image = nibabel.Nifti1Image(volumes, affine)
        nibabel.save(image, folder / f"run-{session + 1}_responses.nii.gz")
    trials = [[2 * row, 2, name] for row, name in enumerate(STIMULI)]
    write_table(folder / "events.tsv", ["onset", "duration", "trial_type"], trials)


FORMATS: dict[str, Callable[[Path], None]] = {
    "csv": _csv,
    "tsv": _tsv,
    "npy": _npy,
    "npz": _npz,
    "sessions": _sessions,
    "mat": _mat,
    "mat73": _mat73,
    "hdf5": _hdf5,
    "nifti": _nifti,
}
