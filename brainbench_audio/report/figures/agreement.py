"""Do methods and data sets agree on models? Figure 12 of the paper.

Every pair of benchmarks: below the diagonal one point a model, and, where both have one unit, a
dotted line on which they are equal; above it Pearson's r with its 95 % interval, on it how the
models are spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbench_audio.errors import DataError
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.report.figures import compared, style
from brainbench_audio.scores.correlation import FEWEST, Correlation, pearson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brainbench_audio.report.results import Result

_LONGEST = 22


@dataclass(frozen=True)
class Agreement:
    """What the figure shows.

    Attributes
    ----------
    benchmarks : tuple of str
    units : tuple of str
    models : tuple of Result
        One result for each model with a score of at least two of the benchmarks.
    values : mapping of str to mapping of str to float
        By benchmark and model.
    published : frozenset of (str, str)
        Benchmark and model of the scores that are not measured.
    """

    benchmarks: tuple[str, ...]
    units: tuple[str, ...]
    models: tuple[Result, ...]
    values: dict[str, dict[str, float]]
    published: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, results: Iterable[Result], benchmarks: Sequence[str]) -> Agreement:
        """Gather the results of some benchmarks; measured ones go before published ones.

        Raises
        ------
        DataError
            Fewer than two benchmarks, or one without results.
        """
        from brainbench_audio.report.results import preferred

        if len(set(benchmarks)) < 2 or len(set(benchmarks)) < len(benchmarks):
            raise DataError("Agreement takes two different benchmarks or more.")
        chosen = preferred(results)
        values: dict[str, dict[str, float]] = {}
        models: dict[str, Result] = {}
        counts: dict[str, int] = {}
        for benchmark in benchmarks:
            found = compared.sorted_results(chosen, benchmark)
            values[benchmark] = {result.model: result.value for result in found}
            for result in found:
                models.setdefault(result.model, result)
                counts[result.model] = counts.get(result.model, 0) + 1
        shared = tuple(models[name] for name in sorted(models) if counts[name] > 1)
        units = tuple(compared.unit_of(benchmark) for benchmark in benchmarks)
        published = frozenset((one.benchmark, one.model) for one in chosen if one.published)
        return cls(tuple(benchmarks), units, shared, values, published)

    def spread(self, benchmark: str) -> list[float]:
        """Return the values of the models that have another score, too."""
        values = self.values[benchmark]
        return [values[one.model] for one in self.models if one.model in values]

    def pair(self, one: str, other: str) -> tuple[list[Result], list[float], list[float]]:
        """Return the models that have both scores, and these.

        A pair of which one score is published is published.
        """
        first, second = self.values[one], self.values[other]
        both = [
            replace(each, published=not self.published.isdisjoint(sides))
            for each in self.models
            if each.model in first and each.model in second
            for sides in [{(one, each.model), (other, each.model)}]
        ]
        return both, [first[m.model] for m in both], [second[m.model] for m in both]

    def correlation(self, one: str, other: str) -> Correlation | None:
        """Return Pearson's r over the models that have both; None for fewer than three."""
        _, first, second = self.pair(one, other)
        if len(first) < FEWEST or not np.ptp(first) or not np.ptp(second):
            return None
        return pearson(first, second)

    def shown(self) -> list[Result]:
        """Return the models of all pairs, those of the first ones first."""
        pairs = combinations(self.benchmarks, 2)
        return [result for pair in pairs for result in self.pair(*pair)[0]]

    def numbers(self) -> list[dict[str, Any]]:
        """Return what is drawn, for JSON: a row a pair of benchmarks."""
        rows = []
        for one, other in combinations(self.benchmarks, 2):
            both, first, second = self.pair(one, other)
            found = self.correlation(one, other)
            told: dict[str, Any] = {"r": None, "p": None, "interval": None}
            if found is not None:
                told = {"r": found.r, "p": found.p, "interval": found.interval}
            points = [
                {"model": result.model, "value": a, "with": b, "published": result.published}
                for result, a, b in zip(both, first, second, strict=True)
            ]
            rows.append({"benchmark": one, "with": other, **told, "n": len(both), "points": points})
        return rows


def plot(found: Agreement) -> Figure:
    """Return the figure, a page wide.

    Raises
    ------
    DataError
        No model has two of the scores.
    """
    if not found.models:
        raise DataError(
            f"No model has scores of two of {', '.join(found.benchmarks)}. Score one on all of "
            f"them, or draw published scores too (`--published add`)."
        )
    size = len(found.benchmarks)
    figure = style.new_figure(style.PAGE, style.PAGE * 0.9 + 14)
    every = figure.subplots(size, size, squeeze=False, sharex="col")
    for row, below in enumerate(found.benchmarks):
        for column, beside in enumerate(found.benchmarks):
            axes = every[row, column]
            if row == column:
                _draw_spread(axes, found.spread(below))
            elif row > column:
                _draw_points(axes, found, beside, below)
            else:
                _write_correlation(axes, found.correlation(below, beside))
            if row == size - 1:
                axes.set_xlabel(f"{_broken(beside)}\n({found.units[column]})")
            if column == 0:
                axes.set_ylabel(f"{_broken(below)}\n({found.units[row]})")
    entries = compared.family_entries(found.models)
    entries += compared.source_entries(found.shown(), bars=False)
    style.legend(figure, entries, loc="outside lower center", ncols=5)
    return figure


def _draw_points(axes: Any, found: Agreement, beside: str, below: str) -> None:
    results, x, y = found.pair(beside, below)
    mixed = compared.mixed(found.shown())
    for result, at, value in zip(results, x, y, strict=True):
        look = compared.point_look(compared.look_of(result), result.published, mixed)
        axes.plot(at, value, markersize=3.2, **look)
    axes.margins(0.1)
    if compared.unit_of(beside) == compared.unit_of(below):
        ends = [min(*x, *y), max(*x, *y)]
        # only seen as far as there are points
        axes.plot(ends, ends, ":", color=style.FAINT, zorder=0, scalex=False, scaley=False)


def _draw_spread(axes: Any, values: Sequence[float]) -> None:
    axes.hist(values, bins=10, color=style.BAND, edgecolor=style.FAINT, linewidth=0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _write_correlation(axes: Any, found: Correlation | None) -> None:
    axes.set_axis_off()
    if found is None:
        told = "too few models"
    else:
        low, high = found.interval
        told = f"r = {found.r:.3f}\n[{low:.3f}, {high:.3f}]\nn = {found.n}"
    axes.text(0.5, 0.5, told, ha="center", va="center", transform=axes.transAxes)


def _broken(benchmark: str) -> str:
    """Break a long id before its metric."""
    parsed = BenchmarkId.parse(benchmark)
    broken = str(parsed).replace(f"-{parsed.measure}", f"\n-{parsed.measure}", 1)
    return broken if parsed.metric and len(benchmark) > _LONGEST else benchmark
