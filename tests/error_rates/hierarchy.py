"""How often p of the trend of `brainbench hierarchy` errs, in trainings whose course is known.

``python -m tests.error_rates.hierarchy 300`` makes the numbers of docs/methods-error-rates.md anew.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio.report.hierarchy import Deepening, positions_of, trend

Array = Any
REGIONS = ("Primary", "Lateral", "Anterior")
LAYERS, VOXELS = 8, 10


@dataclass(frozen=True)
class Training:
    """Steps of a training, of which each layer predicts each voxel of some listeners.

    Depths are from 0 (first layer) to 1 (last). The best layer of a voxel lies .35 deep in the
    primary region and .2 deeper in others, but for what differs between voxels (deviation .1) and
    between listeners (.1), at all steps alike.

    Attributes
    ----------
    name : str
    listeners, steps : int
    rise : float
        By how much other regions get deeper from the first step to the last.
    noise : float
        Of the score of a layer for a voxel at one step; scores fall by the distance from the best
        layer.
    walk : float
        Deviation of the steps of a random walk of other regions' depth, each listener's own.
    together : float
        Deviation of what other regions' depth is off at one step for all listeners alike.
    walk_together : float
        As ``walk``, of all listeners alike.
    """

    name: str
    listeners: int = 8
    steps: int = 5
    rise: float = 0.0
    noise: float = 0.3
    walk: float = 0.0
    together: float = 0.0
    walk_together: float = 0.0

    def draw(self, seed: int) -> list[xr.Dataset]:
        """Return the scores of layers for voxels at each step, as `ridge` stores them."""
        generator = np.random.default_rng([seed, self.listeners, self.steps])
        cells = self.listeners, len(REGIONS), VOXELS
        deeper = 0.2 + 0.1 * generator.standard_normal(self.listeners)
        lasting = 0.35 + 0.1 * generator.standard_normal(cells)
        walks = self.walk * generator.standard_normal((self.steps, self.listeners))
        walks += self.walk_together * generator.standard_normal((self.steps, 1))
        course = np.linspace(0, self.rise, self.steps)[:, np.newaxis] + walks.cumsum(axis=0)
        course = course + self.together * generator.standard_normal((self.steps, 1))
        listener, region = (one.ravel() for one in np.indices(cells)[:2])
        coordinates = {
            "layer": [f"layer {place}" for place in range(LAYERS)],
            "subject": ("voxel", [f"subject-{one}" for one in listener]),
            "region": ("voxel", np.array(REGIONS)[region]),
        }
        places = np.linspace(0, 1, LAYERS)[:, np.newaxis]
        found = []
        for now in course:
            depth = lasting.ravel() + (region > 0) * (deeper + now)[listener]
            score = 2 - np.abs(places - depth)
            score += self.noise * generator.standard_normal(score.shape)
            found.append(xr.Dataset({"layer_score": (("layer", "voxel"), score)}, coordinates))
        return found

    def trend(self, seed: int) -> Deepening:
        """Return the trend of a drawn training."""
        course = []
        for step, raw in enumerate(self.draw(seed)):
            positions = positions_of(raw)
            assert positions is not None
            course.append((step, positions))
        found = trend(self.name, "made-up", course)
        assert found is not None
        return found


@dataclass(frozen=True)
class Rates:
    """What was found in some simulations of a training.

    Attributes
    ----------
    mean : float
        Of the trend, over simulations.
    covered : float
        Share of 95 % intervals with that mean in them.
    below : mapping of float to float
        Level to share of p below it.
    without : float
        Share without p, as all listeners are the same; it counts as 1.
    """

    mean: float
    covered: float
    below: dict[float, float]
    without: float

    def line(self) -> str:
        """Return a row of the table."""
        shares = (self.covered, *self.below.values(), self.without)
        told = [f"{share:.3f}".removeprefix("0") for share in shares]
        return " | ".join([f"{self.mean:.3f}", *told])


def rates(training: Training, times: int, first: int = 0) -> Rates:
    """Simulate a training, with seeds from the first one."""
    trends = [training.trend(seed) for seed in range(first, first + times)]
    mean = float(np.mean([one.value for one in trends]))
    p = np.array([1.0 if one.p is None else one.p for one in trends])
    intervals = [one.interval for one in trends if one.interval is not None]
    return Rates(
        mean=mean,
        covered=float(np.mean([low <= mean <= high for low, high in intervals])),
        below={level: float((p < level).mean()) for level in (0.05, 0.2, 0.5)},
        without=1 - len(intervals) / times,
    )


NULL = (
    Training("8 listeners, 5 steps"),
    Training("3 steps", steps=3),
    Training("10 steps", steps=10),
    Training("3 listeners", listeners=3),
    Training("3 listeners, 3 steps", listeners=3, steps=3),
    Training("4 listeners", listeners=4),
    Training("20 listeners", listeners=20),
    Training("little noise", noise=0.1),
    Training("each listener wanders", steps=10, walk=0.1),
    Training("all listeners change together, without direction", together=0.05),
    Training("all listeners wander together", walk_together=0.05),
)
RISING = (
    Training("rises by .05", rise=0.05),
    Training("rises by .15", rise=0.15),
    Training("3 steps, rises by .15", steps=3, rise=0.15),
    Training("3 steps, rises by .5", steps=3, rise=0.5),
    Training("4 listeners, rises by .15", listeners=4, rise=0.15),
    Training("20 listeners, rises by .05", listeners=20, rise=0.05),
)


def main() -> None:
    """Print a row a training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=int)
    parser.add_argument("--first", type=int, default=0, help="seed of the first simulation")
    options = parser.parse_args()
    print("| training | mean trend | covered | p < .05 | < .2 | < .5 | no p |")
    print("|---|---|---|---|---|---|---|")
    for training in (*NULL, *RISING):
        line = rates(training, options.times, options.first).line()
        print(f"| {training.name} | {line} |", flush=True)


if __name__ == "__main__":
    main()
