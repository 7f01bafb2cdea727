"""`-ridge-from` in worlds of `bench`: half of the sounds, or of the targets, are a second data set.

``python -m tests.error_rates.transfer 300`` prints the table of `bench` for the worlds below, and
in the first one also what one choice that never changes gives, and a choice for each target.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio.interfaces import SecondData
from brainbench_audio.scores.score import Score

from . import bench
from .worlds import Layers, World

WORLDS = (
    World("components, plain", sounds=160, targets=12),
    World("components, noisy", sounds=160, targets=12, noise=2.0),
    World("components, few features", sounds=160, targets=12, dimensions=5, features=5, layers=1),
    World("components, more features", sounds=160, targets=12, features=200, dimensions=10),
    World("16 listeners, alike", sounds=160, listeners=16, targets=15),
    World("16 listeners, own tuning", sounds=160, listeners=16, targets=15, tuning=1.5),
)


def other_sounds(layers: Layers, responses: xr.DataArray, folds: Any) -> Score:
    """Score the first half of the sounds, chosen on the second half."""
    half = len(responses) // 2
    same = np.zeros((len(responses) - half, half), dtype=bool)
    heard = {name: layer[half:] for name, layer in layers.items()}
    second = SecondData(heard, responses[half:], folds[half:], same)
    own = {name: layer[:half] for name, layer in layers.items()}
    return _scored(own, responses[:half], folds[:half], second)


def other_targets(layers: Layers, responses: xr.DataArray, folds: Any) -> Score:
    """Score the first half of the targets, or listeners, chosen on the others: the same sounds."""
    half = responses.shape[1] // 2
    second = SecondData(layers, responses[:, half:], folds, np.eye(len(responses), dtype=bool))
    return _scored(layers, responses[:, :half], folds, second)


def one_choice(layers: Layers, responses: xr.DataArray, folds: Any) -> Score:
    """Score the first half of the targets with the first layer and penalty 1, always."""
    from brainbench_ridge.best import Choice

    shape = len(layers), np.unique(folds).size
    return _ridge(
        layers, responses, folds, Choice(np.zeros(shape[1], int), np.ones(shape), np.zeros(shape))
    )


def scaled(layers: Layers, responses: xr.DataArray, folds: Any) -> Score:
    """Score the first half of the targets, each with a choice of its own: `-ridge-scaled`."""
    return _ridge(layers, responses, folds, None)


def _ridge(layers: Layers, responses: xr.DataArray, folds: Any, chosen: Any) -> Score:
    from brainbench_ridge.metric import Ridge

    metric = Ridge(variant="scaled", permutations=0, chosen=chosen)
    return metric(layers, responses[:, : responses.shape[1] // 2], folds)


def _scored(layers: Layers, responses: xr.DataArray, folds: Any, second: SecondData) -> Score:
    from brainbench_ridge.metric import Ridge
    from brainbench_ridge.transfer import RidgeFrom

    metric = RidgeFrom(Ridge(variant="scaled", permutations=0))
    return metric(layers, responses, folds, second=second)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=int)
    parser.add_argument("--worlds", default="", help="some text in their names")
    options = parser.parse_args()
    print(bench.HEADER)
    transferred = other_sounds, other_targets
    with ProcessPoolExecutor(2) as pool:
        for world in WORLDS:
            more = (one_choice, scaled) if world is WORLDS[0] else ()
            for metric in (*transferred, *more) if options.worlds in world.name else ():
                print(bench.rates(world, metric, options.times, pool).line(), flush=True)


if __name__ == "__main__":
    main()
