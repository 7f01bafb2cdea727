"""The generated files of SimStory: the sound of each run, responses and what was planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from brainbench_simcortex.generated import (
    ensure_generated,
    read_netcdf,
    stored_arrays,
    write_arrays,
    write_generated,
)

from brainbench_audio import settings
from brainbench_audio.netcdf import write_dataset
from brainbench_audio.stimuli.audio import read_waveform, write_waveform

from .features import LAYERS, Array, Calibration, heard
from .listeners import RUNS, Listeners, simulate
from .sounds import SAMPLE_RATE, run_sound

DATA_VERSION = "1"
SEED = 20260
RESPONSES = "responses.nc"
PLANTED = "planted.npz"


def default_folder() -> Path:
    """Return where the data lie: ``$BRAINBENCH_HOME/data/simstory-<version>``."""
    return settings.data_home() / f"simstory-{DATA_VERSION}"


def ensure(folder: Path | None = None) -> Path:
    """Return the folder of the data, generated (in some seconds) where it is not there yet.

    Parameters
    ----------
    folder : Path, optional
        `default_folder` unless given.

    Raises
    ------
    DataError, CacheError
        The folder cannot be written to, or is damaged again right after that.
    """
    return ensure_generated(folder or default_folder(), DATA_VERSION, generate)


def generate(folder: Path, seed: int = SEED) -> None:
    """Make the sounds, what is planted and the responses, and write them to a new folder.

    Parameters
    ----------
    folder : Path
        Appears when all is written; holds a WAV file for each run (16 bit, 16 kHz),
        ``responses.nc``, ``planted.npz`` and ``manifest.json`` (SHA-256 of each file).
    seed : int
        Decides everything.
    """
    write_generated(folder, DATA_VERSION, seed, lambda temporary: _fill(temporary, seed))


def sound_file(folder: Path, run: str) -> Path:
    """Return the file of a run."""
    return folder / f"{run}.wav"


def _fill(folder: Path, seed: int) -> None:
    for number, run in enumerate(RUNS):
        sound = run_sound(np.random.default_rng([seed, number]))
        write_waveform(sound_file(folder, run), sound, SAMPLE_RATE)
    # of what was written, as models hear it
    sounds = [read_waveform(sound_file(folder, run), SAMPLE_RATE) for run in RUNS]
    features = [heard(sound) for sound in sounds]
    calibration = Calibration.fit(features)
    layers = [calibration.layers(each) for each in features]
    listeners = simulate(layers, np.random.default_rng([seed, len(RUNS)]))
    _write_planted(folder / PLANTED, calibration)
    _write_responses(folder / RESPONSES, listeners)


def read_calibration(folder: Path) -> Calibration:
    """Return how the planted features were standardised.

    Raises
    ------
    DataError
        The file is missing or damaged.
    """
    with stored_arrays(folder / PLANTED) as stored:
        means = {layer: stored[f"mean_{layer}"] for layer in LAYERS}
        scales = {layer: stored[f"scale_{layer}"] for layer in LAYERS}
    return Calibration(means, scales)


def planted_layers(folder: Path) -> dict[str, dict[str, Array]]:
    """Return the features from which the voxels were made.

    Returns
    -------
    dict of str to dict of str to array
        Run to layer to (frame, feature), ten frames a second.
    """
    calibration = read_calibration(folder)
    sounds = {run: read_waveform(sound_file(folder, run), SAMPLE_RATE) for run in RUNS}
    return {run: calibration.layers(heard(sound)) for run, sound in sounds.items()}


def read_responses(folder: Path) -> xr.Dataset:
    """Return ``responses`` and ``signal``, both (volume, voxel).

    Coordinates: ``run``, ``time``, ``repeat`` (volume); ``subject``, ``region``, ``planted_layer``,
    ``lag``, ``reliability`` (voxel).

    Raises
    ------
    DataError
        The file is missing or damaged.
    """
    return read_netcdf(folder / RESPONSES)


def _write_planted(path: Path, calibration: Calibration) -> None:
    means = {f"mean_{layer}": values for layer, values in calibration.means.items()}
    scales = {f"scale_{layer}": values for layer, values in calibration.scales.items()}
    write_arrays(path, means | scales)


def _write_responses(path: Path, listeners: Listeners) -> None:
    along = {
        **dict.fromkeys(("run", "time", "repeat"), "volume"),
        **dict.fromkeys(("subject", "region", "planted_layer", "lag", "reliability"), "voxel"),
    }
    data = xr.Dataset(
        {name: (("volume", "voxel"), getattr(listeners, name)) for name in ("responses", "signal")},
        {name: (dimension, getattr(listeners, name)) for name, dimension in along.items()},
        {"version": DATA_VERSION},
    )
    write_dataset(data, path)
