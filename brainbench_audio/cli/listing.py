"""`brainbench list`: what is installed, and what has been scored."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.table import print_json, print_table

if TYPE_CHECKING:
    from brainbench_audio.scores.store import StoredScore

_WIDEST = 70
_MANY = 20  # subsets, which are listed only where their data set is asked for
# first out where a terminal is narrow
_UNIMPORTANT = ("file", "distribution", "created", "sample rate", "version", "ceiling")
_FILTERS = {
    "family": ("models",),
    "dataset": ("benchmarks",),
    "metric": ("benchmarks",),
    "stored": ("models", "benchmarks"),
}
Table = tuple[tuple[str, ...], list[tuple[Any, ...]]]


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("list", help="list models, benchmarks, metrics or results")
    parser.add_argument("what", choices=("models", "benchmarks", "metrics", "results"))
    parser.add_argument("--family", help="models of this family only")
    parser.add_argument(
        "--dataset", metavar="ID", help="benchmarks with these data, DATASET or DATASET.SUBSET"
    )
    parser.add_argument(
        "--metric", metavar="ID", help="benchmarks with this metric, METRIC or METRIC-VARIANT"
    )
    parser.add_argument(
        "--stored", action="store_true", help="models or benchmarks with a stored score only"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run, misused=parser.error)


def run(options: argparse.Namespace) -> int:
    """Print the list."""
    tables = {
        "models": lambda: _models(options.family, options.stored),
        "benchmarks": lambda: _benchmarks(options.dataset, options.metric, options.stored),
        "metrics": _metrics,
        "results": _results,
    }
    for name, kinds in _FILTERS.items():
        if getattr(options, name) not in (None, False) and options.what not in kinds:
            options.misused(f"--{name} chooses among {' and '.join(kinds)}, not {options.what}")
    head, rows = tables[options.what]()
    notes: list[str] = []
    if options.what == "benchmarks" and not (options.dataset or options.stored or options.json):
        rows, notes = _without_many(rows)
    if options.json:
        keys = [name.replace(" ", "_") for name in head]
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
        return 0
    if options.what == "models" and not options.stored:
        notes = _schemes(options.family)
    if rows:
        print_table(head, rows, drop=_UNIMPORTANT, cut=("data", "description"))
    elif not notes:
        print(f"no {options.what}")
    for note in notes:
        print(note)
    return 0


def _models(family: str | None, stored: bool) -> Table:
    from brainbench_audio.cards import ModelCard
    from brainbench_audio.registry.ids import unknown
    from brainbench_audio.registry.lookup import registered

    entries = registered(ModelCard)
    families = sorted({entry.card.family for entry in entries})
    if family is not None and family not in families:
        raise unknown(family, "family", families)
    scored = _scored_models() if stored else set()
    rows = [
        (
            entry.card.id,
            entry.card.family,
            entry.card.parameters,
            len(entry.card.layers),
            entry.card.sample_rate,
            entry.distribution,
        )
        for entry in sorted(entries, key=lambda entry: entry.card.id)
        if family in (None, entry.card.family)
        and entry.card.scheme is None
        and (not stored or entry.card.id in scored)
    ]
    return ("model", "family", "parameters", "layers", "sample rate", "distribution"), rows


def _schemes(family: str | None) -> list[str]:
    """Return a line for each scheme, whose ids cannot be listed."""
    from brainbench_audio.cards import ModelCard
    from brainbench_audio.registry.lookup import registered

    return [
        f"{entry.card.id}  {entry.card.label} ({entry.distribution})"
        for entry in registered(ModelCard)
        if entry.card.scheme and family in (None, entry.card.family)
    ]


def _benchmarks(dataset: str | None, metric: str | None, stored: bool) -> Table:
    from brainbench_audio.registry.lookup import benchmark_cards

    cards = list(benchmark_cards())
    if dataset is not None:
        names = (name for card in cards for name in (card.dataset.id, card.data_id))
        _check_known(dataset, "data set", set(names))
    if metric is not None:
        names = (name for card in cards for name in (card.metric.id, card.metric_id))
        _check_known(metric, "metric", set(names))
    scored = {entry.benchmark for entry in _stored()} if stored else set()
    rows = sorted(
        (
            card.id,
            card.unit,
            card.dataset.counted(card.subset),
            _short(card.dataset.description),
        )
        for card in cards
        if dataset in (None, card.dataset.id, card.data_id)
        and metric in (None, card.metric.id, card.metric_id)
        and (not stored or card.id in scored)
    )
    return ("benchmark", "unit", "stimuli", "data"), rows


def _without_many(rows: list[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Leave out subsets of data sets with many of them; return the rest, and how to see them."""
    from brainbench_audio.cards import DatasetCard
    from brainbench_audio.registry.ids import BenchmarkId
    from brainbench_audio.registry.lookup import registered

    cards = (entry.card for entry in registered(DatasetCard))
    many = {card.id: len(card.subsets) for card in cards if len(card.subsets) > _MANY}
    ids = [BenchmarkId.parse(row[0]) for row in rows]
    kept = [
        row
        for row, each in zip(rows, ids, strict=True)
        if not each.subset or each.dataset not in many
    ]
    return kept, [
        f"and {number} subsets: brainbench list benchmarks --dataset {name}"
        for name, number in many.items()
        if any(each.dataset == name for each in ids)
    ]


def _check_known(identifier: str, kind: str, known: set[str]) -> None:
    from brainbench_audio.registry.ids import unknown

    if identifier not in known:
        raise unknown(identifier, kind, sorted(known))


def _short(text: str) -> str:
    return textwrap.shorten(text, _WIDEST, placeholder=" …")


def _metrics() -> Table:
    from brainbench_audio.cards import MetricCard
    from brainbench_audio.registry.lookup import registered

    rows = [
        (
            f"{card.id}-{variant}" if variant else card.id,
            card.unit_of(variant),
            _short(card.description),
        )
        for card in (entry.card for entry in registered(MetricCard))
        for variant in (None, *card.variants)
    ]
    return ("metric", "unit", "description"), sorted(rows)


def _stored() -> list[StoredScore]:
    from brainbench_audio.scores.store import stored_scores

    return stored_scores()


def _scored_models() -> set[str]:
    from brainbench_audio.report.versions import parsed_model

    return {parsed_model(entry.version.id).name for entry in _stored()}


def _results() -> Table:
    rows = [
        (
            entry.version.id,
            entry.version.version,
            entry.benchmark,
            entry.summary["value"],
            entry.summary["error"],
            entry.summary["ceiling"],
            entry.created or None,
            str(entry.path),
        )
        for entry in _stored()
    ]
    head = ("model", "version", "benchmark", "score", "error", "ceiling", "created", "file")
    return head, rows
