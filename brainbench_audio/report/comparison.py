"""Which of the stored scores of a benchmark differ: pairs of models, and ranges of ranks."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from brainbench_audio.errors import DataError
from brainbench_audio.scores.bootstrap import DRAWS, drawn_means
from brainbench_audio.scores.comparison import (
    bootstrap_p,
    drawn_parts,
    false_discovery,
    rank_ranges,
    sign_flip_test,
    swap_test,
    tie_groups,
)
from brainbench_audio.scores.statistics import Array, percentile_interval

from .evidence import Evidence, Redrawn, shared_parts, stored_draws, unit
from .results import Result

UNIT_DRAWS = 10_000
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
    interval : (float, float)
        95 % interval of the difference, by paired bootstrap.
    p : float
        Two-sided, of no difference.
    q : float
        p after control of false discoveries over all pairs that were compared together.
    over : str
        What was drawn for the interval, in words.
    test : str
        Where p is from, in words.
    n : int
        Subjects, folds or stimuli that the test is over.
    draws : int
        Of the bootstrap.
    """

    benchmark: str
    model: str
    other: str
    difference: float
    interval: tuple[float, float]
    p: float
    q: float
    over: str
    test: str
    n: int
    draws: int

    @property
    def significant(self) -> bool:
        """Whether q is below 0.05."""
        return self.q < SIGNIFICANT


def compare(results: Iterable[Result], draws: int | None = None, seed: int = 0) -> list[Comparison]:
    """Compare every two models that were scored on the same benchmark.

    The interval is from the stored bootstrap draws of both, if these took the same stimuli (and
    subjects); else from draws made here: of stimuli where predictions are stored, and of subjects
    where there are two or more. The test changes the signs of subjects' (or folds') differences;
    without them it exchanges predictions of single stimuli, and without predictions p is from the
    draws.

    Parameters
    ----------
    results : iterable of Result
        Measured ones, one a pair of model and benchmark.
    draws : int, optional
        1,000 over stimuli and 10,000 over subjects by default. A number makes new draws.
    seed : int

    Returns
    -------
    list of Comparison
        The better model first.

    Raises
    ------
    DataError
        Two scores have nothing in common that tells how far their difference may be off, or one is
        published.
    """
    by_benchmark: dict[str, list[Result]] = {}
    for result in results:
        by_benchmark.setdefault(result.benchmark, []).append(result)
    found = []
    for group in by_benchmark.values():
        ordered = sorted(group, key=lambda result: -result.value)
        evidence = [Evidence(result, draws or DRAWS, seed) for result in ordered]
        found += [_compared(one, other, draws, seed) for one, other in combinations(evidence, 2)]
    adjusted = false_discovery([one.p for one in found])
    return [replace(one, q=q) for one, q in zip(found, adjusted.tolist(), strict=True)]


def _asked_for(result: Result) -> str:
    """Return a model as `brainbench score` takes it; one of a file is named with its path."""
    own = result.source.endswith(".py")
    return shlex.quote(f"{result.source}:{result.id}" if own else result.name)


def _compared(first: Evidence, second: Evidence, draws: int | None, seed: int) -> Comparison:
    one, other = first.result, second.result
    for result in (one, other):
        if result.published or result.path is None:
            raise DataError(
                f"The score of {result.model} on {result.benchmark} is published: there is no "
                f"more of it than its value, so it cannot be compared in pairs. Score the model."
            )
    parts = shared_parts([one, other])
    drawn = _stored_difference(first, second) if draws is None else None
    drawn = drawn or _redrawn_difference(first, second, seed)
    if drawn is None and parts is not None:
        units = drawn_parts(parts, draws or UNIT_DRAWS, seed)
        drawn = units[:, 0] - units[:, 1], f"{unit(one)}s"
    if drawn is None:
        raise DataError(
            f"{one.model} and {other.model} cannot be compared on {one.benchmark}: their scores "
            f"share no subjects, and no bootstrap of the same stimuli. Draw the same ones for "
            f"both: brainbench score --model {_asked_for(one)} {_asked_for(other)} "
            f"--benchmark {one.benchmark} --bootstrap 1000 --seed 0. A metric that draws none (see "
            f"brainbench info {one.benchmark}) gives nothing to compare by."
        )
    difference, over = drawn
    p, test, n = _tested(first, second, parts, difference, seed)
    return Comparison(
        benchmark=one.benchmark,
        model=one.model,
        other=other.model,
        difference=one.value - other.value,
        interval=percentile_interval(difference),
        p=p,
        q=p,
        over=over,
        test=test,
        n=n,
        draws=difference.size,
    )


def _stored_difference(first: Evidence, second: Evidence) -> tuple[Array, str] | None:
    one, other = first.stored, second.stored
    if one is None or other is None or one.origin != other.origin:
        return None
    return one.values - other.values, one.over


def _redrawn(first: Evidence, second: Evidence) -> tuple[Redrawn, Redrawn] | None:
    one, other = first.redrawn, second.redrawn
    return (one, other) if one and other and one.origin == other.origin else None


def _redrawn_difference(first: Evidence, second: Evidence, seed: int) -> tuple[Array, str] | None:
    if (both := _redrawn(first, second)) is None:
        return None
    difference = both[0].parts - both[1].parts
    if both[0].subjects:
        return drawn_means(difference, seed), "stimuli and subjects"
    return difference.mean(axis=1), "stimuli"


