"""The truth behind SimStory: a model that computes the planted layers from sound."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainbench_audio.errors import ContractError
from brainbench_audio.files import hash_file, hash_sources
from brainbench_audio.stimuli.stimulus_set import Moment

from .features import FRAME_RATE, LAYERS, Array, heard
from .sounds import SAMPLE_RATE
from .storage import DATA_VERSION, PLANTED, ensure, read_calibration

DECOY = "decoy"
DECOY_FEATURES = 12


class PlantedModel:
    """A model whose layers are the planted ones, computed from the waveform, and a decoy.

    The layer ``decoy`` holds random numbers drawn for each sound (from a hash of its samples): it
    tells nothing about any voxel, so a metric must not choose it.
    """

    sample_rate = SAMPLE_RATE
    layers = (*LAYERS, DECOY)

    def __init__(self) -> None:
        self._folder = ensure()
        self._calibration = read_calibration(self._folder)

    @property
    def fingerprint(self) -> dict[str, str]:
        """Hashes of what decides the activations."""
        return {
            "data": DATA_VERSION,
            "planted": hash_file(self._folder / PLANTED),
            "source": hash_sources(Path(__file__).parent),
        }

    def activations(
        self, waveforms: Sequence[NDArray[np.float32]], layers: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Return the means over time of the layers of some sounds, each float32 (sound, feature).

        Parameters
        ----------
        waveforms : sequence of (sample,) arrays at 16 kHz
            Of 0.1 s at least.
        layers : sequence of str, optional
            Only these.

        Raises
        ------
        ContractError
            There is no such layer.
        """
        return self._means([(one, slice(None)) for one in waveforms], layers)

    def activations_over_time(
        self,
        waveforms: Sequence[NDArray[np.float32]],
        moment: Moment,
        layers: Sequence[str] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return the layers of some windows, averaged over the frames that count."""
        start, end = (round(seconds * FRAME_RATE) for seconds in moment.frames)
        return self._means([(one, slice(start, max(end, start + 1))) for one in waveforms], layers)

    def _means(
        self,
        parts: Sequence[tuple[NDArray[np.float32], slice]],
        layers: Sequence[str] | None,
    ) -> dict[str, NDArray[np.float32]]:
        wanted = self.layers if layers is None else tuple(layers)
        unknown = [layer for layer in wanted if layer not in self.layers]
        if unknown:
            raise ContractError(
                f"PlantedModel has no layer {unknown[0]!r}: choose from {', '.join(self.layers)}."
            )
        rows = []
        for waveform, frames in parts:
            found = self._calibration.layers(heard(waveform))
            means = {layer: values[frames].mean(axis=0) for layer, values in found.items()}
            rows.append({**means, DECOY: _decoy(waveform)})
        return {
            layer: np.stack([row[layer] for row in rows]).astype(np.float32) for layer in wanted
        }


def _decoy(waveform: NDArray[np.float32]) -> Array:
    digest = hashlib.sha256(np.ascontiguousarray(waveform, np.float32).tobytes()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    return rng.standard_normal(DECOY_FEATURES)
