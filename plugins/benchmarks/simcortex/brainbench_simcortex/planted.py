"""The truth behind SimCortex: the planted layers, and a model that computes them from sound."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainbench_audio.errors import ContractError
from brainbench_audio.files import hash_file, hash_sources

from .features import LAYERS, Array, percepts
from .storage import DATA_VERSION, PLANTED, ensure, read_planted
from .synthesis import FULL_SCALE, SAMPLE_RATE

DECOY = "decoy"
DECOY_FEATURES = 16


def planted_layers() -> dict[str, Array]:
    """Return the features from which the voxels were made.

    A voxel's noiseless response is linear in the one layer that its coordinate ``planted_layer``
    names, so that a sound metric must pick this layer and come near the voxel's ``reliability``.

    Returns
    -------
    dict of str to array
        Layer to (165, feature), in the order of the stimuli, each feature of mean 0 and variance 1.
        Features: 20 ``frequency``, 24 ``modulation``, 18 ``pitch``, 24 ``syllables``, 11
        ``category``.
    """
    return dict(read_planted(ensure()).layers)


class PlantedModel:
    """A model whose layers are the planted ones, computed from the waveform, and a decoy.

    All planted layers, ``category`` too, are fixed functions of any waveform: likeness to a
    category is a softmax of distances to prototypes, whose places were fixed once from the 165
    sounds. The layer ``decoy`` holds random numbers drawn for each sound (from a hash of its 16-bit
    samples): it tells nothing about any voxel, so a metric must not choose it.
    """

    def __init__(self) -> None:
        self._folder = ensure()
        self._calibration = read_planted(self._folder).calibration

    @property
    def layers(self) -> tuple[str, ...]:
        """The planted layers, then the decoy."""
        return (*LAYERS, DECOY)

    @property
    def sample_rate(self) -> int:
        """44,100 Hz, that of the sounds, so that nothing is resampled."""
        return SAMPLE_RATE

    @property
    def fingerprint(self) -> dict[str, str]:
        """Hashes of what decides the activations."""
        return {
            "data": DATA_VERSION,
            "planted": hash_file(self._folder / PLANTED),
            "source": hash_sources(Path(__file__).parent),
        }

    def activations(
        self,
        waveforms: Sequence[NDArray[np.float32]],
        layers: Sequence[str] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return the layers of some sounds, each float32 (stimulus, feature).

        Parameters
        ----------
        waveforms : sequence of (sample,) arrays at 44.1 kHz
        layers : sequence of str, optional
            Only these.

        Raises
        ------
        ContractError
            There is no such layer.
        """
        wanted = tuple(layers) if layers is not None else self.layers
        unknown = [layer for layer in wanted if layer not in self.layers]
        if unknown:
            raise ContractError(
                f"PlantedModel has no layer {unknown[0]!r}: choose from {', '.join(self.layers)}."
            )
        rows = [
            {**self._calibration.layers(percepts(waveform)), DECOY: _decoy(waveform)}
            for waveform in waveforms
        ]
        return {
            layer: np.stack([row[layer] for row in rows]).astype(np.float32) for layer in wanted
        }


def _decoy(waveform: NDArray[np.float32]) -> Array:
    stored = np.round(np.asarray(waveform, dtype=np.float64) * FULL_SCALE).astype("<i4")
    digest = hashlib.sha256(stored.tobytes()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    return rng.standard_normal(DECOY_FEATURES)
