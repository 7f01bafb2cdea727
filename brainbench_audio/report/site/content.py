"""What the pages are made from: results in rows and columns, with the cards that are installed."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from brainbench_audio.cards import ModelCard
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.report.comparison import Comparison, Rank
from brainbench_audio.report.correlations import is_task
from brainbench_audio.report.families import Look, family_of, looks
from brainbench_audio.report.known_models import learning
from brainbench_audio.report.overall import Overall, overall
from brainbench_audio.report.results import OVERALL, Pair, Result, preferred
from brainbench_audio.report.site.about import About, about
from brainbench_audio.report.site.relations import standings
from brainbench_audio.report.versions import known_card

_COLUMNS = 12


@dataclass(frozen=True, kw_only=True)
class Row:
    """The scores of one model.

    Attributes
    ----------
    model, label, family : str
    control : bool
        Made of a model: untrained, permuted, or a step of a training. Not ranked or correlated.
    results : mapping of str to Result
        For each benchmark: the measured one if there is one, else the published one.
    published : mapping of str to Result
        Published ones of benchmarks that the model was also measured on.
    ranks : mapping of str to Rank
        For each benchmark, among all rows of models.
    """

    model: str
    label: str
    family: str
    control: bool
    results: Mapping[str, Result]
    published: Mapping[str, Result]
    ranks: Mapping[str, Rank]

    @property
    def every(self) -> list[Result]:
        """All results, published ones behind measured ones of the same benchmark."""
        pairs = ((self.results[name], self.published.get(name)) for name in self.results)
        return [one for pair in pairs for one in pair if one is not None]


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
        Of those, the first that most models share.
    plain : frozenset of str
        Those that are a whole data set, or a task, by the plain metric, and the overall mean.
    looks : mapping of str to Look
        For each family.
    models, comparisons : mapping of str to str
        File below the site's folder of each model and benchmark.
    model_cards : mapping of str to ModelCard
        Of what is installed, or of what scores were told.
    about : mapping of str to About
        For each benchmark.
    learning : mapping of str to str
        What models learned from, as far as it is known.
    overall : Overall
        Mean z-score over listening tasks.
    differences : mapping of str to sequence of Comparison
        For each benchmark, each two results of rows that can be compared.
    results : tuple of Result
        One a pair, of current versions and without controls: what is ranked and correlated.
    older : tuple of Result
        Those of versions that are not current, which only the page of their model shows.
    """

    title: str
    rows: tuple[Row, ...]
    benchmarks: tuple[str, ...]
    chosen: tuple[str, ...]
    first: str
    plain: frozenset[str]
    looks: Mapping[str, Look]
    models: Mapping[str, str]
    comparisons: Mapping[str, str]
    model_cards: Mapping[str, ModelCard]
    about: Mapping[str, About]
    learning: Mapping[str, str]
    overall: Overall
    differences: Mapping[str, Sequence[Comparison]]
    results: tuple[Result, ...]
    older: tuple[Result, ...]

    def row_of(self, model: str) -> Row | None:
        """Return the row of a model; None if no score is of its current version."""
        return next((row for row in self.rows if row.model == model), None)

    def older_of(self, model: str) -> list[Result]:
        """Return the results of a model's older versions, the newest first."""
        found = [result for result in self.older if result.name == model]
        return sorted(found, key=lambda result: (result.created, result.model), reverse=True)


