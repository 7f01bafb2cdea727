"""Time nested ridge regression beside himalaya, scikit-learn and its own bare matrix products.

    python speed/ridge.py [--targets 8000] [--layers 13] [--features 768] [--repeats 3]
                          [--device cpu|cuda] [--quick] [--json]

Targets are voxel-like: mixtures of the measured components of the natural sounds (where
BRAINBENCH_DATA holds them, else made up) plus noise. One run times all sides in turns, so that a
busy machine slows all alike. Each side chooses a penalty for each target, layer and outer fold from
the same inner predictions; ours alone also goes past the edges of the grid, chooses a layer and
evaluates each layer alone. The whole score is what the metric returns for voxels of 20 people: ours
with errors, intervals and what comparisons need. With --device cuda ours, himalaya and the bare
products are on the GPU; himalaya in float32, too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from brainbench_ridge.memory import Memory
from brainbench_ridge.metric import Ridge
from brainbench_ridge.search import PENALTIES
from brainbench_ridge.solver import nested_ridge
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from brainbench_audio.arrays import Arrays, arrays_on
from brainbench_audio.assemblies.assembly import build
from brainbench_audio.machine import peak_memory

FloatArray = NDArray[np.float64]
STIMULI, FOLDS, BLOCK = 165, 5, 512
# Targets per batch of himalaya, and its precision; the fastest is taken, as it depends on the
# machine.
BATCHES = (100, 300, 1000, None)
PRECISIONS = {"cpu": ("float64",), "cuda": ("float64", "float32")}
BACKENDS = {"cpu": "numpy", "cuda": "torch_cuda"}
# How many times as long as ours the others should take; of our bare products we may take 3 times.
GOALS = {"scikit-learn": 1000.0, "himalaya": 4.0, "bare products": 1 / 3}
# And what the whole score may take at most.
SCORE, MOST, PEOPLE = "whole score", 1.5, 20


class Layers(Mapping[str, NDArray[np.float32]]):
    """Made-up layers, each made when it is asked for, as if read from a disk."""

    def __init__(self, sounds: FloatArray, layers: int, features: int) -> None:
        self._sounds = sounds
        self._count = layers
        self._features = features

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        generator = np.random.default_rng(int(name))
        weights = generator.standard_normal((self._sounds.shape[1], self._features))
        own = generator.standard_normal((len(self._sounds), self._features))
        # At this scale, best penalties are spread over the grid, and one in five lies at an edge.
        return ((self._sounds @ weights + 3 * own) / 80).astype(np.float32)

    def __iter__(self) -> Iterator[str]:
        return (str(number) for number in range(self._count))

    def __len__(self) -> int:
        return self._count


def problem(args: argparse.Namespace) -> tuple[Layers, FloatArray, NDArray[np.int64], str]:
    """Layers, voxel-like targets, folds, and where the targets come from."""
    generator = np.random.default_rng(0)
    mixed, source = components(generator)
    columns = generator.integers(mixed.shape[1], size=args.targets)
    noise = generator.standard_normal((STIMULI, args.targets))
    targets = mixed[:, columns] + 1.5 * mixed.std(axis=0)[columns] * noise
    sounds = np.linalg.svd(mixed - mixed.mean(axis=0), full_matrices=False)[0][:, :6]
    folds = generator.permutation(np.arange(STIMULI) % FOLDS)
    return Layers(sounds * np.sqrt(STIMULI), args.layers, args.features), targets, folds, source


def components(generator: np.random.Generator) -> tuple[FloatArray, str]:
    """Return rank-6 responses (stimulus, voxel): real components and weights, or made up."""
    file = Path(os.environ.get("BRAINBENCH_DATA", ".")) / "natsound165" / "components.mat"
    if file.is_file():
        from scipy.io import loadmat

        found = loadmat(file)
        return np.asarray(found["R"] @ found["W"], dtype=np.float64), "measured components"
    latent, weights = generator.standard_normal((STIMULI, 6)), generator.standard_normal((6, 11065))
    return np.asarray(latent @ weights), "made-up components"


def ours(
    layers: Layers, targets: FloatArray, folds: NDArray[np.int64], device: str = "cpu"
) -> FloatArray:
    arrays = arrays_on(device, large=True)
    room = Memory(STIMULI, targets.shape[1], len(layers), FOLDS, None, arrays.budget(None))
    block, group = room.share()
    return nested_ridge(layers, targets, folds, block=block, group=group, arrays=arrays).r2


def whole_score(
    layers: Layers, targets: FloatArray, folds: NDArray[np.int64], device: str = "cpu"
) -> None:
    people = [f"subject-{voxel % PEOPLE}" for voxel in range(targets.shape[1])]
    names = [f"sound-{row}" for row in range(STIMULI)]
    Ridge(device=device)(layers, build(targets, names, "voxel", {"subject": people}), folds)


def with_himalaya(
    layers: Layers,
    targets: FloatArray,
    folds: NDArray[np.int64],
    *,
    batch: int | None,
    device: str = "cpu",
    precision: str = "float64",
) -> None:
    from himalaya.backend import set_backend
    from himalaya.kernel_ridge import KernelRidgeCV
    from sklearn.model_selection import PredefinedSplit

    there = set_backend(BACKENDS[device]).asarray
    targets = targets.astype(precision)
    for name in layers:
        features = layers[name].astype(precision)
        for fold in range(FOLDS):
            train = folds != fold
            mean, level = features[train].mean(axis=0), targets[train].mean(axis=0)
            model = KernelRidgeCV(
                alphas=PENALTIES,
                kernel="linear",
                cv=PredefinedSplit(folds[train]),
                solver_params={"n_targets_batch": batch},
            )
            model.fit(there(features[train] - mean), there(targets[train] - level))
            predicted = model.predict(there(features[~train] - mean))
    predicted.sum().item()  # waits for a GPU


def with_scikit_learn(layers: Layers, target: FloatArray, folds: NDArray[np.int64]) -> float:
    """Predict one target by plain loops over folds, penalties and layers; return its R²."""
    from sklearn.linear_model import Ridge

    features = [layers[name].astype(np.float64) for name in layers]

    def predict(x: FloatArray, penalty: float, train: NDArray[Any], test: NDArray[Any]) -> Any:
        mean, level = x[train].mean(axis=0), target[train].mean()
        return Ridge(penalty).fit(x[train] - mean, target[train] - level).predict(x[test] - mean)

    pooled = np.empty(STIMULI)
    for fold in range(FOLDS):
        outer, best, choice = folds != fold, -1.0, (features[0], PENALTIES[0])
        for penalty in PENALTIES:
            for x in features:
                inner = np.empty(STIMULI)
                for left_out in set(folds.tolist()) - {fold}:
                    train, test = outer & (folds != left_out), folds == left_out
                    inner[test] = predict(x, penalty, train, test) + target[train].mean()
                score = squared(inner[outer], target[outer])
                if score > best:
                    best, choice = score, (x, penalty)
        pooled[~outer] = predict(*choice, outer, ~outer) + target[outer].mean()
    return squared(pooled, target)


def squared(predicted: FloatArray, measured: FloatArray) -> float:
    correlation = float(np.corrcoef(predicted, measured)[0, 1])
    return max(correlation, 0.0) ** 2


def product_shapes() -> list[tuple[int, int]]:
    """Return what our grid and outer predictions multiply targets by; edges come on top."""
    test = STIMULI // FOLDS
    outer, inner = STIMULI - test, STIMULI - 2 * test
    weighted = len(PENALTIES) * (test + 1)
    pairs = FOLDS * (FOLDS - 1) // 2
    shapes = [(inner, inner)] * pairs + [(weighted, inner)] * 2 * pairs
    return shapes + [(outer, outer), (test, outer)] * FOLDS


def products_on_device(layers: int, targets: FloatArray, arrays: Arrays) -> None:
    """Run our products on a GPU, all targets at once."""
    import torch

    shapes = product_shapes()
    left = {shape: arrays.zeros(*shape) for shape in shapes}
    right = {rows: arrays.zeros(rows, targets.shape[1]) for _, rows in shapes}
    for _ in range(layers):
        for shape in shapes:
            left[shape] @ right[shape[1]]
    torch.cuda.synchronize()


def bare_products(layers: int, targets: FloatArray, *, pooled: bool) -> None:
    """Run our products on the CPU, a block of targets after the other."""
    shapes = product_shapes()
    left = {shape: np.ones(shape) for shape in shapes}
    right = {rows: np.ones((rows, BLOCK)) for _, rows in shapes}

    def block(_: int) -> None:
        out = {rows: np.empty((rows, BLOCK)) for rows, _ in shapes}
        for shape in shapes:
            np.matmul(left[shape], right[shape[1]], out=out[shape[0]])

    blocks = range(layers * -(-targets.shape[1] // BLOCK))
    if not pooled:
        for number in blocks:
            block(number)
        return
    threads = max(library["num_threads"] for library in threadpool_info())
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        list(pool.map(block, blocks))


def seconds(function: Callable[..., object], *arguments: Any, **options: Any) -> float:
    start = perf_counter()
    function(*arguments, **options)
    return perf_counter() - start


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Time all sides in turns; return medians, ratios and memory."""
    layers, targets, folds, source = problem(args)
    first, device = Layers(layers._sounds, 1, args.features), args.device
    ours(first, targets[:, :BLOCK], folds, device)
    choice = fastest_himalaya(first, targets, folds, device)
    sides = ("brainbench", SCORE, "himalaya", "bare products")
    taken: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(args.repeats):
        taken["brainbench"].append(seconds(ours, layers, targets, folds, device))
        taken[SCORE].append(seconds(whole_score, layers, targets, folds, device))
        taken["bare products"].append(bare_seconds(args.layers, targets, device))
        taken["himalaya"].append(seconds(with_himalaya, layers, targets, folds, **choice))
    sample = np.linspace(0, args.targets - 1, args.sample).astype(int)
    plain = [seconds(with_scikit_learn, layers, targets[:, i], folds) for i in sample]
    median = {side: statistics.median(times) for side, times in taken.items()}
    median["scikit-learn"] = statistics.mean(plain) * args.targets
    own = {side: statistics.median(ratios(taken, side)) for side in taken if side != "brainbench"}
    own["scikit-learn"] = median["scikit-learn"] / median["brainbench"]
    memory = {count: peak_of_ours(args, count) for count in (args.targets, 2 * args.targets)}
    return {
        "shape": {"stimuli": STIMULI, **{key: getattr(args, key) for key in SHAPE}},
        "source": source,
        "median_seconds": median,
        "times_ours": own,
        "goal_met": {
            SCORE: own[SCORE] <= MOST,
            **{side: own[side] >= goal for side, goal in GOALS.items()},
        },
        "device": device,
        "himalaya_batch": choice["batch"],
        "himalaya_precision": choice["precision"],
        "peak_megabytes": memory,
    }


