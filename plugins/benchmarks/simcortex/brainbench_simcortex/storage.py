"""The generated files of SimCortex: sounds, responses and what was planted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from brainbench_audio import settings
from brainbench_audio.netcdf import write_dataset
from brainbench_audio.stimuli.audio import write_waveform

from .cortex import Cortex, simulate
from .features import LAYERS, PERCEPTS, Array, Calibration, percepts
from .generated import (
    damage_of,
    ensure_generated,
    read_netcdf,
    stored_arrays,
    write_arrays,
    write_generated,
)
from .recipes import CATEGORIES, SEED, Exemplar, exemplars, synthesise
from .synthesis import FULL_SCALE, SAMPLE_RATE

DATA_VERSION = "1"
RESPONSES = "responses.nc"
PLANTED = "planted.npz"
SOUNDS = "sounds"


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

    Parameters
    ----------
    folder : Path, optional
        `default_folder` unless given.

    Raises
    ------
    DataError, CacheError
        See `ensure_generated`.
    """
    return ensure_generated(folder or default_folder(), DATA_VERSION, generate)


def damage(folder: Path) -> str | None:
    """Say what is wrong with a generated folder; None where every file is as it was written."""
    return damage_of(folder, DATA_VERSION)


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
    write_generated(folder, DATA_VERSION, seed, lambda temporary: _fill(temporary, seed))


def _fill(folder: Path, seed: int) -> None:
    chosen = exemplars(seed)
    (folder / SOUNDS).mkdir()
    heard = [_make_sound(folder, exemplar, seed) for exemplar in chosen]
    calibration = Calibration.fit(heard, [exemplar.category for exemplar in chosen])
    rows = [calibration.layers(one) for one in heard]
    layers = {layer: np.stack([row[layer] for row in rows]) for layer in LAYERS}
    rng = np.random.default_rng([seed, 2])
    cortex = simulate(layers, tuple(sorted(CATEGORIES)), rng)
    _write_planted(folder / PLANTED, Planted(calibration, layers))
    _write_responses(folder / RESPONSES, chosen, cortex)


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
    with stored_arrays(folder / PLANTED) as stored:
        means = {layer: stored[f"mean_{layer}"] for layer in LAYERS}
        scales = {layer: stored[f"scale_{layer}"] for layer in LAYERS}
        layers = {layer: stored[f"layer_{layer}"] for layer in LAYERS}
        calibration = Calibration(means, scales, stored["axes"], stored["prototypes"])
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
    return read_netcdf(folder / RESPONSES)


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
    write_arrays(path, arrays)


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
