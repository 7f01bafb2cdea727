"""Sounds, a model and a data set that are made in no time."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import xarray as xr

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.assemblies.folds import stratified
from brainbench_audio.cards import DatasetCard, ModelCard
from brainbench_audio.data_source import LoadedDataset
from brainbench_audio.files import explained
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.temporaries import temporary_path

SAMPLE_RATE = 8000


def dummy_stimuli(folder: Path, number: int = 15, seconds: float = 0.1) -> StimulusSet:
    """Write short noisy tones as 16-bit wav files and return them as a set.

    A file that is there already with the same bytes is left alone.

    Parameters
    ----------
    folder : Path
        Made if needed.
    number : int
        Stimuli, in three categories in turn.
    seconds : float
        Length of each.
    """
    names = tuple(f"sound{index:02d}" for index in range(number))
    files = tuple(folder / f"{name}.wav" for name in names)
    sounds = zip(files, _wav_files(number, seconds), strict=True)
    wanted = [(file, wav) for file, wav in sounds if not _holds(file, wav)]
    if wanted:
        # another process may be reading the same sounds: each appears whole
        with explained(folder), temporary_path(folder) as parts:
            parts.mkdir()
            for file, wav in wanted:
                (parts / file.name).write_bytes(wav)
                os.replace(parts / file.name, file)
    categories = tuple(("tone", "noise", "click")[index % 3] for index in range(number))
    return StimulusSet("dummies", names, files, categories)


@lru_cache(maxsize=8)
def _wav_files(number: int, seconds: float) -> tuple[bytes, ...]:
    generator = np.random.default_rng(0)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    made = []
    for _ in range(number):
        tone = np.sin(2 * np.pi * generator.uniform(100, 3000) * time)
        noise = generator.standard_normal(len(time))
        file = io.BytesIO()
        soundfile.write(file, 0.3 * tone + 0.05 * noise, SAMPLE_RATE, "PCM_16", format="WAV")
        made.append(file.getvalue())
    return tuple(made)


def _holds(file: Path, content: bytes) -> bool:
    return file.is_file() and file.read_bytes() == content


def dummy_card(**changes: Any) -> ModelCard:
    """Return the card of a model ``net-work`` of one layer, 8 kHz; ``changes`` are its fields."""
    fields: dict[str, Any] = {
        "id": "net-work",
        "family": "net",
        "label": "Net",
        "parameters": 10,
        "layers": ("out",),
        "dims": (2,),
        "sample_rate": SAMPLE_RATE,
        "licence": "MIT",
        "citation": "c",
        "training_data": "none",
        "source": "s",
        "packages": (),
        "loader": "m:f",
    }
    return ModelCard(**{**fields, **changes})


class DummyModel:
    """A model of two layers: energies in a few bands, and their logarithm.

    Parameters
    ----------
    bands : int
        Features of each layer.
    """

    def __init__(self, bands: int = 6) -> None:
        self.bands = bands
        self.heard = 0

    layers = ("bands", "log_bands")
    sample_rate = SAMPLE_RATE

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The number of bands decides everything."""
        return {"bands": self.bands}

    def activations(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Return the activations; ``heard`` counts the sounds of all calls."""
        self.heard += len(waveforms)
        rows = [self._energies(waveform) for waveform in waveforms]
        energies = np.asarray(rows, dtype=np.float32)
        found = {"bands": energies, "log_bands": np.log(energies + np.float32(1e-6))}
        return {layer: found[layer] for layer in (self.layers if layers is None else layers)}

    def _energies(self, waveform: npt.NDArray[np.float32]) -> list[float]:
        power = np.abs(np.fft.rfft(waveform)) ** 2
        return [float(part.mean()) for part in np.array_split(power, self.bands)]


def dummy_dataset(card: DatasetCard, folder: Path) -> LoadedDataset:
    """Return responses of a few components: sums of a `DummyModel`'s second layer, and noise.

    Parameters
    ----------
    card : DatasetCard
        Says how many stimuli.
    folder : Path
        Where the sounds are written.
    """
    stimuli = dummy_stimuli(folder, card.stimuli)
    folds = stratified(stimuli.names, stimuli.categories, 3)
    return LoadedDataset(card, stimuli, _responses(stimuli), folds)


def _responses(stimuli: StimulusSet) -> xr.DataArray:
    waveforms = stimuli.waveforms(range(len(stimuli)), SAMPLE_RATE)
    features = DummyModel().activations(waveforms)["log_bands"]
    generator = np.random.default_rng(1)
    mixed = features @ generator.standard_normal((features.shape[1], 3))
    noisy = mixed + 0.1 * mixed.std(axis=0) * generator.standard_normal(mixed.shape)
    # in another order than the stimuli, so that whoever aligns by position is found out
    order = generator.permutation(len(noisy))
    names = [stimuli.names[index] for index in order]
    return build(noisy[order], names, "component", {"component": ["a", "b", "c"]})
