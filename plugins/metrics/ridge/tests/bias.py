"""What a perfect linear model gets, divided by the ceiling: simulated responses of known signal.

Run as a script, this prints the table of docs/methods-statistics.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from brainbench_ridge.metric import Ridge

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.scores.score import Score

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Responses of voxels that features give linearly, with noise in every session."""

    stimuli: int
    features: int
    sessions: int
    reliability: float
    voxels: int = 120

    def score(self, seed: int, variant: str | None = None) -> Score:
        """Return the score of the true features in one draw of this world."""
        generator = np.random.default_rng(seed)
        features = generator.standard_normal((self.stimuli, self.features))
        signal = features @ generator.standard_normal((self.features, self.voxels))
        signal /= signal.std(axis=0)
        noise = np.sqrt(self.sessions * (1 - self.reliability) / self.reliability)
        shape = (self.stimuli, self.voxels, self.sessions)
        responses = signal[:, :, None] + noise * generator.standard_normal(shape)
        names = [f"sound-{number}" for number in range(self.stimuli)]
        subjects = {"subject": np.repeat(["a", "b", "c"], self.voxels // 3)}
        target = build(responses, names, "voxel", subjects)
        folds = generator.permutation(self.stimuli) % 5
        return Ridge(variant=variant)({"true": features}, target, folds)


def mean_and_error(values: list[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values) / np.sqrt(len(values)))


def rows(draws: int) -> list[str]:
    """Return the rows of the table."""
    found = []
    for stimuli, features, sessions in ((40, 6, 4), (165, 1, 3), (165, 6, 3), (165, 100, 3)):
        for reliability in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9):
            world = World(stimuli, features, sessions, reliability)
            cells = [f"| {stimuli}, {features}, {sessions} | {reliability}"]
            for variant in (None, "corrected"):
                scores = [world.score(seed, variant) for seed in range(draws)]
                ratios = [one.value / one.ceiling for one in scores if one.ceiling]
                mean, error = mean_and_error(ratios)
                given = [one.normalised for one in scores if one.normalised is not None]
                if variant is None:
                    ceiling, spread = mean_and_error([one.ceiling or 0.0 for one in scores])
                    cells.append(f"{ceiling:.3f} ± {spread:.3f}")
                cells.append(f"{mean:.2f} ± {error:.2f}")
                normalised = "{:.2f} ± {:.2f}".format(*mean_and_error(given)) if given else "–"
                if variant is None:
                    cells.append(normalised)
                cells.append(f"{len(given)} of {draws}")
            found.append(" | ".join(cells) + " |")
            print(found[-1], flush=True)
    return found


if __name__ == "__main__":
    rows(12)
