"""Which of the stored scores of a benchmark differ: pairs of models, and ranges of ranks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from brainbench_audio.errors import DataError
from brainbench_audio.scores.comparison import false_discovery, rank_ranges, tie_groups
from brainbench_audio.scores.estimate import Estimate
from brainbench_audio.scores.influence import Influence
from brainbench_audio.scores.statistics import Array

from .evidence import Evidence, asked_for, read_evidence
from .results import Result

DRAWS = 10_000
SIGNIFICANT = 0.05


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two models on one benchmark.

    Attributes
    ----------
    benchmark, model, other : str
        Ids.
    difference : float
        Score of ``model`` less that of ``other``.
    error : float
        Standard error of the difference.
    interval : (float, float)
        95 % interval of the difference.
    p : float
        Two-sided, of no difference: below .05 exactly where the interval leaves out 0.
    q : float
        p after control of false discoveries over all pairs that were compared together.
    over : str
        What error and p generalise over, in words.
    freedom : float
        Degrees of freedom of Student's t, which both are from.
    """

    benchmark: str
    model: str
    other: str
    difference: float
    error: float
    interval: tuple[float, float]
    p: float
    q: float
    over: str
    freedom: float

    @property
    def significant(self) -> bool:
        """Whether q is below 0.05."""
        return self.q < SIGNIFICANT


def compare(results: Iterable[Result]) -> list[Comparison]:
    """Compare every two models that were scored on the same benchmark.

    Error, interval and p are those of `Influence.estimate`, of the difference of what both scores
    owe to the same stimuli and subjects.

    Parameters
    ----------
    results : iterable of Result
        Measured ones, one a pair of model and benchmark; parts of a whole, too.

    Returns
    -------
    list of Comparison
        The better model first.

    Raises
    ------
    DataError
        A score is published or does not tell what it owes to stimuli or subjects; or two are of
        other stimuli or subjects, or were made by other versions of the metric.
    """
    by_benchmark: dict[str, list[Result]] = {}
    for result in results:
        by_benchmark.setdefault(result.benchmark, []).append(result)
    found = []
    for group in by_benchmark.values():
        ordered = sorted(group, key=lambda result: -result.value)
        evidence = [read_evidence(result) for result in ordered] if len(group) > 1 else []
        pairs = combinations(zip(ordered, evidence, strict=False), 2)
        found += [_compared(*one, *other) for one, other in pairs]
    adjusted = false_discovery([one.p for one in found])
    return [replace(one, q=q) for one, q in zip(found, adjusted.tolist(), strict=True)]


def differences(results: Iterable[Result]) -> list[Comparison]:
    """Compare every two results of one benchmark that can be compared, as `compare` does.

    Published ones, and those of other sounds, listeners or versions of the metric, are left out; q
    is p, as nobody asked for all pairs together.
    """
    ordered = sorted(results, key=lambda result: -result.value)
    known = [(one, evidence) for one in ordered if (evidence := _usable(one)) is not None]
    pairs = [
        (one, other, first.influence - second.influence)
        for (one, first), (other, second) in combinations(known, 2)
        if first.is_paired(second)
    ]
    return [_estimated(*pair) for pair in pairs if not pair[2].trouble()]


def _compared(one: Result, first: Evidence, other: Result, second: Evidence) -> Comparison:
    if not first.is_paired(second):
        if first.origin != second.origin:
            differs, same = "on other sounds or listeners of", "with the same data"
        elif first.measure != second.measure:
            differs, same = "beside other versions of what is given in", "with today's"
        else:
            differs, same = "by other versions of the metric on", "by the same version"
        raise DataError(
            f"{one.model} and {other.model} were scored {differs} {one.benchmark}. Score both "
            f"{same}: brainbench score --model {asked_for(one)} {asked_for(other)} --benchmark "
            f"{one.benchmark} --recompute"
        )
    difference = first.influence - second.influence
    if reason := difference.trouble():
        raise DataError(f"{one.model} and {other.model} on {one.benchmark}: {reason}")
    return _estimated(one, other, difference)


def _estimated(one: Result, other: Result, difference: Influence) -> Comparison:
    estimate = difference.estimate()
    return Comparison(
        benchmark=one.benchmark,
        model=one.model,
        other=other.model,
        difference=one.value - other.value,
        error=estimate.error,
        interval=estimate.interval(),
        p=estimate.p,
        q=estimate.p,
        over=estimate.over,
        freedom=estimate.freedom,
    )


