"""Worlds of continuous sound whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal
import xarray as xr

Array = npt.NDArray[np.float64]
STEP = 2.0


@dataclass(frozen=True)
class World:
    """Responses that follow delayed features, and what is drawn anew each time.

    Attributes
    ----------
    learned : tuple of int
        Rows of each run that is presented once. These sounds are the same each time.
    repeated : tuple of (int, int)
        Rows and presentations of each run that is repeated.
    features, voxels : int
        Of a layer; of a listener.
    listeners : int
        0: responses without subjects.
    noise : float
        Of a presentation, beside a signal of deviation 1.
    memory : float
        Of features and noise, as of an autoregressive process of order 1.
    layers : int
        The last holds the signal; the others are unrelated.
    signal : float
        0: responses are noise.
    tuning : float
        How far the tuning of a listener is from that of all.
    silent : int
        Voxels of a listener that hear nothing.
    """

    learned: tuple[int, ...] = (60, 60, 60)
    repeated: tuple[tuple[int, int], ...] = ((100, 3),)
    features: int = 5
    voxels: int = 6
    listeners: int = 0
    noise: float = 1.5
    memory: float = 0.0
    layers: int = 1
    signal: float = 1.0
    tuning: float = 0.3
    silent: int = 0
    weights: Array = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        drawn = np.random.default_rng(20).standard_normal((3 * self.features, self.voxels))
        heard = self.signal * (np.arange(self.voxels) >= self.silent)
        object.__setattr__(self, "weights", heard * drawn / np.sqrt(3 * self.features))

    @property
    def ceiling(self) -> float:
        """The highest correlation with the mean of presentations, mean over voxels.

        Of one repeated run, without listeners; delayed features of independent rows.
        """
        signal = np.square(self.weights).sum(axis=0)
        ((_, presentations),) = self.repeated
        return float(np.sqrt(signal / (signal + self.noise**2 / presentations)).mean())

    def draw(self, seed: int) -> tuple[dict[str, Array], xr.DataArray, npt.NDArray[np.int64]]:
        """Return layers, responses and folds, one a run."""
        fixed, generator = np.random.default_rng(21), np.random.default_rng([22, seed])
        tunings = [
            self.weights
            + self.tuning
            * generator.standard_normal(self.weights.shape)
            / np.sqrt(len(self.weights))
            * self.signal
            * bool(self.listeners)
            for _ in range(max(1, self.listeners))
        ]
        layers: dict[str, list[Array]] = {f"layer {place}": [] for place in range(self.layers)}
        labels: list[tuple[str, float, int, int]] = []
        responses = []
        runs = [(rows, 1) for rows in self.learned] + list(self.repeated)
        for number, (rows, times) in enumerate(runs):
            source = fixed if number < len(self.learned) else generator
            heard = [self._coloured(source, rows, self.features) for _ in layers]
            past = [
                np.vstack([np.zeros((lag, self.features)), heard[-1][:-lag]]) for lag in (1, 2, 3)
            ]
            signal = np.hstack(past) @ np.hstack(tunings)
            for repeat in range(times):
                noise = self._coloured(generator, rows, signal.shape[1])
                responses.append(signal + self.noise * noise)
                labels += [(f"run-{number}", STEP * row, repeat, number) for row in range(rows)]
                for layer, values in zip(layers.values(), heard, strict=True):
                    layer.append(values)
        names = [f"{run}@{time:.3f}#{repeat}" for run, time, repeat, _ in labels]
        along = {
            name: ("stimulus", [label[place] for label in labels])
            for place, name in enumerate(("run", "time", "repeat"))
        }
        subjects = np.repeat([f"subject-{one}" for one in range(self.listeners)], self.voxels)
        of_voxels: dict[str, Any] = {"subject": ("voxel", subjects)} if self.listeners else {}
        target = xr.DataArray(
            np.vstack(responses), {"stimulus": names, **along, **of_voxels}, ("stimulus", "voxel")
        )
        stacked = {name: np.vstack(values) for name, values in layers.items()}
        return stacked, target, np.array([label[-1] for label in labels])

    def _coloured(self, generator: np.random.Generator, rows: int, columns: int) -> Array:
        white = generator.standard_normal((rows + 30, columns))
        scale = np.sqrt(1 - self.memory**2)
        coloured = scipy.signal.lfilter([scale], [1, -self.memory], white, axis=0)
        return np.asarray(coloured[30:])