def gather(
    title: str, results: Sequence[Result], declared: Mapping[str, ModelCard] | None = None
) -> Content:
    """Put results into rows and columns, the same whatever order they come in.

    ``declared`` has cards of models that no installed plugin has, by id.
    """
    others = declared or {}
    every = sorted(results, key=lambda one: (one.benchmark, one.model, one.published))
    results = [one for one in every if one.current]
    older = tuple(one for one in every if not one.current)
    # what is made of a model is no model: it has a row, but no rank and no part in a mean
    models = [one for one in results if not one.is_control]
    mean = overall(models)
    ranked = preferred(_with_overall(models, mean))
    shown = preferred([*ranked, *(one for one in results if one.is_control)])
    ranks, pairs = standings(ranked, sorted(shown, key=lambda one: (one.benchmark, one.model)))
    rows = _rows(shown, results, ranks)
    # a store of controls alone still has columns
    count = Counter(name for row in rows for name in row.results if not row.control)
    count = count or Counter(name for row in rows for name in row.results)
    benchmarks = sorted(
        {name for row in rows for name in row.results},
        key=lambda name: (*_column_order(name), -count[name], name),
    )
    of_name: dict[str, list[Result]] = {}
    for result in results:
        of_name.setdefault(result.benchmark, []).append(result)
    chosen = _first_columns(benchmarks, count)
    # where a page has both, the card of the current version counts
    told = sorted((*older, *results), key=lambda one: (one.current, not one.published))
    last = {one.name: one for one in told}
    cards = {
        name: known_card(one.id or one.model, one.source, one.provenance)
        or others.get(one.id or one.model)
        for name, one in sorted(last.items())
    }
    return Content(
        title=title,
        rows=tuple(rows),
        benchmarks=tuple(benchmarks),
        chosen=tuple(chosen),
        plain=frozenset(name for name in benchmarks if name == OVERALL or _is_plain(name)),
        first=max(chosen, key=lambda name: (name != OVERALL, count[name])),
        looks=looks(row.family for row in rows),
        models=_files("models", cards),
        comparisons=_files("benchmarks", benchmarks),
        model_cards={name: card for name, card in cards.items() if card},
        about={name: about(name, of_name.get(name, ())) for name in benchmarks},
        overall=mean,
        learning=learning(),
        differences=pairs,
        results=tuple(ranked),
        older=older,
    )


def _rows(
    shown: Iterable[Result], every: Iterable[Result], ranks: Mapping[Pair, Rank]
) -> list[Row]:
    """Return a row a model: what counts of a pair, and the published score beside it."""
    by_row: dict[str, dict[str, Result]] = {}
    for result in shown:
        by_row.setdefault(result.model, {})[result.benchmark] = result
    # published means over tasks are on a scale of their own
    beside = {one.pair: one for one in every if one.published and one.benchmark != OVERALL}
    rows = []
    for model, found in sorted(by_row.items()):
        one = next(iter(found.values()))
        measured = [name for name, result in found.items() if not result.published]
        rows.append(
            Row(
                model=model,
                label=one.label,
                family=family_of(one),
                control=one.is_control,
                results=found,
                published={
                    name: beside[model, name] for name in measured if (model, name) in beside
                },
                ranks={name: ranks[model, name] for name in found if (model, name) in ranks},
            )
        )
    return rows


def _with_overall(results: Iterable[Result], mean: Overall) -> list[Result]:
    """Add computed means as scores of their own; published ones are on another scale and go."""
    if mean.published:
        return list(results)
    kept = [result for result in results if result.benchmark != OVERALL]
    last = {result.model: result for result in preferred(kept)}
    return kept + [last[model].derived(OVERALL, value) for model, value in mean.values.items()]


def _column_order(benchmark: str) -> tuple[bool, bool, bool]:
    """Put brain data before listening tasks, a whole data set before its subsets."""
    parsed = BenchmarkId.parse(benchmark)
    return benchmark == OVERALL, is_task(benchmark), parsed.subset is not None


def _first_columns(benchmarks: Sequence[str], count: Mapping[str, int]) -> list[str]:
    """Return the benchmarks that most models share, whole data sets first, and the overall mean.

    Where these are few, whole data sets that fewer models share fill the table up.
    """
    known = [name for name in benchmarks if name != OVERALL] or list(benchmarks)
    most = max(count[name] for name in known)
    shared = [name for name in known if count[name] == most]
    whole = [name for name in known if _is_plain(name)]
    usual = [name for name in shared if name in whole] or shared
    usual += sorted((name for name in whole if name not in usual), key=lambda name: -count[name])
    return [name for name in benchmarks if name in usual[:_COLUMNS] or name == OVERALL]


def _is_plain(benchmark: str) -> bool:
    """Return whether a benchmark is a whole data set, or a task, by the plain metric."""
    parsed = BenchmarkId.parse(benchmark)
    whole = parsed.variant is None and not parsed.categories
    return whole and (parsed.subset is None or is_task(benchmark))


def _files(folder: str, names: Iterable[str]) -> dict[str, str]:
    """Return a file for each id that every file system takes, no two the same."""
    found: dict[str, str] = {}
    for name in names:
        stem = re.sub(r"[^a-z0-9.@=+-]", "_", name.lower()).lstrip(".")[:80]
        if stem != name or f"{folder}/{stem}.html" in found.values():
            stem = f"{stem}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        found[name] = f"{folder}/{stem}.html"
    return found
