"""How often intervals and p of `-encoding-unique` err, in worlds whose truth is known.

``python -m plugins.metrics.encoding.tests.unique_rates 200`` simulates every world 200 times, and
prints the rows of the table in docs/methods-error-rates.md; a second argument is text in names.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np
from brainbench_encoding.unique import UniqueEncoding

from brainbench_audio.scores.score import Score

from .continuous import World
from .rates import LONG, Rates, noisy, rates


@dataclass(frozen=True)
class Beyond(World):
    """Responses to features of a model, to features of a given one, and to some that both have.

    Each third of the features explains its share of the signal's variance, with three delays.

    Attributes
    ----------
    unique, shared, unique_given : float
        Shares of the variance of the signal; they add up to 1.
    """

    unique: float = 0.3
    shared: float = 0.4
    unique_given: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        shares = np.repeat([self.unique, self.shared, self.unique_given], self.features // 3)
        self.weights[:] *= np.sqrt(3 * np.tile(shares, 3))[:, np.newaxis]


THIRDS = Beyond(
    learned=LONG.learned, repeated=LONG.repeated, features=9, noise=LONG.noise, tuning=0.0
)
NOTHING = replace(THIRDS, unique=0.0, shared=0.5, unique_given=0.5)
WORLDS = {
    "30 % unique": THIRDS,
    "30 % unique, 12 runs to learn from": replace(THIRDS, learned=(150,) * 12),
    "30 % unique, autocorrelation .5": replace(THIRDS, memory=0.5),
    "30 % unique, 3 listeners": replace(THIRDS, listeners=3),
    "30 % unique, no run repeated": replace(THIRDS, repeated=()),
    "10 % unique, half of the voxels silent": replace(
        THIRDS, silent=3, unique=0.1, unique_given=0.5
    ),
    "nothing unique": NOTHING,
    "nothing unique, autocorrelation .5": replace(NOTHING, memory=0.5),
    "nothing unique, 45 features": replace(NOTHING, features=45),
    "nothing unique, 3 listeners": replace(NOTHING, listeners=3),
    "nothing unique, all shared": replace(NOTHING, shared=1.0, unique_given=0.0),
    "no signal": replace(THIRDS, signal=0.0),
}


def scored(world: World, seed: int) -> tuple[Score, Score]:
    """Score two models that hear the same, with noise of their own, beyond a given one."""
    layers, target, folds = world.draw(seed)
    (values,) = layers.values()
    third = world.features // 3
    generator = np.random.default_rng([23, seed])
    given = {"given": values[:, third:]}
    first, second = (
        UniqueEncoding()(
            {"layer": noisy(values[:, : 2 * third], target, generator)}, target, folds, given=given
        )
        for _ in range(2)
    )
    return first, second


def main() -> None:
    """Print the table."""
    some = sys.argv[2] if len(sys.argv) > 2 else ""
    for name, world in WORLDS.items():
        if some not in name:
            continue
        found: Rates = rates(world, int(sys.argv[1]), scored)
        print(found.row(name), flush=True)


if __name__ == "__main__":
    main()
