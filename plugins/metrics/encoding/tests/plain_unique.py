"""The protocol of `-encoding-unique`, written out for one voxel with scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from brainbench_encoding.reference import PENALTIES
from scipy.stats import zscore
from sklearn.linear_model import Ridge

from .continuous import Array

SHARES = (0.0, 0.03, 0.5, 0.97, 1.0)


@dataclass
class Plain:
    """What is found for one voxel; ``r`` by what predicts, ``shares`` one a split."""

    r: dict[str, float]
    shares: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Problem:
    """One voxel, rows of all runs once, and which runs are tested together."""

    response: Array
    run: Array
    tested: tuple[tuple[int, ...], ...]

    def fitted(self, design: Array, test: tuple[int, ...]) -> tuple[float, Array]:
        """Return the least error when runs are held out, and predictions of those tested."""
        learned = ~np.isin(self.run, test)
        x, y, runs = design[learned], self.response[learned], self.run[learned]
        size = np.square(x).sum(axis=1).mean() or 1.0
        # a column a penalty
        model = Ridge(PENALTIES * size, fit_intercept=False)
        columns = np.repeat(y[:, np.newaxis], len(PENALTIES), axis=1)
        errors = np.zeros(len(PENALTIES))
        for run in np.unique(runs):
            model.fit(x[runs != run], columns[runs != run])
            errors += np.square(columns[runs == run] - model.predict(x[runs == run])).sum(axis=0)
        predicted = model.fit(x, columns).predict(design[~learned])
        return float(errors.min()), predicted[:, errors.argmin()]


def plain_unique(
    layers: Mapping[str, Array], given: Mapping[str, Array], target: xr.DataArray, voxel: int
) -> Plain:
    """Return r of the model, of the given one and of both, of a target without gaps."""
    runs = target["run"].values
    names = list(dict.fromkeys(runs.tolist()))
    first = target["repeat"].values == 0
    number = np.array([names.index(run) for run in runs])

    def delayed(values: Array) -> Array:
        found = []
        for run in range(len(names)):
            heard = zscore(np.asarray(values, float)[first & (number == run)])
            padded = np.vstack([np.zeros((4, heard.shape[1])), heard])
            found.append(np.hstack([padded[4 - lag : len(padded) - lag] for lag in (1, 2, 3, 4)]))
        whole = np.vstack(found)
        return np.asarray(whole / np.sqrt(np.square(whole).sum(axis=1).mean()))

    response, repeated = [], []
    for run in range(len(names)):
        repeats = target["repeat"].values[number == run]
        courses = target.values[number == run, voxel].reshape(repeats.max() + 1, -1)
        response.append(zscore(courses, axis=1).mean(axis=0))
        repeated += [run] * bool(repeats.max())
    tested = (tuple(repeated),) if repeated else tuple((run,) for run in range(len(names)))
    problem = Problem(np.concatenate(response), number[first], tested)
    spaces = [[delayed(one) for one in some.values()] for some in (layers, given)]
    return _found(problem, *spaces)


def _found(problem: Problem, layers: list[Array], given: list[Array]) -> Plain:
    beside = np.hstack(given) / np.sqrt(len(given))
    predicted = {name: np.zeros(len(problem.run)) for name in ("model", "given", "both")}
    plain = Plain({})
    for test in problem.tested:
        rows = np.isin(problem.run, test)
        alone = [problem.fitted(layer, test) for layer in layers]
        best = int(np.argmin([error for error, _ in alone]))
        others = [problem.fitted(one, test) for one in given]
        own = given[int(np.argmin([error for error, _ in others]))]
        joint = [np.hstack([np.sqrt(s) * own, np.sqrt(1 - s) * beside]) for s in SHARES[1:-1]]
        others += [problem.fitted(one, test) for one in (beside, *joint) if len(given) > 1]
        every = {0.0: min(others, key=lambda one: one[0]), 1.0: alone[best]}
        for share in SHARES[1:-1]:
            joint = np.hstack([np.sqrt(share) * layers[best], np.sqrt(1 - share) * beside])
            every[share] = problem.fitted(joint, test)
        share = min(every, key=lambda one: every[one][0])
        plain.shares.append(share)
        for name, one in (("model", 1.0), ("given", 0.0), ("both", share)):
            predicted[name][rows] = every[one][1]
    rows = np.isin(problem.run, [run for test in problem.tested for run in test])
    for name, values in predicted.items():
        plain.r[name] = float(np.corrcoef(values[rows], problem.response[rows])[0, 1])
    return plain
