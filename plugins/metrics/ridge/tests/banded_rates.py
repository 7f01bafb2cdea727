"""How often intervals and p of `-ridge-unique` err, in worlds whose truth is known.

python plugins/metrics/ridge/tests/banded_rates.py [WORLDS]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from brainbench_ridge.unique import UniqueRidge

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.scores.score import Score

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Responses of which a model and a given one explain known shares of the variance.

    Each has features of its own and some that both have; ``unique``, ``shared`` and
    ``unique_given`` are what these explain, the rest is noise. Each of the three has ``features``
    features. With ``sessions`` the noise is that of a mean over so many, so that a model whose
    features are all that the given one does not have reaches ``unique`` and no more. With
    ``listeners`` the components are their voxels.
    """

    stimuli: int
    features: int
    unique: float
    shared: float
    unique_given: float
    components: int = 1
    sessions: int = 1
    listeners: int = 0

    def score(self, seed: int) -> Score:
        generator = np.random.default_rng(seed)
        own, common, other = generator.standard_normal((3, self.stimuli, self.features))
        shares = self.unique, self.shared, self.unique_given
        responses = np.zeros((self.stimuli, self.components))
        for features, share in zip((own, common, other), shares, strict=True):
            weights = generator.standard_normal((self.features, self.components))
            responses += features @ weights / np.linalg.norm(weights, axis=0) * np.sqrt(share)
        noise = generator.standard_normal((*responses.shape, self.sessions))
        noise *= np.sqrt((1 - sum(shares)) * self.sessions)
        measured = responses[:, :, np.newaxis] + noise
        if self.sessions == 1:
            measured = measured[..., 0]
        names = [f"sound-{number}" for number in range(self.stimuli)]
        if self.listeners:
            who = [f"listener-{number % self.listeners}" for number in range(self.components)]
            target = build(measured, names, "voxel", {"subject": who})
        else:
            parts = [f"component-{number}" for number in range(self.components)]
            target = build(measured, names, "component", {"component": parts})
        folds = Folds(tuple(names), tuple(number % 5 for number in range(self.stimuli)), "made up")
        # without a share of its own, a model's own features are noise
        mine = np.hstack([own, common])
        return UniqueRidge()(
            {"mine": mine}, target, folds, given={"other": np.hstack([other, common])}
        )


WORLDS = {
    "all three": World(165, 4, 0.2, 0.3, 0.2, components=6),
    "40 sounds": World(40, 4, 0.2, 0.3, 0.2, components=6),
    "more features than sounds": World(100, 80, 0.2, 0.2, 0.2, components=3),
    "nothing of its own, nothing shared": World(100, 6, 0.0, 0.0, 0.5),
    "nothing of its own, all shared": World(100, 6, 0.0, 0.5, 0.2),
    "nothing of its own, shared, many features": World(100, 60, 0.0, 0.5, 0.2),
    "8 listeners": World(100, 4, 0.2, 0.3, 0.2, components=40, listeners=8),
    "165 sounds, sessions": World(165, 4, 0.2, 0.3, 0.2, components=6, sessions=3),
    "400 sounds, sessions": World(400, 4, 0.2, 0.3, 0.2, components=6, sessions=3),
    "165 sounds, noisy sessions": World(165, 4, 0.1, 0.1, 0.1, components=6, sessions=3),
}


def rates(world: World, worlds: int) -> dict[str, float]:
    """Return mean score, share of intervals that hold it, and share of p below 0.05."""
    scores = [world.score(seed) for seed in range(worlds)]
    values = np.array([score.value for score in scores])
    inside = [
        score.interval is not None and score.interval[0] <= values.mean() <= score.interval[1]
        for score in scores
    ]
    low = [score.p is not None and score.p < 0.05 for score in scores]
    return {
        "mean": float(values.mean()),
        "error": float(np.std(values) / np.sqrt(worlds)),
        "covered": float(np.mean(inside)),
        "spread": float(np.std(values)),
        "told": float(np.mean([score.error or 0.0 for score in scores])),
        "p < .05": float(np.mean(low)),
        "ceiling": float(
            np.mean([np.nan if one.ceiling is None else one.ceiling for one in scores])
        ),
    }


def main() -> None:
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for name, world in WORLDS.items():
        found = rates(world, worlds)
        told = ", ".join(f"{key} {value:.3f}" for key, value in found.items())
        print(f"{name}: {told}", flush=True)


if __name__ == "__main__":
    main()
