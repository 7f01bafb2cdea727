"""Time choosing layer and penalty on a second data set beside choosing them for each target.

    python speed/transfer.py [--targets 2800] [--layers 4] [--features 768] [--repeats 3] [--json]

Voxel-like targets of 165 stimuli (see ridge.py), scored by `ridge-scaled` and by `ridge-from` with
errors, without a test against chance. The second data set has the same sounds and as many targets:
in the same folds, in others, or all noise. CPU seconds, as machines are busy.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
from brainbench_ridge.metric import Ridge
from brainbench_ridge.transfer import RidgeFrom
from numpy.typing import NDArray
from ridge import FOLDS, STIMULI, problem

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.interfaces import SecondData

PLAIN = "ridge-scaled"


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Time all sides in turns; return medians and how many times as long as `ridge-scaled`."""
    layers, responses, folds, source = problem(args)
    generator = np.random.default_rng(1)
    names = [f"sound {number}" for number in range(STIMULI)]

    def assembly(values: NDArray[np.float64]) -> Any:
        return build(values, names, "voxel", {"subject": ["only"] * values.shape[1]})

    target, noise = assembly(responses), assembly(generator.standard_normal(responses.shape))
    again = assembly(responses + responses.std(axis=0) * generator.standard_normal(responses.shape))
    others, same = generator.permutation(np.arange(STIMULI) % FOLDS), np.eye(STIMULI, dtype=bool)
    scaled = Ridge(variant="scaled", permutations=0)

    def chosen_on(second: Any, second_folds: NDArray[np.int64]) -> Callable[[], object]:
        data = SecondData(layers, second, second_folds, same)
        return lambda: RidgeFrom(scaled)(layers, target, folds, data)

    sides: dict[str, Callable[[], object]] = {
        PLAIN: lambda: scaled(layers, target, folds),
        "from, same folds": chosen_on(again, folds),
        "from, other folds": chosen_on(again, others),
        "from noise, other folds": chosen_on(noise, others),
    }
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(args.repeats):
        for name, side in sides.items():
            start = process_time()
            side()
            taken[name].append(process_time() - start)
    median = {name: statistics.median(times) for name, times in taken.items()}
    return {
        "shape": {"stimuli": STIMULI, "targets": args.targets, "layers": args.layers},
        "source": source,
        "median_cpu_seconds": median,
        "times_scaled": {name: spent / median[PLAIN] for name, spent in median.items()},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    defaults = {"targets": 2800, "layers": 4, "features": 768, "repeats": 3}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args)
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{args.targets} targets ({found['source']}), {STIMULI} stimuli, {args.layers} layers")
    for name, spent in found["median_cpu_seconds"].items():
        print(f"{name:24} {spent:7.2f} s  {found['times_scaled'][name]:.2f} times {PLAIN}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
