"""The generated folder: made once, whole or not at all, and checked whenever it is opened."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from brainbench_audio import settings
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_folder, hash_file, locked, set_aside
from brainbench_audio.netcdf import write_dataset
from brainbench_audio.stimuli.audio import write_waveform

from .cortex import Cortex, simulate
from .features import LAYERS, PERCEPTS, Array, Calibration, percepts
from .recipes import CATEGORIES, SEED, Exemplar, exemplars, synthesise
from .synthesis import FULL_SCALE, SAMPLE_RATE

DATA_VERSION = "1"
RESPONSES = "responses.nc"
PLANTED = "planted.npz"
MANIFEST = "manifest.json"
SOUNDS = "sounds"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Planted:
    """What was planted: the calibration of the features and the layers of the 165 sounds."""

    calibration: Calibration
    layers: Mapping[str, Array]


def default_folder() -> Path:
    """Return where the data lie: ``$BRAINBENCH_HOME/data/simcortex-<version>``."""
    return settings.data_home() / f"simcortex-{DATA_VERSION}"


def ensure(folder: Path | None = None) -> Path:
    """Return the folder of the data, generated (in some seconds) where it is not there yet.

    Several processes may call this at once: one generates, the others wait for it. A folder with a
    missing or changed file is set aside under a name ending in ``.corrupt`` and made again.

    Parameters
    ----------
    folder : Path, optional
        `default_folder` unless given.

    Raises
    ------
    DataError
        The files are damaged again right after they were written, or a damaged folder cannot be
        moved.
    CacheError
        The folder cannot be written to.
    """
    folder = folder or default_folder()
    if folder.is_dir() and damage(folder) is None:
        return folder
    with locked(folder):
        if folder.exists():
            found = damage(folder)
            if found is None:
                return folder
            _log.warning("%s: %s. Generating the data again.", folder, found)
            _move_away(folder, found)
        generate(folder)
        if (found := damage(folder)) is not None:
            raise DataError(
                f"{folder} was generated just now, and {found}: check the disk, or choose another "
                f"one with BRAINBENCH_HOME."
            )
    return folder


def damage(folder: Path) -> str | None:
    """Say what is wrong with a generated folder; None where every file is as it was written."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        hashes = dict(manifest["files"])
        version = manifest["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{MANIFEST} is missing or damaged"
    if version != DATA_VERSION:
        return f"the data are version {version}, not {DATA_VERSION}"
    for name, expected in hashes.items():
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        if hash_file(file) != expected:
            return f"{name} is not as it was written"
    return None


def generate(folder: Path, seed: int = SEED) -> None:
    """Make the sounds, what is planted and the responses, and write them to a new folder.

    Parameters
    ----------
    folder : Path
        Appears when all is written; holds ``sounds/*.wav`` (16 bit, 44.1 kHz), ``responses.nc``
        (stimulus x voxel x session), ``planted.npz`` and ``manifest.json`` (SHA-256 of each file).
    seed : int
        Decides everything.
    """
    chosen = exemplars(seed)
    with atomic_folder(folder) as temporary:
        (temporary / SOUNDS).mkdir()
        heard = [_make_sound(temporary, exemplar, seed) for exemplar in chosen]
        calibration = Calibration.fit(heard, [exemplar.category for exemplar in chosen])
        rows = [calibration.layers(one) for one in heard]
        layers = {layer: np.stack([row[layer] for row in rows]) for layer in LAYERS}
        rng = np.random.default_rng([seed, 2])
        cortex = simulate(layers, tuple(sorted(CATEGORIES)), rng)
        _write_planted(temporary / PLANTED, Planted(calibration, layers))
        _write_responses(temporary / RESPONSES, chosen, cortex)
        files = sorted(file for file in temporary.rglob("*") if file.is_file())
        hashes = {file.relative_to(temporary).as_posix(): hash_file(file) for file in files}
        manifest = {"version": DATA_VERSION, "seed": seed, "files": hashes}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1))


def sound_file(folder: Path, name: str) -> Path:
    """Return the file of a stimulus."""
    return folder / SOUNDS / f"{name}.wav"


def read_planted(folder: Path) -> Planted:
    """Return what was planted.

    Raises
    ------
    DataError
        The file is missing or damaged.
    """
    path = folder / PLANTED
    try:
        # opened here, as numpy leaves the file open where it is no archive
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            means = {layer: stored[f"mean_{layer}"] for layer in LAYERS}
            scales = {layer: stored[f"scale_{layer}"] for layer in LAYERS}
            layers = {layer: stored[f"layer_{layer}"] for layer in LAYERS}
            calibration = Calibration(means, scales, stored["axes"], stored["prototypes"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DataError(
            f"{path} cannot be read: {error}. Delete {folder} to make it anew."
        ) from error
    return Planted(calibration, layers)


def read_responses(folder: Path) -> xr.Dataset:
    """Return ``responses`` (stimulus, voxel, session) and ``signal`` (stimulus, voxel).

    Coordinates: ``stimulus``, ``category`` (stimulus); ``voxel``, ``subject``, ``region``,
    ``reliability``, ``planted_layer`` (voxel).

    Raises
    ------
    DataError
        The file is missing or damaged.
    """
    path = folder / RESPONSES
    try:
        with xr.open_dataset(path, engine="netcdf4") as stored:
            data = stored.load()
        for name in ("stimulus", "category", "subject", "region", "planted_layer"):
            data = data.assign_coords({name: data[name].astype(str)})
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} cannot be read: {error}. Delete {folder} to make it anew."
        ) from error
    return data


def _make_sound(folder: Path, exemplar: Exemplar, seed: int) -> dict[str, Array]:
    """Write one sound, and return what is heard in it as it was written."""
    sound: NDArray[np.int16] = synthesise(exemplar, seed)
    write_waveform(sound_file(folder, exemplar.name), sound, SAMPLE_RATE)
    return percepts(sound / FULL_SCALE)


def _write_planted(path: Path, planted: Planted) -> None:
    constants = planted.calibration
    arrays = {"axes": constants.axes, "prototypes": constants.prototypes}
    for layer in LAYERS:
        arrays[f"mean_{layer}"] = constants.means[layer]
        arrays[f"scale_{layer}"] = constants.scales[layer]
        arrays[f"layer_{layer}"] = planted.layers[layer]
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _write_responses(path: Path, chosen: tuple[Exemplar, ...], cortex: Cortex) -> None:
    data = xr.Dataset(
        {
            "responses": (("stimulus", "voxel", "session"), cortex.responses),
            "signal": (("stimulus", "voxel"), cortex.signal),
        },
        {
            "stimulus": [exemplar.name for exemplar in chosen],
            "category": ("stimulus", [exemplar.category for exemplar in chosen]),
            "voxel": np.arange(len(cortex.region)),
            "subject": ("voxel", cortex.subject),
            "region": ("voxel", cortex.region),
            "reliability": ("voxel", cortex.reliability),
            "planted_layer": ("voxel", cortex.planted_layer),
        },
        {"version": DATA_VERSION, "percepts": ", ".join(PERCEPTS)},
    )
    write_dataset(data, path)


def _move_away(folder: Path, found: str) -> None:
    try:
        set_aside(folder)
    except OSError as error:
        raise DataError(
            f"{folder} is damaged ({found}) and cannot be moved away: {error.strerror}. Delete it, "
            f"or choose another place with BRAINBENCH_HOME."
        ) from error
