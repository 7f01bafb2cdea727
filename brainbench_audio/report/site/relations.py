"""Ranks and correlations of everything on the pages, as `comparison` and `correlations` give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import scipy.stats

from brainbench_audio.report.comparison import Comparison, Rank, differences, ranking
from brainbench_audio.report.correlations import correlations
from brainbench_audio.report.results import OVERALL, Pair, Result


def standings(
    ranked: Iterable[Result], shown: Iterable[Result]
) -> tuple[dict[Pair, Rank], dict[str, list[Comparison]]]:
    """Return ranks of results on their benchmark, and for each benchmark who differs from whom.

    Parameters
    ----------
    ranked, shown : iterable of Result
        What gets a rank, and what is compared; one a model and benchmark.
    """
    of_ranked = _by_benchmark(ranked)
    ranks: dict[Pair, Rank] = {}
    pairs: dict[str, list[Comparison]] = {}
    # one benchmark after the other: what both ask the same files is read once
    for name, group in _by_benchmark(shown).items():
        some = of_ranked.get(name, [])
        ranks |= {result.pair: rank for result, rank in zip(some, ranking(some), strict=True)}
        pairs[name] = differences(group)
    return ranks, pairs


def _by_benchmark(results: Iterable[Result]) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.benchmark, []).append(result)
    return found


def rank_text(rank: Rank | None) -> str:
    """Return a rank with its range, as far as it is known.

    Examples
    --------
    >>> rank_text(Rank(place=2, low=1, high=4, group=1, paired=True))
    '2 (1–4)'
    """
    if rank is None:
        return "–"
    if rank.low is None or rank.low == rank.high:
        return str(rank.place)
    return f"{rank.place} ({rank.low}–{rank.high})"


def relations(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return the correlation of each two benchmarks, for all models and the subset.

    Returns
    -------
    list of dict
        ``x``, ``y``, ``subset``, ``r``, ``p``, ``interval``, ``n``, each pair of benchmarks once;
        ``t`` is the 97.5 % point of Student's t with n - 2 degrees of freedom, for intervals of the
        line of least squares.
    """
    names = sorted({result.benchmark for result in results} - {OVERALL})
    found = correlations(results, names, [*names, OVERALL], once=True)
    return [
        {
            "x": row.benchmark,
            "y": row.compared,
            "subset": row.subset,
            "r": round(row.r, 4),
            "p": float(f"{row.p:.3g}"),
            "interval": [round(bound, 3) for bound in row.interval],
            "n": row.n,
            "t": round(float(scipy.stats.t.ppf(0.975, row.n - 2)), 4),
        }
        for row in found.rows
    ]
