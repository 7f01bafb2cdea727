"""What the pages are made from: results in rows and columns, with the cards that are installed."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from brainbench_audio.cards import BenchmarkCard, ModelCard
from brainbench_audio.errors import BrainbenchError
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.report.comparison import Rank
from brainbench_audio.report.families import Look, looks
from brainbench_audio.report.overall import Overall, overall
from brainbench_audio.report.results import OVERALL, Result, preferred
from brainbench_audio.report.site.relations import row_ranks
from brainbench_audio.report.versions import find_card

NO_FAMILY = "other"
_COLUMNS = 6


@dataclass(frozen=True, kw_only=True)
class Row:
    """The scores of one model, either measured or published.

    Attributes
    ----------
    model, label, family : str
    published : bool
    results : mapping of str to Result
        For each benchmark.
    ranks : mapping of str to Rank
        For each benchmark, among all rows.
    """

    model: str
    label: str
    family: str
    published: bool
    results: Mapping[str, Result]
    ranks: Mapping[str, Rank]


@dataclass(frozen=True, kw_only=True)
class Content:
    """Everything that pages show.

    Attributes
    ----------
    title : str
    rows : tuple of Row
    benchmarks, chosen : tuple of str
        All, in the order of columns, and those that the leaderboard shows at first.
    first : str
        Of those, the one with most models.
    looks : mapping of str to Look
        For each family.
    models, comparisons : mapping of str to str
        File below the site's folder of each model and benchmark.
    model_cards, benchmark_cards : mapping
        Of what is installed.
    overall : Overall
        Mean z-score over listening tasks.
    results : tuple of Result
        All that were given, of current versions.
    older : tuple of Result
        Those of versions that are not current, which only the page of their model shows.
    together : tuple of Result
        One result a pair, the measured one if there is one, with the overall means.
    """

    title: str
    rows: tuple[Row, ...]
    benchmarks: tuple[str, ...]
    chosen: tuple[str, ...]
    first: str
    looks: Mapping[str, Look]
    models: Mapping[str, str]
    comparisons: Mapping[str, str]
    model_cards: Mapping[str, ModelCard]
    benchmark_cards: Mapping[str, BenchmarkCard]
    overall: Overall
    results: tuple[Result, ...]
    older: tuple[Result, ...]
    together: tuple[Result, ...]

    def rows_of(self, model: str) -> list[Row]:
        """Return the rows of a model, the measured one first."""
        return sorted(
            (row for row in self.rows if row.model == model), key=lambda row: row.published
        )

    def older_of(self, model: str) -> list[Result]:
        """Return the results of a model's older versions, the newest first."""
        found = [result for result in self.older if result.name == model]
        return sorted(found, key=lambda result: (result.created, result.model), reverse=True)

    def unit(self, benchmark: str) -> str:
        """Return what the values of a benchmark are, as far as it is known."""
        if benchmark == OVERALL:
            return "mean z-score over listening tasks"
        card = self.benchmark_cards.get(benchmark)
        return card.metric.unit if card else ""


def gather(title: str, results: Sequence[Result]) -> Content:
    """Put results into rows and columns, the same whatever order they come in."""
    every = sorted(results, key=lambda one: (one.benchmark, one.model, one.published))
    results = [one for one in every if one.current]
    older = tuple(one for one in every if not one.current)
    mean = overall(results)
    shown = _with_overall(results, mean)
    by_row: dict[tuple[str, bool], dict[str, Result]] = {}
    for result in shown:
        by_row.setdefault((result.model, result.published), {})[result.benchmark] = result
    ranks = row_ranks(shown)
    rows = []
    for (model, published), found in sorted(by_row.items()):
        one = next(iter(found.values()))
        rows.append(
            Row(
                model=model,
                label=one.label,
                family=one.family or NO_FAMILY,
                published=published,
                results=found,
                ranks={name: ranks[(model, published), name] for name in found},
            )
        )
    count = Counter(result.benchmark for result in shown)
    own = Counter(result.benchmark for result in shown if not result.published)
    benchmarks = sorted(count, key=lambda name: (*_column_order(name), not own[name], name))
    chosen = _first_columns(benchmarks, own if own else count)
    # where a page has both, the card of the current version counts
    models = dict.fromkeys(
        (one.name, one.id or one.model, one.source) for one in (*older, *results)
    )
    cards = {name: find_card(identifier, source) for name, identifier, source in models}
    return Content(
        title=title,
        rows=tuple(rows),
        benchmarks=tuple(benchmarks),
        chosen=tuple(chosen),
        first=max(chosen, key=lambda name: (name != OVERALL, count[name])),
        looks=looks(row.family for row in rows),
        models=_files("models", sorted(cards)),
        comparisons=_files("benchmarks", benchmarks),
        model_cards={name: card for name, card in cards.items() if card},
        benchmark_cards=_benchmark_cards(benchmarks),
        overall=mean,
        results=tuple(results),
        older=older,
        together=tuple(preferred(shown)),
    )


def _with_overall(results: Iterable[Result], mean: Overall) -> list[Result]:
    """Add computed means as scores of their own; published ones are on another scale and go."""
    if mean.published:
        return list(results)
    kept = [result for result in results if result.benchmark != OVERALL]
    rows = {result.model: result for result in preferred(kept)}
    return kept + [rows[model].derived(OVERALL, value) for model, value in mean.values.items()]


def _column_order(benchmark: str) -> tuple[bool, bool, bool]:
    """Put brain data before listening tasks, a whole data set before its subsets."""
    parsed = BenchmarkId.parse(benchmark)
    return benchmark == OVERALL, parsed.metric == "probe", parsed.subset is not None


def _first_columns(benchmarks: Sequence[str], count: Mapping[str, int]) -> list[str]:
    """Return the benchmarks with most scores among those without subset and variant."""
    plain = [name for name in benchmarks if name != OVERALL and _is_plain(name)] or list(benchmarks)
    most = sorted(plain, key=lambda name: -count[name])[:_COLUMNS]
    return [name for name in benchmarks if name in most or name == OVERALL]


def _is_plain(benchmark: str) -> bool:
    parsed = BenchmarkId.parse(benchmark)
    return parsed.subset is None and parsed.variant is None and not parsed.categories


def _files(folder: str, names: Iterable[str]) -> dict[str, str]:
    """Return a file for each id that every file system takes, no two the same."""
    found: dict[str, str] = {}
    for name in names:
        stem = re.sub(r"[^a-z0-9.@=+-]", "_", name.lower()).lstrip(".")[:80]
        if stem != name or f"{folder}/{stem}.html" in found.values():
            stem = f"{stem}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        found[name] = f"{folder}/{stem}.html"
    return found


def _benchmark_cards(benchmarks: Iterable[str]) -> dict[str, BenchmarkCard]:
    from brainbench_audio.registry.lookup import find_benchmark

    found = {}
    for benchmark in benchmarks:
        try:
            found[benchmark] = find_benchmark(benchmark)
        except BrainbenchError:
            continue
    return found
