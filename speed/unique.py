"""Time banded ridge regression beside himalaya's MultipleKernelRidgeCV, in CPU seconds.

    python speed/unique.py [--targets 2048] [--features 768] [--repeats 3] [--json]

One pair of layers, voxel-like targets (see ridge.py), five outer folds of 165 stimuli. himalaya is
given our shares of the two kernels and our penalties; then as many shares drawn at random as it
draws by default. "ours" also goes past the edges of the grid; "with errors" also works out what
each score owes to each stimulus; "bare products" are what the grid and our shares multiply. CPU
seconds, one thread for products each, so that a busy machine and threads that wait for each other
do not count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import warnings
from collections.abc import Callable
from time import process_time
from typing import Any
from unittest.mock import patch

import numpy as np
from brainbench_ridge import bands
from brainbench_ridge.partition import Partition
from brainbench_ridge.search import PENALTIES
from numpy.typing import NDArray
from ridge import FOLDS, STIMULI, bare_products, problem
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

FloatArray = NDArray[np.float64]
GOAL = 3.0
BATCH = 300  # the fastest of ridge.py's here
DEFAULT_SHARES = 100
PRODUCTS = "bare products"
SAME, DRAWN = "himalaya, our shares", f"himalaya, {DEFAULT_SHARES} random shares"


def ours(
    pair: list[FloatArray], targets: FloatArray, folds: NDArray[np.int64], errors: bool = False
) -> FloatArray:
    chosen = np.zeros((FOLDS, targets.shape[1]), dtype=np.intp)
    arguments = [pair[0]], [pair[1]], targets, folds, (chosen, chosen)
    if errors:
        return bands.banded_ridge(*arguments).predictions
    with patch.object(bands._Fit, "leave_out"):
        return bands.banded_ridge(*arguments).predictions


def with_himalaya(
    pair: list[FloatArray], targets: FloatArray, folds: NDArray[np.int64], shares: Any
) -> FloatArray:
    from himalaya.kernel_ridge import MultipleKernelRidgeCV
    from sklearn.model_selection import PredefinedSplit

    predictions = np.empty_like(targets)
    for fold in range(FOLDS):
        train = folds != fold
        centred = [layer - layer[train].mean(axis=0) for layer in pair]
        kernels = np.stack([rows @ rows.T for rows in centred])
        model = MultipleKernelRidgeCV(
            kernels="precomputed",
            solver="random_search",
            cv=PredefinedSplit(folds[train]),
            random_state=0,
            solver_params={
                "n_iter": shares,
                "alphas": np.array(PENALTIES),
                "n_targets_batch": BATCH,
                "progress_bar": False,
            },
        )
        level = targets[train].mean(axis=0)
        model.fit(kernels[:, train][:, :, train], targets[train] - level)
        predictions[~train] = model.predict(kernels[:, ~train][:, :, train]) + level
    return predictions


def mean_r2(predicted: FloatArray, measured: FloatArray) -> float:
    """Return the mean over targets of the squared correlation, 0 where it is negative."""
    left, right = (side - side.mean(axis=0) for side in (predicted, measured))
    norms = np.sqrt((left**2).sum(axis=0) * (right**2).sum(axis=0))
    return float((np.maximum((left * right).sum(axis=0) / norms, 0) ** 2).mean())


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Time all sides in turns; return medians, ratios and mean R²."""
    layers, targets, folds, source = problem(args)
    reduced = bands.Reduced(layers, Partition.from_labels(folds))
    data = [reduced[name] for name in layers], targets, folds
    given = np.array([[share, 1 - share] for share in bands.SHARES])
    sides: dict[str, Callable[[], FloatArray]] = {
        "ours": lambda: ours(*data),
        "ours, with errors": lambda: ours(*data, errors=True),
        SAME: lambda: with_himalaya(*data, given),
        DRAWN: lambda: with_himalaya(*data, DEFAULT_SHARES),
    }
    taken: dict[str, list[float]] = {name: [] for name in (*sides, PRODUCTS)}
    scores = {}
    with threadpool_limits(1):
        with_himalaya(data[0], targets[:, :2], folds, given)  # to warm up
        for _ in range(args.repeats):
            for name, side in sides.items():
                start = process_time()
                predictions = side()
                taken[name].append(process_time() - start)
                scores[name] = mean_r2(predictions, targets)
            start = process_time()
            bare_products(len(bands.SHARES), targets, pooled=False)
            taken[PRODUCTS].append(process_time() - start)
    median = {name: statistics.median(times) for name, times in taken.items()}
    times_ours = {name: median[name] / median["ours"] for name in (SAME, DRAWN, PRODUCTS)}
    return {
        "shape": {"stimuli": STIMULI, "targets": args.targets, "features": args.features},
        "source": source,
        "median_cpu_seconds": median,
        "mean_r2": scores,
        "times_ours": times_ours,
        "goal_met": {name: times_ours[name] >= GOAL for name in (SAME, DRAWN)},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    defaults = {"targets": 2048, "features": 768, "repeats": 3}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(layers=2)
    args = parser.parse_args()
    with warnings.catch_warnings():
        # himalaya advises other solvers for few features
        warnings.filterwarnings("ignore", module="himalaya")
        found = measure(args)
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{args.targets} targets ({found['source']}), {STIMULI} stimuli")
    for name, spent in found["median_cpu_seconds"].items():
        ratio = found["times_ours"].get(name)
        beside = f"  {ratio:.1f} times ours" if ratio else ""
        score = found["mean_r2"].get(name)
        explained = "" if score is None else f"  mean R² {score:.4f}"
        print(f"{name:28} {spent:7.2f} s{beside}{explained}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