@dataclass(frozen=True, kw_only=True)
class Rank:
    """Where a result stands among those of a benchmark.

    Attributes
    ----------
    place : int
        1 is the highest score; equal scores share a place.
    low, high : int or None
        Range of places in 95 % of draws; None where no error is known, as for published scores
        without one.
    group : int or None
        Results of one group do not differ from its best after control of false discoveries.
    paired : bool
        Whether another result is of the same stimuli, subjects and version of the metric; else the
        error alone was used.
    """

    place: int
    low: int | None
    high: int | None
    group: int | None
    paired: bool


def ranking(results: Sequence[Result], draws: int = DRAWS, seed: int = 0) -> list[Rank]:
    """Rank the results of one benchmark, and say how sure that is.

    Draws are those of `Influence.draws`, with the same weights of stimuli and subjects for results
    that share them. A result without influences is drawn from a normal distribution around its
    score with its standard error, independently of all others. One without any error stays where it
    is, and gets no range and no group. Groups are by the p of `compare`; without influences by
    errors alone.

    Parameters
    ----------
    results : sequence of Result
        Of one benchmark; measured and published ones may stand beside each other.
    draws, seed : int

    Returns
    -------
    list of Rank
        In the order of ``results``.
    """
    values = np.array([result.value for result in results], dtype=np.float64)
    if not values.size:
        return []
    places = 1 + (values[np.newaxis] > values[:, np.newaxis]).sum(axis=1)
    evidence = [_usable(result) for result in results]
    drawn = _drawn(results, evidence, draws, seed)
    ranges = rank_ranges(drawn)
    unsure = [index for index, column in enumerate(drawn.T) if np.ptp(column) > 0]
    groups = _groups(results, evidence, unsure)
    origins = [None if one is None else one.made_from for one in evidence]
    return [
        Rank(
            place=int(places[index]),
            low=int(ranges[index, 0]) if index in groups else None,
            high=int(ranges[index, 1]) if index in groups else None,
            group=groups.get(index),
            paired=origin is not None and origins.count(origin) > 1,
        )
        for index, origin in enumerate(origins)
    ]


def _usable(result: Result) -> Evidence | None:
    """Return the evidence of a score if it says anything of others."""
    evidence = Evidence.read(result)
    return None if evidence is None or evidence.influence.trouble() else evidence


def _drawn(
    results: Sequence[Result], evidence: Sequence[Evidence | None], draws: int, seed: int
) -> Array:
    """Return draws of all scores, (draw, result)."""
    generator = np.random.default_rng([seed, len(results)])
    columns = []
    for result, one in zip(results, evidence, strict=True):
        if one is not None:
            columns.append(one.influence.draws(draws, seed))
        else:
            columns.append(result.value + _error(result) * generator.standard_normal(draws))
    return np.stack(columns, axis=1)


def _error(result: Result) -> float:
    """Return the standard error; 0 without one, as a stored NaN is."""
    return result.error if result.error is not None and np.isfinite(result.error) else 0.0


def _groups(
    results: Sequence[Result], evidence: Sequence[Evidence | None], unsure: list[int]
) -> dict[int, int]:
    """Return the group of each result that has an error."""
    if len(unsure) < 2:
        return dict.fromkeys(unsure, 1)
    pairs = list(combinations(unsure, 2))
    p = [_p(results[one], evidence[one], results[other], evidence[other]) for one, other in pairs]
    apart = np.zeros((len(results), len(results)), dtype=bool)
    for (one, other), q in zip(pairs, false_discovery(p).tolist(), strict=True):
        apart[one, other] = apart[other, one] = q < SIGNIFICANT
    values = np.array([results[index].value for index in unsure])
    found = tie_groups(values, apart[np.ix_(unsure, unsure)])
    return dict(zip(unsure, found.tolist(), strict=True))


def _p(one: Result, first: Evidence | None, other: Result, second: Evidence | None) -> float:
    if first is not None and second is not None and first.is_paired(second):
        return (first.influence - second.influence).estimate().p
    error = float(np.hypot(_error(one), _error(other)))
    return Estimate(one.value - other.value, error, np.inf, "").p
