"""Time the metric `encoding` beside himalaya and its own bare matrix products.

    python speed/encoding.py [--rows 5000] [--features 768] [--voxels 10000] [--repeats 1]
                             [--quick] [--json]

One layer, delayed by 1 to 4 rows, predicts made-up responses; ten penalties are tried in five
groups of runs, then a run is predicted that was presented five times. himalaya gets the delayed
features and z-scored responses, and does the same with its faster solver for the shape; it neither
z-scores nor makes delays, ceiling, errors or p, which our time includes. Seconds of the processor
are told beside those of the clock, as other work slows the latter. himalaya is left out where it is
not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter, process_time
from typing import Any

import numpy as np
import xarray as xr
from brainbench_encoding.metric import Encoding
from brainbench_encoding.solver import PENALTIES
from brainbench_encoding.voxels import INNER, Voxels
from numpy.typing import NDArray

from brainbench_audio.machine import peak_memory

FloatArray = NDArray[np.float64]
RUNS, TESTED, PRESENTATIONS, STEP = 20, 300, 5, 2.0
DELAYS = (1, 2, 3, 4)
# how many times as long as ours himalaya should take, and the most memory that we may
GOAL, MOST_MEMORY = 3.0, 4e9
SHAPE = {"rows": 5000, "features": 768, "voxels": 10_000}
QUICK = {"rows": 1000, "features": 100, "voxels": 1000}


def problem(
    args: argparse.Namespace,
) -> tuple[dict[str, NDArray[np.float32]], xr.DataArray, NDArray[np.int64]]:
    """Return a layer, responses in time and folds."""
    generator = np.random.default_rng(0)
    rows, each = args.rows // RUNS * RUNS, args.rows // RUNS
    heard = generator.standard_normal((rows + TESTED, 60), dtype=np.float32)
    mixing = generator.standard_normal((60, args.features), dtype=np.float32)
    layer = heard @ mixing + 3 * generator.standard_normal(
        (len(heard), args.features), dtype=np.float32
    )
    weights = generator.standard_normal((60, args.voxels), dtype=np.float32) / 20
    signal = np.roll(heard, 2, axis=0) @ weights
    places = np.r_[np.arange(rows), np.tile(rows + np.arange(TESTED), PRESENTATIONS)]
    responses = signal[places]
    responses += generator.standard_normal(responses.shape, dtype=np.float32)
    run = np.r_[np.repeat(np.arange(RUNS), each), np.full(TESTED * PRESENTATIONS, RUNS)]
    time = STEP * np.r_[np.tile(np.arange(each), RUNS), np.tile(np.arange(TESTED), PRESENTATIONS)]
    repeat = np.r_[np.zeros(rows, np.int64), np.repeat(np.arange(PRESENTATIONS), TESTED)]
    along = {"run": run.astype(str), "time": time, "repeat": repeat}
    target = xr.DataArray(
        responses,
        {"stimulus": np.arange(len(run)).astype(str)}
        | {name: ("stimulus", values) for name, values in along.items()},
        ("stimulus", "voxel"),
    )
    return {"layer": layer[places]}, target, np.where(run < RUNS, run % INNER, INNER)


def with_himalaya(
    design: FloatArray, responses: FloatArray, groups: NDArray[np.int64], tested: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return himalaya's penalties and predictions."""
    from himalaya.kernel_ridge import KernelRidgeCV
    from himalaya.ridge import RidgeCV
    from sklearn.model_selection import PredefinedSplit

    options: dict[str, Any] = {"alphas": penalties(design), "cv": PredefinedSplit(groups)}
    wide = design.shape[1] > len(design)
    model = KernelRidgeCV(**options) if wide else RidgeCV(fit_intercept=False, **options)
    model.fit(design, responses)
    return model.best_alphas_, model.predict(tested)


def penalties(design: FloatArray) -> FloatArray:
    """Return the penalties of the metric, which are in the unit of the features' squares."""
    return np.array(PENALTIES) * float(np.square(design).sum() / len(design))