def _tested(
    first: Evidence, second: Evidence, parts: Array | None, difference: Array, seed: int
) -> tuple[float, str, int]:
    """Return p, where it is from, and over how many units."""
    if parts is not None:
        p = sign_flip_test(parts[:, 0] - parts[:, 1], UNIT_DRAWS, seed).item()
        return p, f"signs of {unit(first.result)}s changed", len(parts)
    both = _redrawn(first, second)
    # with subjects' targets the value is a median, which an exchange has no short sum for
    if both and both[0].predictions and both[1].predictions:
        one, other = both[0].predictions, both[1].predictions
        p = swap_test(one.measured, one.predicted, other.predicted, UNIT_DRAWS, seed)
        return p, "predictions of stimuli exchanged", len(one.stimuli)
    return bootstrap_p(difference), "bootstrap", int(first.result.n.get("stimulus", 0))


@dataclass(frozen=True, kw_only=True)
class Rank:
    """Where a result stands among those of a benchmark.

    Attributes
    ----------
    place : int
        1 is the highest score; equal scores share a place.
    low, high : int or None
        Range of places in 95 % of bootstrap draws; None where no error is known, as for published
        scores without one.
    group : int or None
        Results of one group do not differ from its best after control of false discoveries.
    paired : bool
        Whether draws are shared with other results; else the error alone was used.
    """

    place: int
    low: int | None
    high: int | None
    group: int | None
    paired: bool


def ranking(results: Sequence[Result], draws: int = UNIT_DRAWS, seed: int = 0) -> list[Rank]:
    """Rank the results of one benchmark, and say how sure that is.

    Draws are the stored ones (of stimuli and subjects) that most results share, or new ones over
    the subjects or folds that most share, whichever are more. A result without them is drawn from a
    normal distribution around its score with its standard error, independently of all others. One
    without any error stays where it is, and gets no range and no group. Two results are in one
    group if they do not differ by a test over subjects (folds), else by the draws.

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
    shared = _shared_draws(results, draws, seed)
    generator = np.random.default_rng([seed, len(results)])
    drawn = np.tile(values, (len(shared.draws), 1))
    drawn[:, shared.places] = shared.draws
    unsure = set(shared.places)
    for index, result in enumerate(results):
        if index not in unsure and result.error is not None and result.error > 0:
            drawn[:, index] += result.error * generator.standard_normal(len(drawn))
            unsure.add(index)
    ranges = rank_ranges(drawn)
    groups = _groups(values, drawn, sorted(unsure), shared, seed)
    return [
        Rank(
            place=int(places[index]),
            low=int(ranges[index, 0]) if index in groups else None,
            high=int(ranges[index, 1]) if index in groups else None,
            group=groups.get(index),
            paired=index in shared.places,
        )
        for index in range(len(results))
    ]


@dataclass(frozen=True)
class _Shared:
    """Results (by place) that share draws (draw, result), and parts (unit, result) if they do."""

    places: list[int]
    draws: Array
    parts: Array | None


def _shared_draws(results: Sequence[Result], draws: int, seed: int) -> _Shared:
    stored = [stored_draws(result) for result in results]
    paired = _most([None if one is None else one.origin for one in stored])
    units = _most([(unit(one), *sorted(one.parts)) if unit(one) else None for one in results])
    # stored draws took stimuli, too, so they go first
    if len(paired) > 1 and len(paired) >= len(units):
        columns = [one.values for index in paired if (one := stored[index]) is not None]
        together = np.stack(columns, axis=1)
        complete = together[np.isfinite(together).all(axis=1)]
        if len(complete) > 1:
            return _Shared(paired, complete, shared_parts([results[index] for index in paired]))
    parts = shared_parts([results[index] for index in units]) if len(units) > 1 else None
    if parts is not None:
        return _Shared(units, drawn_parts(parts, draws, seed), parts)
    return _Shared([], np.empty((draws, 0)), None)


def _most(origins: Sequence[tuple[object, ...] | None]) -> list[int]:
    """Return the places of the most frequent origin."""
    counts = Counter(origin for origin in origins if origin is not None)
    if not counts:
        return []
    favourite = counts.most_common(1)[0][0]
    return [place for place, origin in enumerate(origins) if origin == favourite]


def _groups(
    values: Array, drawn: Array, unsure: list[int], shared: _Shared, seed: int
) -> dict[int, int]:
    """Return the group of each result that has an error."""
    if len(unsure) < 2:
        return dict.fromkeys(unsure, 1)
    pairs = list(combinations(unsure, 2))
    p: dict[tuple[int, int], float] = {}
    if shared.parts is not None:
        columns = dict(zip(shared.places, shared.parts.T, strict=True))
        by_units = [pair for pair in pairs if pair[0] in columns and pair[1] in columns]
        differences = np.stack([columns[one] - columns[other] for one, other in by_units], axis=1)
        tested = sign_flip_test(differences, UNIT_DRAWS, seed)
        p = dict(zip(by_units, tested.tolist(), strict=True))
    for one, other in pairs:
        if (one, other) not in p:
            p[one, other] = bootstrap_p(drawn[:, one] - drawn[:, other])
    adjusted = false_discovery([p[pair] for pair in pairs])
    apart = np.zeros((len(values), len(values)), dtype=bool)
    for (one, other), q in zip(pairs, adjusted.tolist(), strict=True):
        apart[one, other] = apart[other, one] = q < SIGNIFICANT
    found = tie_groups(values[unsure], apart[np.ix_(unsure, unsure)])
    return dict(zip(unsure, found.tolist(), strict=True))
