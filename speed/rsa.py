"""Time representational similarity beside rsatoolbox and plain scipy loops, in one run.

    python speed/rsa.py [--subjects 28] [--voxels 1000] [--layers 13] [--features 768]
                        [--stimuli 165] [--repeats 7] [--device cpu|cuda] [--json]

All sides start from the same float32 arrays, z-score features over stimuli, make correlation
distances and compare every layer with every subject by Spearman's rho. The runs are interleaved, so
that a busy machine slows all sides alike. The timings count only if the numbers agree. With
--device cuda our RDMs of layers are made on the GPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import rsatoolbox
from brainbench_rsa.comparison import correlate, spearman, standard_ranks, tie_groups
from brainbench_rsa.rdm import rdm
from brainbench_rsa.selection import cross_validate, fold_pairs
from numpy.typing import NDArray
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

from brainbench_audio.arrays import HOST, Arrays, arrays_on

FloatArray = NDArray[np.float64]
Responses = list[NDArray[np.float32]]
PEER: Any = rsatoolbox
TOLERANCE = 1e-10
FOLDS = 5


def made_up(args: argparse.Namespace) -> tuple[Responses, Responses]:
    """Layers and subjects that share a few dimensions, as real ones do."""
    generator = np.random.default_rng(args.seed)
    shared = generator.standard_normal((args.stimuli, 30))

    def mixed(features: int) -> NDArray[np.float32]:
        signal = shared @ generator.standard_normal((30, features)) / np.sqrt(30)
        noise = generator.standard_normal((args.stimuli, features))
        return np.asarray(signal + noise, dtype=np.float32)

    layers = [mixed(args.features) for _ in range(args.layers)]
    return layers, [mixed(args.voxels) for _ in range(args.subjects)]


def standardised(responses: NDArray[np.float32]) -> FloatArray:
    values = responses.astype(np.float64)
    return np.asarray((values - values.mean(axis=0)) / (values.std(axis=0) + 1e-10))


def ours(layers: Responses, subjects: Responses, arrays: Arrays = HOST) -> FloatArray:
    with threadpool_limits(limits=1, user_api="blas"):
        return spearman([rdm(x, arrays=arrays) for x in layers], [rdm(x) for x in subjects])


def with_rsatoolbox(layers: Responses, subjects: Responses) -> FloatArray:
    models, brains = (
        PEER.rdm.calc_rdm([PEER.data.Dataset(standardised(x)) for x in group], method="correlation")
        for group in (layers, subjects)
    )
    return np.asarray(PEER.rdm.compare(models, brains, method="spearman"))


def with_scipy(layers: Responses, subjects: Responses) -> FloatArray:
    upper = np.triu_indices(len(layers[0]), k=1)
    models, brains = (
        [np.asarray(1 - np.corrcoef(standardised(x)))[upper] for x in group]
        for group in (layers, subjects)
    )
    return np.array([[spearmanr(one, other).statistic for other in brains] for one in models])


def our_choice(layers: FloatArray, subjects: FloatArray, folds: NDArray[np.intp]) -> FloatArray:
    with threadpool_limits(limits=1, user_api="blas"):
        return cross_validate(layers, subjects, folds).rho


def scipy_choice(layers: FloatArray, subjects: FloatArray, folds: NDArray[np.intp]) -> FloatArray:
    rhos = []
    for subject in subjects:
        assembled = np.empty_like(subject)
        for pair in fold_pairs(folds):
            mask = pair.training
            scores = [spearmanr(layer[mask], subject[mask]).statistic for layer in layers]
            assembled[pair.block] = layers[int(np.argmax(scores))][pair.block]
        rhos.append(spearmanr(assembled, subject).statistic)
    return np.array(rhos)


def timed(function: Callable[..., FloatArray], *arguments: Any) -> tuple[float, FloatArray]:
    start = perf_counter()
    result = function(*arguments)
    return perf_counter() - start, result


def profile(layers: Responses, subjects: Responses, arrays: Arrays) -> dict[str, float]:
    """Seconds of each stage of our side."""
    with threadpool_limits(limits=1, user_api="blas"):
        start = perf_counter()
        rdms = [np.stack([rdm(x, arrays=arrays) for x in layers])]
        rdms.append(np.stack([rdm(x) for x in subjects]))
        distances = perf_counter()
        groups = [tie_groups(values) for values in rdms]
        order = perf_counter()
        ranks = [standard_ranks(group) for group in groups]
        ranked = perf_counter()
        correlate(*ranks)
        end = perf_counter()
    return {
        "distances": distances - start,
        "sorting": order - distances,
        "ranks": ranked - order,
        "correlation": end - ranked,
    }


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Run all sides in turn and return medians, ratios and the largest difference."""
    layers, subjects = made_up(args)
    arrays = arrays_on(args.device, large=True)
    mine = partial(ours, arrays=arrays)
    sides: dict[str, Callable[..., FloatArray]]
    sides = {"brainbench": mine, "rsatoolbox": with_rsatoolbox, "scipy": with_scipy}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    results: dict[str, FloatArray] = {}
    for side in sides.values():
        side(layers[:2], subjects[:2])
    for repeat in range(args.repeats):
        for name, side in sides.items():
            if name == "scipy" and repeat >= args.slow_repeats:
                continue
            elapsed, results[name] = timed(side, layers, subjects)
            seconds[name].append(elapsed)
    rdms = [np.stack([rdm(x) for x in group]) for group in (layers, subjects)]
    folds = np.arange(args.stimuli) % FOLDS
    cv = [timed(our_choice, *rdms, folds) for _ in range(args.repeats)]
    slow, expected = timed(scipy_choice, *rdms, folds)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    median |= {"brainbench cv": statistics.median(value for value, _ in cv), "scipy cv": slow}
    stages = [profile(layers, subjects, arrays) for _ in range(args.repeats)]
    return {
        "shape": {key: getattr(args, key) for key in SHAPE},
        "device": args.device,
        "median_seconds": median,
        "ratio": {
            "rsatoolbox": median["rsatoolbox"] / median["brainbench"],
            "scipy": median["scipy"] / median["brainbench"],
            "scipy cv": slow / median["brainbench cv"],
        },
        "difference": {
            "rsatoolbox": float(np.abs(results["rsatoolbox"] - results["brainbench"]).max()),
            "scipy": float(np.abs(results["scipy"] - results["brainbench"]).max()),
            "scipy cv": float(np.abs(expected - cv[0][1]).max()),
        },
        "stages": {key: statistics.median(stage[key] for stage in stages) for key in stages[0]},
    }


SHAPE = {"subjects": 28, "voxels": 1000, "layers": 13, "features": 768, "stimuli": 165}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name, default in (SHAPE | {"repeats": 7, "slow-repeats": 2, "seed": 0}).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    found = measure(args)
    agree = max(found["difference"].values()) < TOLERANCE
    if args.json:
        print(json.dumps(found | {"agree": agree}))
        return 0 if agree else 1
    print(", ".join(f"{value} {name}" for name, value in found["shape"].items()))
    for name, value in found["median_seconds"].items():
        print(f"{name:14} {1000 * value:9.1f} ms")
    for name, value in found["ratio"].items():
        difference = found["difference"][name]
        print(f"{name:14} takes {value:6.1f} times as long, largest difference {difference:.1e}")
    stages = ", ".join(f"{name} {1000 * value:.1f}" for name, value in found["stages"].items())
    print(f"brainbench by stage, ms: {stages}")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
