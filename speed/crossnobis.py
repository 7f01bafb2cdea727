"""Time cross-validated distances beside rsatoolbox, and plain RSA, in one run.

    python speed/crossnobis.py [--voxels 1000] [--sessions 3] [--repeats 3]

rsatoolbox is given our noise covariance, one for each pair of folds, as it learns one from all
stimuli; the distances are then the same, and the largest difference is told.
"""

from __future__ import annotations

import argparse
import json
import statistics
from itertools import combinations_with_replacement
from time import perf_counter
from typing import Any

import numpy as np
import rsatoolbox
from brainbench_rsa.crossnobis import distances, noise_covariance
from brainbench_rsa.rdm import rdm
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
PEER: Any = rsatoolbox
STIMULI, FOLDS = 165, 5


def with_rsatoolbox(responses: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """Return all distances, from the entries of each pair of folds."""
    stimuli, _, sessions = responses.shape
    rows = np.moveaxis(responses, 2, 0).reshape(sessions * stimuli, -1)
    described = {
        "stimulus": np.tile(np.arange(stimuli), sessions),
        "session": np.repeat(np.arange(sessions), stimuli),
    }
    found = np.zeros((stimuli, stimuli))
    for one, other in combinations_with_replacement(range(FOLDS), 2):
        here = (folds == one) | (folds == other)
        precision = np.linalg.inv(noise_covariance(responses[~here]))
        chosen = here[described["stimulus"]]
        data = PEER.data.Dataset(
            rows[chosen],
            obs_descriptors={name: values[chosen] for name, values in described.items()},
        )
        made = PEER.rdm.calc_rdm(
            data, "crossnobis", descriptor="stimulus", noise=precision, cv_descriptor="session"
        )
        square = made.get_matrices()[0]
        places = np.flatnonzero(here)
        wanted = folds[places][:, None] != folds[places] if one != other else True
        block = np.ix_(places, places)
        found[block] = np.where(wanted, square, found[block])
    return found[np.triu_indices(stimuli, 1)]


def seconds(function: Any, *arguments: Any) -> tuple[float, FloatArray]:
    start = perf_counter()
    found = function(*arguments)
    return perf_counter() - start, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voxels", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    generator = np.random.default_rng(0)
    pattern = generator.standard_normal((STIMULI, 6)) @ generator.standard_normal((6, args.voxels))
    noise = generator.standard_normal((STIMULI, args.voxels, args.sessions))
    responses = pattern[:, :, None] + 2 * noise
    folds = generator.permutation(np.arange(STIMULI) % FOLDS)
    taken: dict[str, list[float]] = {"brainbench": [], "rsatoolbox": [], "plain RSA": []}
    for _ in range(args.repeats):
        own, ours = seconds(distances, responses, folds)
        peer, theirs = seconds(with_rsatoolbox, responses, folds)
        plain, _ = seconds(lambda: rdm(responses.mean(axis=2), zscore=True))
        for side, time in zip(taken, (own, peer, plain), strict=True):
            taken[side].append(time)
    median = {side: statistics.median(times) for side, times in taken.items()}
    told = {"seconds": median, "largest difference": float(np.abs(ours - theirs).max())}
    print(json.dumps(told | {"ratio": median["rsatoolbox"] / median["brainbench"]}, indent=1))


if __name__ == "__main__":
    main()