def bare_products(args: argparse.Namespace) -> None:
    """Multiply as often as held-out rows are predicted, and nothing else."""
    side = min(args.rows, args.features * len(DELAYS))
    held, products = np.ones((args.rows // INNER, side)), np.ones((side, args.voxels))
    for _ in range(INNER * len(PENALTIES)):
        held @ products


def timed(function: Callable[..., Any], *args: Any) -> tuple[dict[str, float], Any]:
    """Return seconds by the clock and of the processor, and what the function returns."""
    clock, processor = perf_counter(), process_time()
    found = function(*args)
    return {"clock": perf_counter() - clock, "processor": process_time() - processor}, found


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Time all sides in turns; return seconds, ratios, memory, and how far himalaya is off."""
    layers, target, folds = problem(args)
    sides: dict[str, list[dict[str, float]]] = {}
    difference = {}
    for _ in range(args.repeats):
        taken, score = timed(Encoding(), layers, target, folds)
        sides.setdefault("brainbench", []).append(taken)
        sides.setdefault("bare products", []).append(timed(bare_products, args)[0])
        if find_spec("himalaya") is None:
            continue
        voxels = Voxels.of(target, folds)
        (split,) = next(voxels.problems()).splits
        design = voxels.runs.design(layers["layer"], DELAYS)
        every = voxels.responses(np.arange(args.voxels))
        inputs = (design[split.train], every[split.train], split.groups, design[split.test])
        taken, (chosen, predicted) = timed(with_himalaya, *inputs)
        sides.setdefault("himalaya", []).append(taken)
        r = correlations(predicted, every[split.test])
        same = np.isclose(chosen, score.raw["penalty"].values[0], rtol=1e-6)
        apart = np.abs(r - score.raw["r"].values)
        difference = {"other penalties": int((~same).sum()), "r": float(apart[same].max())}
    middle = {
        side: {kind: float(np.median([one[kind] for one in every])) for kind in every[0]}
        for side, every in sides.items()
    }
    own = middle["brainbench"]
    times = {
        side: {kind: taken[kind] / own[kind] for kind in taken} for side, taken in middle.items()
    }
    return {
        "shape": {name: getattr(args, name) for name in SHAPE} | {"delays": len(DELAYS)},
        "cores": os.cpu_count(),
        "seconds": middle,
        "times_ours": times,
        "difference": difference,
        "peak_bytes": peak_of_ours(args),
    }


def correlations(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return Pearson's r of each column."""
    one, other = first - first.mean(axis=0), second - second.mean(axis=0)
    norms = np.linalg.norm(one, axis=0) * np.linalg.norm(other, axis=0)
    return np.asarray((one * other).sum(axis=0) / norms)


def peak_of_ours(args: argparse.Namespace) -> int:
    """Return the most memory of a process that runs our side only."""
    sizes = [text for name in SHAPE for text in (f"--{name}", str(getattr(args, name)))]
    command = [sys.executable, __file__, "--peak", *sizes]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def own_peak(args: argparse.Namespace) -> int:
    """Return that of this process."""
    Encoding()(*problem(args))
    return peak_memory()


def goals(found: dict[str, Any]) -> dict[str, bool]:
    """Return which goals are met; that of himalaya where it is installed, at the full size."""
    met = {"memory": found["peak_bytes"] < MOST_MEMORY}
    full = all(found["shape"][name] >= size for name, size in SHAPE.items())
    if full and "himalaya" in found["seconds"]:
        met["himalaya"] = found["times_ours"]["himalaya"]["processor"] >= GOAL
    return met


def show(found: dict[str, Any]) -> None:
    print(", ".join(f"{value} {name}" for name, value in found["shape"].items()))
    print(f"{'':14} {'seconds':>10} {'processor':>10} {'times ours':>11}")
    for side, taken in found["seconds"].items():
        times = found["times_ours"][side]["processor"]
        print(f"{side:14} {taken['clock']:10.1f} {taken['processor']:10.1f} {times:11.2f}")
    if found["difference"]:
        print(f"himalaya chose {found['difference']['other penalties']} other penalties; where it ")
        print(f"chose the same, r differs by {found['difference']['r']:.1e} at most")
    else:
        print("himalaya is not installed: pip install 'brainbench-audio[speed]'")
    print(f"peak memory of our process: {found['peak_bytes'] / 1e9:.2f} GB")
    for name, met in goals(found).items():
        print(f"goal {name}: {'met' if met else 'MISSED'}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name, default in (SHAPE | {"repeats": 1}).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--quick", action="store_true", help="a smaller problem, in seconds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        print(own_peak(args))
        return 0
    if args.quick:
        vars(args).update(QUICK)
    with warnings.catch_warnings():
        # himalaya advises other solvers for some shapes
        warnings.filterwarnings("ignore", module="himalaya")
        found = measure(args)
    if args.json:
        print(json.dumps(found | {"goal_met": goals(found)}))
    else:
        show(found)
    return 0 if all(goals(found).values()) else 1


if __name__ == "__main__":
    sys.exit(main())
