"""NH2015 and B2021 on this machine: fetched or brought, converted once, read from then on.

Whatever the source, each data set ends as one netCDF file below the data home. Responses the user
brings with BRAINBENCH_DATA are converted too, into a folder named after their contents, so that
they never mix with downloaded ones.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import xarray as xr

from brainbench_audio import settings
from brainbench_audio.archives import unpack
from brainbench_audio.assemblies.assembly import select, stimulus_names, validate
from brainbench_audio.cards import DatasetCard
from brainbench_audio.download import Remote, fetch
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, explained, hash_file, hash_json, locked
from brainbench_natsound165.components import NaturalSounds
from brainbench_natsound165.files import find_sounds, install_sounds, registry, sounds_folder
from brainbench_natsound165.stimuli import published_folds, stimulus_set
from brainbench_natsound165.voxels import READERS, TABLE

URL = "https://mcdermottlab.mit.edu//tuckute_feather_2023/data.tar"
ARCHIVE = "data.tar"
ARCHIVE_FOLDER = "tuckute2023"
FORMAT = 1
_LARGEST = 1 << 30  # bytes; the four files of a data set have 125 MB at most
_CHECKS = (
    "shapes, types and counts of voxels and subjects; names and order of the 165 sounds; voxels of "
    "array and ROI table; region and hemisphere labels; no infinite values"
)


def load(card: DatasetCard, subset: str | None) -> NaturalSounds:
    """Load the voxels of a data set, or of one region.

    Raises
    ------
    DataError
        The files are not there, damaged or not as published.
    CacheError
        The data home cannot be written to.
    """
    assembly = read_installed(_present(card))
    if subset is not None:
        assembly = select(assembly, "region", subset)
    return NaturalSounds(card, stimulus_set(sounds_folder()), assembly, published_folds())


def locate(card: DatasetCard) -> Path | None:
    """Return the folder that holds the responses, the user's own first; None if there is none."""
    if brought := _brought(card):
        return brought
    installed = _installed(card)
    return installed.parent if installed.is_file() else None


def download(card: DatasetCard, source: str | None, sha256: str | None = None) -> Path:
    """Install the responses, and the sounds unless they are here; return the responses' folder.

    Parameters
    ----------
    card : DatasetCard
    source : str or None
        The published archive or what it unpacks to; None downloads it, once for both data sets.
    sha256 : str or None
        What the archive must have; None pins that of the first download.

    Raises
    ------
    DataError
        Nothing to be had there, another checksum, or files that are not as published.
    CacheError
        The disk is full; nothing is then half-installed.
    """
    if source is None:
        remote = Remote(ARCHIVE, (URL,), sha256)
        given = fetch(remote, settings.data_home() / ARCHIVE_FOLDER)
    else:
        given = Path(source).expanduser()
        _check_given(given, sha256)
    target = _installed(card)
    with locked(target.parent):
        if given.is_dir():
            convert(card.id, _raw_folder(given, card.id), target, source or URL)
        else:
            with _unpacked(given, card.id) as folder:
                convert(card.id, folder, target, source or URL, archive=given)
    if find_sounds() is None:
        install_sounds(given)
    return target.parent


def convert(
    dataset: str, folder: Path, target: Path, source: str, archive: Path | None = None
) -> None:
    """Read the published files and write them as one netCDF file.

    Raises
    ------
    DataError
        The files are not as published.
    CacheError
        The disk is full.
    """
    reader, published = READERS[dataset]
    assembly = reader(folder, published)
    read = [archive] if archive else [folder / name for name in published.files]
    assembly.attrs = {
        "format": FORMAT,
        "source": source,
        "sha256": json.dumps({file.name: hash_file(file) for file in read}),
        "checks": _CHECKS,
    }
    with atomic_file(target) as temporary, explained(target, RuntimeError):
        assembly.rename("responses").to_netcdf(temporary, engine="netcdf4")