def fastest_himalaya(
    layers: Layers, targets: FloatArray, folds: NDArray[np.int64], device: str
) -> dict[str, Any]:
    """Return the options with which himalaya is fastest on a layer."""
    every = [
        {"batch": batch, "device": device, "precision": precision}
        for batch in BATCHES
        for precision in PRECISIONS[device]
    ]
    seconds(with_himalaya, layers, targets[:, :BLOCK], folds, **every[0])  # to warm up
    return min(every, key=lambda options: seconds(with_himalaya, layers, targets, folds, **options))


def bare_seconds(layers: int, targets: FloatArray, device: str) -> float:
    """Return what the products alone take, the faster way."""
    if device == "cpu":
        return min(seconds(bare_products, layers, targets, pooled=p) for p in (True, False))
    arrays = arrays_on(device, large=True)
    return min(seconds(products_on_device, layers, targets, arrays) for _ in range(2))


def ratios(taken: dict[str, list[float]], side: str) -> list[float]:
    """Return how many times as long as ours a side took, round by round."""
    return [one / own for one, own in zip(taken[side], taken["brainbench"], strict=True)]


def peak_of_ours(args: argparse.Namespace, targets: int) -> float:
    """Return the most memory, in MB, of a process that runs our side only."""
    sizes = ["--targets", str(targets), "--layers", str(args.layers)]
    sizes += ["--features", str(args.features), "--device", args.device]
    command = [sys.executable, __file__, "--peak", *sizes]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(found.stdout)


