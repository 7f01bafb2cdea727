"""Worlds of short sounds, each a run of its own, whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import scipy.signal
import xarray as xr

from brainbench_audio.assemblies.continuous import build_in_time

Array = npt.NDArray[np.float64]
STEP = 0.04


@dataclass(frozen=True)
class SoundWorld:
    """Components that follow features of sounds some rows ago; sounds and noise are drawn anew.

    Attributes
    ----------
    sounds, rows, components : int
        Rows of 40 ms of a sound. Folds of sounds are five.
    features : int
        Of what is heard, which all layers but the first mix, with noise of their own.
    noise : float
        Of responses, beside a signal of deviation 1.
    memory : float
        Of features and noise, from row to row.
    course : float
        Of responses: what is common to all sounds, an answer to their onset.
    signal : float
        0: responses to all sounds are alike but for noise.
    layers : int
    """

    sounds: int = 60
    rows: int = 25
    components: int = 5
    features: int = 4
    noise: float = 1.5
    memory: float = 0.8
    course: float = 0.5
    signal: float = 1.0
    layers: int = 2
    repeated: ClassVar[tuple[()]] = ()
    listeners: ClassVar[int] = 0

    @property
    def lags(self) -> Array:
        """Rows by which each component is behind what it follows."""
        return 2 + 3 * np.arange(self.components) % 8

    def draw(self, seed: int) -> tuple[dict[str, Array], xr.DataArray, npt.NDArray[np.int64]]:
        """Return layers, responses and folds."""
        fixed, generator = np.random.default_rng(31), np.random.default_rng([32, seed])
        weights = fixed.standard_normal((self.features, self.components))
        weights *= self.signal / np.linalg.norm(weights, axis=0)
        mixing = fixed.standard_normal((self.features, 3 * self.features))
        onset = np.exp(-np.arange(self.rows) / 5)
        layers: dict[str, list[Array]] = {f"layer {place}": [] for place in range(self.layers)}
        responses = []
        for _ in range(self.sounds):
            # half of the variance is between sounds
            kinds = np.sqrt(0.5) * generator.standard_normal(self.features)
            heard = kinds + np.sqrt(0.5) * self._coloured(generator, self.features)
            past = np.vstack([np.tile(heard[0], (10, 1)), heard])
            signal = np.stack(
                [
                    past[10 - lag : 10 - lag + self.rows] @ column
                    for lag, column in zip(self.lags, weights.T, strict=True)
                ],
                axis=1,
            )
            noise = self.noise * self._coloured(generator, self.components)
            responses.append(signal + noise + self.course * onset[:, np.newaxis])
            for place, values in enumerate(layers.values()):
                other = self._coloured(generator, mixing.shape[1])
                values.append(heard @ mixing + 0.1 * other if place else other)
        sounds = [f"sound-{number}" for number in range(self.sounds) for _ in range(self.rows)]
        target = build_in_time(
            np.vstack(responses),
            sounds,
            np.tile(STEP * np.arange(self.rows), self.sounds),
            "component",
            {"component": [f"C{number}" for number in range(self.components)]},
        )
        folds = np.repeat(np.arange(self.sounds) % 5, self.rows)
        return {name: np.vstack(values) for name, values in layers.items()}, target, folds

    def _coloured(self, generator: np.random.Generator, columns: int) -> Array:
        white = generator.standard_normal((self.rows + 30, columns))
        scale = np.sqrt(1 - self.memory**2)
        return np.asarray(scipy.signal.lfilter([scale], [1, -self.memory], white, axis=0)[30:])
