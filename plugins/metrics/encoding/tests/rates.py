"""How often intervals cover, and tests err, in worlds of continuous sound whose truth is known.

``python -m plugins.metrics.encoding.tests.rates 100`` simulates every world 100 times, and prints
the rows of the table in docs/methods-error-rates.md; a second argument is some text in their names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from brainbench_encoding.metric import Encoding

from brainbench_audio.scores.influence import Influence, stored_influence
from brainbench_audio.scores.score import Score

from .continuous import Array, World
from .sound_world import SoundWorld

LONG = World(learned=(150,) * 4, repeated=((290, 5),), features=4, noise=2.0)
WORLDS: dict[str, World | SoundWorld] = {
    "1 listener": LONG,
    "half of the voxels silent": replace(LONG, silent=3),
    "autocorrelation .5": replace(LONG, memory=0.5),
    "autocorrelation .8": replace(LONG, memory=0.8),
    "3 listeners": replace(LONG, listeners=3),
    "8 listeners": replace(LONG, listeners=8),
    "8 listeners, autocorrelation .8": replace(LONG, listeners=8, memory=0.8),
    "no run repeated": replace(LONG, repeated=()),
    "no signal": replace(LONG, signal=0.0),
    "no signal, autocorrelation .5": replace(LONG, signal=0.0, memory=0.5),
    "no signal, autocorrelation .8": replace(LONG, signal=0.0, memory=0.8),
    "no signal, two runs, autocorrelation .5": replace(
        LONG, signal=0.0, memory=0.5, repeated=((150, 5), (150, 5))
    ),
    "60 sounds": SoundWorld(),
    "60 sounds, autocorrelation .95": SoundWorld(memory=0.95),
    "60 sounds, no signal": SoundWorld(signal=0.0),
    "60 sounds, no signal, autocorrelation .95": SoundWorld(signal=0.0, memory=0.95),
    "165 sounds": SoundWorld(sounds=165),
}


@dataclass(frozen=True)
class Rates:
    """What was found in a world.

    Attributes
    ----------
    times : int
    mean, deviation, error : float
        Of the score over simulations; root mean square of its standard errors, withheld ones 0.
    covered : float
        Share of 95 % intervals with the mean score in them; withheld ones miss it.
    false : float
        Share of comparisons of two equally good models with p < .05.
    chance : float
        Share of p against chance below .05.
    ceiling : float
        Mean; NaN if there is none.
    """

    times: int
    mean: float
    deviation: float
    error: float
    covered: float
    false: float
    chance: float
    ceiling: float

    def row(self, name: str) -> str:
        """Return a row of the table."""
        return (
            f"| {name} | {self.mean:.3f} | {self.deviation:.4f} | {self.error:.4f} | "
            f"{self.covered:.3f} | {self.false:.3f} | {self.chance:.3f} | {self.ceiling:.3f} |"
        )


def scored(world: World | SoundWorld, seed: int) -> tuple[Score, Score]:
    """Score two models that hear the same, with noise of their own."""
    layers, target, folds = world.draw(seed)
    generator = np.random.default_rng([23, seed])
    first, second = (
        Encoding()(
            {name: noisy(one, target, generator) for name, one in layers.items()}, target, folds
        )
        for _ in range(2)
    )
    return first, second


def rates(
    world: World | SoundWorld,
    times: int,
    score: Callable[[World | SoundWorld, int], tuple[Score, Score]] = scored,
) -> Rates:
    """Score two models that are equally good, many times."""
    scores, p = [], []
    for seed in range(times):
        both = score(world, seed)
        scores.append(both[0])
        p.append((_influence(both[0], world) - _influence(both[1], world)).estimate().p)
    values = np.array([score.value for score in scores])
    within = [one.interval is not None and _within(values.mean(), one.interval) for one in scores]
    return Rates(
        times=times,
        mean=float(values.mean()),
        deviation=float(values.std()),
        error=float(np.sqrt(np.mean([(score.error or 0.0) ** 2 for score in scores]))),
        covered=float(np.mean(within)),
        false=float(np.mean(np.array(p) < 0.05)),
        chance=float(np.mean([one.p is not None and one.p < 0.05 for one in scores])),
        ceiling=float(np.mean([np.nan if one.ceiling is None else one.ceiling for one in scores])),
    )


def noisy(values: Array, target: xr.DataArray, generator: np.random.Generator) -> Array:
    """Return features with noise, the same each time that a run is presented."""
    drawn = 0.5 * generator.standard_normal(values.shape)
    first: dict[tuple[str, float], int] = {}
    keys = zip(target["run"].values.tolist(), target["time"].values.tolist(), strict=True)
    rows = [first.setdefault(key, row) for row, key in enumerate(keys)]
    return values + drawn[rows]


def _within(value: float, interval: tuple[float, float]) -> bool:
    return interval[0] <= value <= interval[1]


def _influence(score: Score, world: World | SoundWorld) -> Influence:
    units = "listeners" if world.listeners else ""
    found = stored_influence(score.raw, score.parts, score.value, units)
    assert found is not None
    return found


def main() -> None:
    """Print the table."""
    some = sys.argv[2] if len(sys.argv) > 2 else ""
    for name, world in WORLDS.items():
        if some not in name:
            continue
        print(rates(world, int(sys.argv[1])).row(name), flush=True)


if __name__ == "__main__":
    main()
