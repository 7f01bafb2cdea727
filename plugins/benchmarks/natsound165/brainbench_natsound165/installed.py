"""NH2015 and B2021 on this machine: fetched or brought, converted once, read from then on.

Whatever the source, each data set ends as one netCDF file below the data home. Responses the user
brings with BRAINBENCH_DATA are converted too, into a folder named after their contents, so that
they never mix with downloaded ones.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path, PurePosixPath

import xarray as xr

from brainbench_audio import settings
from brainbench_audio.archives import opened
from brainbench_audio.assemblies.assembly import select, stimulus_names, validate
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import BaseSource, LoadedDataset
from brainbench_audio.download import Remote, fetch
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, hash_file, hash_json, locked
from brainbench_audio.netcdf import write_dataset
from brainbench_natsound165.files import find_sounds, install_sounds, registry, sounds_folder
from brainbench_natsound165.stimuli import published_folds, stimulus_set
from brainbench_natsound165.voxels import READERS, TABLE

URL = "https://mcdermottlab.mit.edu//tuckute_feather_2023/data.tar"
_SIZE = 180_000_000  # bytes, as on the cards
ARCHIVE = "data.tar"
ARCHIVE_FOLDER = "tuckute2023"
FORMAT = 1
_LARGEST = 1 << 30  # bytes; the four files of a data set have 125 MB at most
_CHECKS = (
    "shapes, types and counts of voxels and subjects; names and order of the 165 sounds; voxels of "
    "array and ROI table; region labels; no infinite values"
)


class Voxels(BaseSource):
    """Gets, converts and loads the voxels of a data set."""

    def load(self, card: DatasetCard, subset: str | None = None) -> LoadedDataset:
        """Load the voxels of a data set, or of one region.

        Raises
        ------
        DataError
            The files are not there, damaged or not as published.
        CacheError
            The data home cannot be written to.
        """
        assembly = read_installed(self._present(card))
        if subset is not None:
            assembly = select(assembly, "region", subset)
        return LoadedDataset(card, stimulus_set(sounds_folder()), assembly, published_folds())

    def locate(self, card: DatasetCard, subset: str | None = None) -> Path | None:
        """Return the folder that holds the responses, the user's own first, or None."""
        if brought := _brought(card):
            return brought
        installed = _installed(card)
        return installed.parent if installed.is_file() else None

    def fetch(
        self,
        card: DatasetCard,
        subset: str | None = None,
        source: Path | None = None,
        sha256: str | None = None,
    ) -> Path:
        """Install the responses, and the sounds unless they are here; return the responses' folder.

        ``source`` is the published archive or what it unpacks to. It is downloaded once for both
        data sets and all regions; without ``sha256``, that of the first download is pinned.
        """
        remote = Remote(ARCHIVE, (URL,), sha256, _SIZE)
        given = source or fetch(remote, settings.data_home() / ARCHIVE_FOLDER)
        demanded = sha256 if source else None  # a download has been held to it
        target = _installed(card)
        scratch = settings.data_home() / f"{card.id}.unpacked"
        wanted = partial(_wanted, card.id)
        with (
            locked(target.parent),
            opened(given, scratch, wanted, largest=_LARGEST, sha256=demanded) as folder,
        ):
            if folder == given:
                convert(card.id, _raw_folder(given, card.id), target, str(given))
            else:
                raw = _unpacked_folder(folder, card.id, given)
                convert(card.id, raw, target, str(source or URL), archive=given)
        if find_sounds() is None:
            install_sounds(given)
        return target.parent

    def _present(self, card: DatasetCard) -> Path:
        """Return the converted file, made now if need be."""
        brought = _brought(card)
        if brought is None:
            installed = _installed(card)
            return installed if installed.is_file() else self.fetch(card) / installed.name
        _, published = READERS[card.id]
        _check_complete(brought, card.id)
        contents = hash_json([hash_file(brought / name) for name in published.files])
        target = settings.data_home() / f"{card.id}-{contents[:16]}" / f"{card.id}.nc"
        with locked(target.parent):
            if not target.is_file():
                convert(card.id, brought, target, str(brought))
        return target


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
    with atomic_file(target) as temporary:
        write_dataset(assembly.to_dataset(name="responses"), temporary)


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


def _installed(card: DatasetCard) -> Path:
    return settings.data_home() / card.id / f"{card.id}.nc"


def _brought(card: DatasetCard) -> Path | None:
    brought = settings.brought_data()
    return _find_raw(brought, card.id) if brought else None


def _find_raw(folder: Path, dataset: str) -> Path | None:
    places = [folder / "neural" / dataset, folder / "data" / "neural" / dataset]
    return next((place for place in places if place.is_dir()), None)


def _wanted(dataset: str, path: PurePosixPath) -> bool:
    names = READERS[dataset][1].files
    return path.parts[-3:-1] == ("neural", dataset) and path.name in names


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


def _unpacked_folder(folder: Path, dataset: str, archive: Path) -> Path:
    names = READERS[dataset][1].files
    found = [path for path in folder.rglob("*") if path.is_file()]
    missing = sorted(set(names) - {file.name for file in found})
    if missing or len({file.parent for file in found}) != 1:
        lacking = f"has no neural/{dataset}/{missing[0]}" if missing else "has them twice"
        raise DataError(
            f"{archive} {lacking}; expected {', '.join(names)}. It is cut off, or not the "
            f"published archive ({URL})."
        )
    return found[0].parent


def _check_complete(folder: Path, dataset: str) -> None:
    missing = [name for name in READERS[dataset][1].files if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder / missing[0]} is missing, {dataset} cannot be read without it. Complete the "
            f"folder, or get the published archive with `brainbench data get {dataset}`."
        )
