"""How often intervals cover, and tests err, in worlds whose truth is known.

``python -m tests.error_rates.bench 1000`` simulates every world with every metric 1,000 times, in
two processes, and prints a table; ``--worlds`` and ``--metrics`` take some of them.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

from brainbench_audio.scores.influence import Influence, stored_influence
from brainbench_audio.scores.score import Score

from .worlds import CLIPS, COMPONENTS, LISTENERS, SESSIONS, SINGLE, Clips, World

Scores = Callable[..., Any]


@dataclass(frozen=True)
class Rates:
    """What was found in one world with one metric.

    Attributes
    ----------
    times : int
        Simulations.
    mean, deviation, error : float
        Of the score over simulations; root mean square of its standard errors.
    covered : float
        Share of 95 % intervals with the mean score in them; of a fixed split, whose errors are for
        one training set, with the score on other clips of networks that learned from that set.
    above : float
        Share of 95 % intervals that lie above 0; of noise, where there is no test against chance.
    parts_covered : float
        As ``covered``, for parts, of the intervals that are given; NaN without.
    difference_deviation, difference_error : float
        As ``deviation`` and ``error``, of the difference of both models.
    false_positives : float
        Share of comparisons of the two equally good models with p below .05; of a fixed split, of
        those that miss the difference on other clips.
    false_in_parts : float
        The same of comparisons of a single component; NaN without.
    far, far_in_parts : float
        As both, with p below .01, which is what control of false discoveries over many pairs needs.
    contradictions : int
        Comparisons whose interval and p disagree.
    """

    world: str
    metric: str
    times: int
    mean: float
    deviation: float
    error: float
    covered: float
    above: float
    parts_covered: float
    difference_deviation: float
    difference_error: float
    false_positives: float
    false_in_parts: float
    far: float
    far_in_parts: float
    contradictions: int

    def line(self) -> str:
        """Return a row of the table, with the Monte-Carlo error of shares near .05."""
        return (
            f"{self.world:38} {self.metric:17} {self.mean:6.3f} {self.deviation:7.4f} "
            f"{self.error:7.4f} {self.covered:6.3f} {self.above:6.3f} {self.parts_covered:6.3f} "
            f"{self.difference_deviation:7.4f} {self.difference_error:7.4f} "
            f"{self.false_positives:6.3f} {self.false_in_parts:6.3f} {self.far:6.3f} "
            f"{self.far_in_parts:6.3f} {self.contradictions:11}  "
            f"{(0.05 * 0.95 / self.times) ** 0.5:.3f}"
        )


NEED_SESSIONS = ("ridge-corrected", "rsa-crossnobis")
# test clips that tell what networks score that learned from a fixed training set
OTHERS = 3000

HEADER = (
    f"{'world':38} {'metric':17} {'mean':>6} {'sd':>7} {'error':>7} {'cover':>6} {'> 0':>6} "
    f"{'parts':>6} "
    f"{'diff sd':>7} {'error':>7} {'false':>6} {'parts':>6} {'< .01':>6} {'parts':>6} "
    f"{'contradict':>11}  Monte-Carlo error"
)


def metrics() -> dict[str, Callable[..., Any]]:
    """Return the metrics, without the test against chance, which has a test of its own."""
    from brainbench_cka.metric import CKA
    from brainbench_ridge.metric import Ridge
    from brainbench_rsa.metric import RSA

    return {
        "ridge": Ridge(permutations=0),
        "rsa": RSA(permutations=0),
        "cka": CKA(permutations=0),
        "cka-biased": CKA(variant="biased", permutations=0),
    }


def more_metrics() -> dict[str, Callable[..., Any]]:
    """Return variants, and metrics of other kinds of fits, which no test simulates."""
    from brainbench_mapping.metric import LinearMap
    from brainbench_ridge.metric import Ridge
    from brainbench_rsa.metric import RSA

    variants = ("corrected", "zscored", "zscored-all")
    return {
        **{f"ridge-{one}": Ridge(variant=one, permutations=0) for one in variants},
        "rsa-cv": RSA(variant="cv", permutations=0),
        "rsa-crossnobis": RSA(variant="crossnobis", permutations=0),
        "rsa-plain": RSA(zscore=False, permutations=0),
        "pls": LinearMap(map="pls"),
        "procrustes": LinearMap(map="procrustes"),
    }


def probe() -> Callable[..., Any]:
    """Return a small probe, trained in a fraction of a second."""
    import torch
    from brainbench_probe.metric import Probe
    from brainbench_probe.settings import Protocol, Setting

    torch.set_num_threads(1)
    setting = Setting(hidden_layers=1, initialisation="uniform", learning_rate=1e-2)
    protocol = Protocol(hidden_units=32, max_epochs=10)
    return Probe(permutations=0, settings=(setting,), protocol=protocol)


def _metric(metric: str | Scores) -> Scores:
    if not isinstance(metric, str):
        return metric
    return probe() if metric == "probe" else (metrics() | more_metrics())[metric]


def once(world: World | Clips, metric: str | Scores, seed: int) -> tuple[Any, ...]:
    """Score both models; return values, errors, intervals and p of their difference."""
    models, responses, folds = world.draw(seed)
    scored = _metric(metric)
    with threadpool_limits(limits=1):
        first, second = (scored(layers, responses, folds) for layers in models)
    owed, other = (_influence(one, world.units) for one in (first, second))
    difference = (owed - other).estimate()
    low, high = difference.interval()
    truth, apart = np.nan, 0.0
    if isinstance(world, Clips) and not world.units:
        models, responses, folds = world.draw(seed, OTHERS)
        truth, rival = (scored(layers, responses, folds).value for layers in models)
        apart = truth - rival
    none = (np.nan, np.nan)  # of a part whose R² is 0, no interval is known
    parts = [(one, *first.part_intervals.get(name, none)) for name, one in first.parts.items()]
    alone = [(owed.part(one) - other.part(one)).estimate().p for one in range(len(parts))]
    if world.units and not (isinstance(world, World) and world.same):
        parts, alone = [], []  # listeners are others each time: there is no true value of a part
    error = np.nan if first.error is None else first.error
    return (
        *(first.value, error, first.interval or none, parts),
        *(difference.value - apart, difference.error),
        *(replace(difference, value=difference.value - apart).p, not low <= apart <= high, truth),
        alone,
    )


def _influence(score: Score, units: str) -> Influence:
    found = stored_influence(score.raw, score.parts, score.value, units)
    assert found is not None
    return found


def rates(
    world: World | Clips, metric: str | Scores, times: int, pool: Any = None, first: int = 0
) -> Rates:
    """Simulate a world with a metric, its name or a function of its own; seeds from the first."""
    spread = map if pool is None else partial(pool.map, chunksize=10)
    found = list(spread(partial(once, world, metric), range(first, first + times)))
    values = np.array([one[0] for one in found])
    errors = np.array([one[1] for one in found])
    intervals = np.array([one[2] for one in found])
    parts = np.array([one[3] for one in found])
    differences, wrong, p, excluded, truths = (
        np.array([one[4 + place] for one in found]) for place in range(5)
    )
    alone = np.array([one[9] for one in found])
    return Rates(
        world=world.name,
        metric=metric if isinstance(metric, str) else metric.__name__,
        times=times,
        mean=float(values.mean()),
        deviation=float(values.std()),
        error=float(np.sqrt(np.nanmean(errors**2))),
        above=float((intervals[:, 0] > 0).mean()),
        covered=_covered(np.where(np.isnan(truths), values.mean(), truths), intervals),
        parts_covered=_covered(parts[..., 0].mean(axis=0), parts[..., 1:])
        if parts.size and np.isfinite(parts).all(axis=-1).any()
        else np.nan,
        difference_deviation=float(differences.std()),
        difference_error=float(np.sqrt(np.mean(wrong**2))),
        false_positives=float((p < 0.05).mean()),
        false_in_parts=float((alone < 0.05).mean()) if alone.size else np.nan,
        far=float((p < 0.01).mean()),
        far_in_parts=float((alone < 0.01).mean()) if alone.size else np.nan,
        contradictions=int(((p < 0.05) != excluded).sum()),
    )


def _covered(truth: Any, intervals: Any) -> float:
    """Return the share of intervals, as far as there are any, with the truth in them."""
    inside = (intervals[..., 0] <= truth) & (truth <= intervals[..., 1])
    return float(inside[np.isfinite(intervals).all(axis=-1)].mean())


def _fit(world: World | Clips, metric: str) -> bool:
    if isinstance(world, Clips):
        return metric == "probe"
    return metric != "probe" and (world.sessions > 0 or metric not in NEED_SESSIONS)


def _as_asked(world: World | Clips, silent: bool, layers: int | None) -> World | Clips:
    if isinstance(world, Clips):
        return world
    if layers is not None:
        world = replace(world, layers=layers)
    return world.silent() if silent else world


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=int)
    parser.add_argument("--worlds", default="", help="some text in their names")
    parser.add_argument("--metrics", nargs="+", default=[*metrics(), *more_metrics(), "probe"])
    parser.add_argument("--silent", action="store_true", help="the same worlds without a signal")
    parser.add_argument("--layers", type=int, help="of each model, in place of the world's own")
    parser.add_argument("--first", type=int, default=0, help="seed of the first simulation")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)  # of penalties that stick, in one simulation or another
    worlds: tuple[World | Clips, ...] = (*COMPONENTS, *SINGLE, *LISTENERS, *SESSIONS, *CLIPS)
    print(HEADER)
    with ProcessPoolExecutor(2) as pool:
        for world in worlds:
            for metric in options.metrics:
                if options.worlds in world.name and _fit(world, metric):
                    drawn = _as_asked(world, options.silent, options.layers)
                    found = rates(drawn, metric, options.times, pool, options.first)
                    print(found.line(), flush=True)


if __name__ == "__main__":
    main()
