"""Benchmarks against benchmarks over models, as in table 1 of the paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from brainbench_audio.errors import BrainbenchError, DataError
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.scores.correlation import bootstrap_interval, pearson

from .overall import TASKS, Overall, with_overall
from .results import OVERALL, Result

Subset = Literal["all", "sub"]
SUBSETS: tuple[Subset, ...] = ("all", "sub")
# of the released code; the text of the paper says -0.75 and names the same four models
LEAST_Z = -1.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One correlation of the table.

    Attributes
    ----------
    benchmark, compared : str
        Ids; ``compared`` may be ``overall``.
    subset : str
        ``all`` models, or ``sub``: those whose overall z-score exceeds the least.
    r, p : float
        Pearson's, and two-sided p.
    interval : (float, float)
        95 %.
    n : int
        Number of models.
    models : tuple of str
        Which.
    """

    benchmark: str
    compared: str
    subset: Subset
    r: float
    p: float
    interval: tuple[float, float]
    n: int
    models: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CorrelationTable:
    """Correlations, and what there is to say about them.

    Attributes
    ----------
    rows : tuple of Row
    overall : Overall
        The z-scored means that ``overall`` and the subset are made from.
    excluded : tuple of str
        Models that are not in the subset though they have an overall z-score.
    skipped : mapping of (str, str, str) to str
        Why there is no row of a benchmark, what it is compared with, and a subset.
    """

    rows: tuple[Row, ...]
    overall: Overall
    excluded: tuple[str, ...]
    skipped: Mapping[tuple[str, str, Subset], str]


def correlations(
    results: Iterable[Result],
    benchmarks: Sequence[str] | None = None,
    compared: Sequence[str] | None = None,
    *,
    subsets: Sequence[Subset] = SUBSETS,
    least_z: float = LEAST_Z,
    draws: int = 0,
    seed: int = 0,
    once: bool = False,
) -> CorrelationTable:
    """Correlate benchmarks over the models that were scored on both.

    Parameters
    ----------
    results : iterable of Result
        Of a pair that was measured and published, the measured one counts. Every model counts that
        is there, the baseline of the paper's figures too, as in its table.
    benchmarks : sequence of str, optional
        By default all that are no listening tasks.
    compared : sequence of str, optional
        By default the listening tasks that there are, the paper's first, and ``overall``.
    subsets : sequence of str
        ``all`` and ``sub``.
    least_z : float
        What the overall z-score of a model in the subset exceeds.
    draws : int
        Intervals by bootstrap over models; 0: Fisher's.
    seed : int
        Of the bootstrap.
    once : bool
        Leave out a pair that is there the other way round.

    Returns
    -------
    CorrelationTable

    Notes
    -----
    "Better audio representations are more brain-like", table 1 and section 4.6.
    """
    scores, means = with_overall(results)
    if benchmarks is None:
        benchmarks = brain_benchmarks(scores)
    if compared is None:
        own = sorted(name for name in scores if name not in TASKS and is_task(name))
        compared = [*(task for task in TASKS if task in scores), *own, OVERALL]
    rows: list[Row] = []
    skipped: dict[tuple[str, str, Subset], str] = {}
    done: set[tuple[str, str]] = set()
    for benchmark, other, subset in product(benchmarks, compared, subsets):
        if benchmark == other or (once and (other, benchmark) in done):
            continue
        done.add((benchmark, other))
        shared = scores.get(benchmark, {}).keys() & scores.get(other, {}).keys()
        if subset == "sub":
            shared = {model for model in shared if means.values.get(model, least_z) > least_z}
        models = tuple(sorted(shared))
        one, two = ([scores[side][model] for model in models] for side in (benchmark, other))
        try:
            found = pearson(one, two)
            interval = bootstrap_interval(one, two, draws, seed) if draws else found.interval
        except DataError as error:
            skipped[benchmark, other, subset] = str(error)
            continue
        rows.append(
            Row(
                benchmark=benchmark,
                compared=other,
                subset=subset,
                r=found.r,
                p=found.p,
                interval=interval,
                n=found.n,
                models=models,
            )
        )
    excluded = tuple(sorted(model for model, z in means.values.items() if not z > least_z))
    return CorrelationTable(rows=tuple(rows), overall=means, excluded=excluded, skipped=skipped)


def brain_benchmarks(scored: Iterable[str]) -> list[str]:
    """Return those of some benchmarks that are no listening tasks, in their order."""
    return sorted(name for name in scored if name != OVERALL and not is_task(name))


def is_task(benchmark: str) -> bool:
    """Return whether a benchmark is a listening task: one whose data are labels, not responses.

    Where no installed plugin has it, its name tells.

    Examples
    --------
    >>> is_task("HEAR.gtzan-probe"), is_task("NH2015-ridge")
    (True, False)
    """
    from brainbench_audio.registry.lookup import find_benchmark

    try:
        card = find_benchmark(benchmark)
    except BrainbenchError:
        parsed = BenchmarkId.parse(benchmark)
        return parsed.dataset == "HEAR" or parsed.metric == "probe"
    return "task" in card.dataset.provided(card.subset)
