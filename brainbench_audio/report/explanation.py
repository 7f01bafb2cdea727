"""Does a property of models explain how well they score? The family is a random effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from brainbench_audio.errors import DataError
from brainbench_audio.scores.comparison import false_discovery
from brainbench_audio.scores.statistics import Array

from .correlations import brain_benchmarks
from .families import family_of
from .mixed_model import fit_groups
from .overall import with_overall
from .properties import PROPERTIES, Property, property_of
from .results import Result

# fewer err more often, see docs/methods-error-rates.md
LEAST_MODELS, LEAST_FAMILIES, _SPARE_FAMILIES = 10, 6, 2


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a property says about the scores of a benchmark.

    Attributes
    ----------
    benchmark, property : str
    change : str
        What the estimate is the difference of: ``per tenfold``, ``per kHz``, ``per z``,
        ``per unit``, or one kind ``less`` the reference, which most models are of.
    given : tuple of str
        Properties that are held fixed.
    estimate, error : float
        In units of the score, with standard error.
    interval : (float, float)
        95 %.
    p, q : float
        Two-sided, that the estimate is 0; q after control of false discoveries over all rows.
    freedom : float
        Degrees of freedom of Student's t; about 1 where one family tells it.
    models, families : int
        That count.
    missing : int
        Models with a score of which it is not known, or whose kind no other family has.
    share : float or None
        Share of the variance that is left which lies between families; 0: least squares without
        families. None where each model is a family of its own.
    """

    benchmark: str
    property: str
    change: str
    given: tuple[str, ...]
    estimate: float
    error: float
    interval: tuple[float, float]
    p: float
    q: float
    freedom: float
    models: int
    families: int
    missing: int
    share: float | None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Effects, and why there are no others.

    Attributes
    ----------
    effects : tuple of Effect
    skipped : mapping of (str, str) to str
        Why there is no row of a benchmark and a property.
    """

    effects: tuple[Effect, ...]
    skipped: Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class _Scores:
    """Scores of one benchmark, and the family of each model, by name of the row."""

    benchmark: str
    values: Mapping[str, float]
    families: Mapping[str, str]


def explain(
    results: Iterable[Result],
    benchmarks: Sequence[str] | None = None,
    properties: Sequence[str] = PROPERTIES,
    *,
    together: bool = False,
) -> Explanation:
    """Fit properties of models to their scores, with a random intercept for each family.

    Parameters
    ----------
    results : iterable of Result
        Of a pair that was measured and published, the measured one counts.
    benchmarks : sequence of str, optional
        ``overall`` may be one; by default all that are no listening tasks.
    properties : sequence of str
        See `properties.property_of`.
    together : bool
        All properties of a benchmark in one fit, each with the others held fixed, over the models
        of which all are known; those that cannot be fitted alone are left out.

    Raises
    ------
    UnknownId
        There is no such property.
    """
    results = list(results)
    scores, _ = with_overall(results)
    rows = {result.model: result for result in results}
    families = {model: family_of(result) for model, result in rows.items()}
    wanted = [property_of(name, rows, scores) for name in dict.fromkeys(properties)]
    if benchmarks is None:
        benchmarks = brain_benchmarks(scores)
    skipped: dict[tuple[str, str], str] = {}
    alone: dict[tuple[str, str], list[Effect]] = {}
    each = {name: _Scores(name, scores.get(name, {}), families) for name in benchmarks}
    for name, one in product(benchmarks, wanted):
        try:
            if name == one.name:
                raise DataError("It is the benchmark itself.")
            alone[name, one.name] = _effects(each[name], [one])
        except DataError as error:
            skipped[name, one.name] = str(error)
    found = [effect for effects in alone.values() for effect in effects]
    if together:
        found = []
        for name in benchmarks:
            fitted = [one for one in wanted if (name, one.name) in alone]
            try:
                found += _effects(each[name], fitted) if fitted else []
            except DataError as error:
                skipped[name, " and ".join(one.name for one in fitted)] = str(error)
    q = false_discovery([effect.p for effect in found]) if found else ()
    effects = (replace(one, q=float(value)) for one, value in zip(found, q, strict=True))
    return Explanation(effects=tuple(effects), skipped=skipped)


def _effects(scores: _Scores, properties: Sequence[Property]) -> list[Effect]:
    """Return a row a column of the properties; q is that of a single row.

    Raises
    ------
    DataError
        There are too few models, or they do not differ.
    """
    models = _complete(scores, properties)
    groups = [scores.families[model] for model in models]
    columns: list[tuple[Property, str]] = []
    parts = [np.ones((len(models), 1))]
    _check_count(groups, 1)
    for one in properties:
        changes, part = one.columns(models)
        if not changes or not np.ptp(part, axis=0).all():
            raise DataError(f"{one.name} is the same of all {len(models)} models.")
        columns += [(one, change) for change in changes]
        parts.append(part)
    x = np.concatenate(parts, axis=1)
    _check_count(groups, x.shape[1])
    fit = fit_groups(np.array([scores.values[model] for model in models]), x, groups)
    p, intervals = fit.p, fit.intervals()
    names = [one.name for one in properties]
    return [
        Effect(
            benchmark=scores.benchmark,
            property=one.name,
            change=change,
            given=tuple(name for name in names if name != one.name),
            estimate=float(fit.estimates[place]),
            error=float(fit.errors[place]),
            interval=_pair(intervals[place]),
            p=float(p[place]),
            q=float(p[place]),
            freedom=float(fit.freedom[place]),
            models=len(models),
            families=len(set(groups)),
            missing=len(scores.values) - len(models),
            share=fit.share,
        )
        for place, (one, change) in enumerate(columns, start=1)
    ]


def _complete(scores: _Scores, properties: Sequence[Property]) -> list[str]:
    """Return the models of which all properties tell something."""
    models = sorted(scores.values)
    while True:
        kept = models
        for one in properties:
            kept = one.kept(kept, scores.families)
        # a model that one property drops may leave a kind of another to one family
        if len(kept) == len(models):
            return models
        models = kept


def _check_count(groups: Sequence[str], columns: int) -> None:
    families = len(set(groups))
    needed = max(LEAST_FAMILIES, columns + _SPARE_FAMILIES)
    if len(groups) < LEAST_MODELS or families < needed:
        raise DataError(
            f"It takes {LEAST_MODELS} models of {needed} families, here are {len(groups)} of "
            f"{families}."
        )


def _pair(bounds: Array) -> tuple[float, float]:
    low, high = bounds.tolist()
    return low, high