def read_installed(file: Path) -> xr.DataArray:
    """Read a converted data set: stimulus x voxel x session.

    Raises
    ------
    DataError
        The file is damaged or of another version.
    """
    try:
        with xr.open_dataarray(file, engine="netcdf4") as stored:
            assembly = stored.load()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{file} is damaged ({error}): delete it and get it again.") from error
    if assembly.attrs.get("format") != FORMAT or stimulus_names(assembly) != [
        name for name, _, _ in registry()
    ]:
        raise DataError(f"{file} was written by another version: delete it and get it again.")
    texts = {
        name: (coordinate.dims, coordinate.values.astype(str))
        for name, coordinate in assembly.coords.items()
        if coordinate.dtype.kind not in "iuf"
    }
    return validate(assembly.assign_coords(texts))


def _present(card: DatasetCard) -> Path:
    """Return the converted file, made now if need be."""
    brought = _brought(card)
    if brought is None:
        installed = _installed(card)
        return installed if installed.is_file() else download(card, None) / installed.name
    _, published = READERS[card.id]
    _check_complete(brought, card.id)
    contents = hash_json([hash_file(brought / name) for name in published.files])
    target = settings.data_home() / f"{card.id}-{contents[:16]}" / f"{card.id}.nc"
    with locked(target.parent):
        if not target.is_file():
            convert(card.id, brought, target, str(brought))
    return target


def _installed(card: DatasetCard) -> Path:
    return settings.data_home() / card.id / f"{card.id}.nc"


def _brought(card: DatasetCard) -> Path | None:
    brought = settings.brought_data()
    return _find_raw(brought, card.id) if brought else None


def _find_raw(folder: Path, dataset: str) -> Path | None:
    places = [folder / "neural" / dataset, folder / "data" / "neural" / dataset]
    return next((place for place in places if place.is_dir()), None)


def _raw_folder(given: Path, dataset: str) -> Path:
    found = _find_raw(given, dataset)
    if found is None and (given / TABLE).is_file() and given.name == dataset:
        found = given
    if found is None:
        raise DataError(
            f"{given} has no folder neural/{dataset}: give the folder `data` that the archive "
            f"unpacks to, or the archive itself."
        )
    _check_complete(found, dataset)
    return found


def _check_complete(folder: Path, dataset: str) -> None:
    missing = [name for name in READERS[dataset][1].files if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder / missing[0]} is missing, {dataset} cannot be read without it. Complete the "
            f"folder, or get the published archive with `brainbench data get {dataset}`."
        )


def _check_given(given: Path, sha256: str | None) -> None:
    if not given.exists():
        raise DataError(f"{given} does not exist: --from takes a folder or the archive.")
    if sha256 is None:
        return
    found = hash_file(given) if given.is_file() else "none, it is a folder"
    if found != sha256:
        raise DataError(
            f"{given} is not the file it should be: expected SHA-256 {sha256}, got {found}. "
            f"Nothing was installed."
        )


@contextmanager
def _unpacked(archive: Path, dataset: str) -> Iterator[Path]:
    """Yield a folder with the files of one data set, which goes when the block ends."""
    names = READERS[dataset][1].files
    scratch = settings.data_home() / f"{dataset}.unpacked"
    shutil.rmtree(scratch, ignore_errors=True)  # what a killed process left

    def wanted(path: PurePosixPath) -> bool:
        return path.parts[-3:-1] == ("neural", dataset) and path.name in names

    try:
        found = unpack(archive, scratch, wanted, largest=_LARGEST)
        missing = sorted(set(names) - {file.name for file in found})
        if missing or len({file.parent for file in found}) != 1:
            lacking = f"has no neural/{dataset}/{missing[0]}" if missing else "has them twice"
            raise DataError(
                f"{archive} {lacking}; expected {', '.join(names)}. It is cut off, or not the "
                f"published archive ({URL})."
            )
        yield found[0].parent
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