def own_peak(args: argparse.Namespace) -> float:
    layers, targets, folds, _ = problem(args)
    ours(layers, targets, folds, args.device)
    return peak_memory() / 1e6


SHAPE = {"targets": 8000, "layers": 13, "features": 768}
QUICK = {"targets": 2000, "layers": 3, "features": 768, "repeats": 2, "sample": 1}


def show(found: dict[str, Any]) -> None:
    print(", ".join(f"{value} {name}" for name, value in found["shape"].items()), end="; ")
    print(f"{found['source']}, on {found['device']}", end="; ")
    print(f"himalaya: {found['himalaya_precision']}, batch {found['himalaya_batch'] or 'all'}")
    print(f"{'':14} {'seconds':>12} {'times ours':>12} {'goal':>8}")
    for side, value in found["median_seconds"].items():
        line = f"{side:14} {value:12.2f}"
        if side in found["goal_met"]:
            met = "met" if found["goal_met"][side] else "MISSED"
            line += f" {found['times_ours'][side]:12.2f} {GOALS.get(side, MOST):8.2f} {met}"
        print(line)
    peaks = ", ".join(
        f"{size:.0f} MB at {n} targets" for n, size in found["peak_megabytes"].items()
    )
    print(f"peak memory of our process: {peaks}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name, default in (SHAPE | {"repeats": 3, "sample": 3}).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", choices=tuple(BACKENDS), default="cpu")
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
        # himalaya advises other solvers for few features, which the protocol does not use.
        warnings.filterwarnings("ignore", module="himalaya")
        found = measure(args)
    if args.json:
        print(json.dumps(found))
    else:
        show(found)
    return 0 if all(found["goal_met"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
