"""`brainbench info`: everything that is known about a model, benchmark, data set or metric."""

from __future__ import annotations

import argparse
from typing import Any

from brainbench_audio.cli.table import print_json, print_table
from brainbench_audio.names import printable

Facts = dict[str, Any]
_LATER = "known once it is loaded"


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("info", help="show what is known about an id")
    parser.add_argument(
        "id",
        help="of a model (also PATH.py:ClassName, MODEL#VERSION), benchmark, data set or metric",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the facts."""
    facts = facts_of(options.id)
    if options.json:
        print_json(facts)
        return 0
    width = max(map(len, facts))
    for name, value in facts.items():
        if name == "layers":
            continue
        lines = str(value).splitlines() or [""]
        print(f"{name.replace('_', ' ').ljust(width)}  {printable(lines[0])}")
        for line in lines[1:]:
            print(" " * (width + 2) + printable(line))
    if facts.get("layers"):
        print()
        layers = [(layer["name"], layer["features"]) for layer in facts["layers"]]
        print_table(("layer", "features"), layers)
    return 0


def facts_of(identifier: str) -> Facts:
    """Return the facts on the card of an id.

    Raises
    ------
    UnknownId
        Nothing has that id.
    """
    from brainbench_audio.cards import DatasetCard
    from brainbench_audio.registry.ids import BenchmarkId, ModelId, split_distribution, unknown
    from brainbench_audio.registry.lookup import (
        find_benchmark,
        find_dataset,
        find_metric,
        find_model,
        list_ids,
        registered,
    )

    datasets = [entry.card.id for entry in registered(DatasetCard)]
    metrics = list_ids("metric")
    benchmark = BenchmarkId.parse(identifier)
    # first: behind its = stands a model or a data set
    if benchmark.dataset in datasets and benchmark.measure in metrics:
        return _benchmark(find_benchmark(identifier))
    model = ModelId.parse(identifier)
    if model.file or model.version:
        return _scored(identifier)
    if model.name in list_ids("model") or model.scheme:
        return _model(find_model(model).card)
    plain = split_distribution(identifier)[1]
    if plain in datasets:
        return _dataset(find_dataset(identifier).card)
    if plain in metrics:
        metric, variant = find_metric(identifier)
        return _metric(metric.card, variant)
    if (facts := _own(identifier)) is not None:
        return facts
    known = [*list_ids("model"), *list_ids("benchmark"), *metrics, *datasets]
    raise unknown(identifier, "id", known)


def _benchmark(card: Any) -> Facts:
    from brainbench_audio.registry.lookup import second_of

    facts = {
        "benchmark": card.id,
        **_dataset(card.dataset, card.subset),
        **_metric(card.metric, card.variant),
    }
    if card.given:
        facts["given"] = card.given
    if (second := second_of(card)) is not None:
        facts["second_data"] = second.data_id
        facts["second_citation"] = second.dataset.citation
    return facts


def _model(card: Any) -> Facts:
    layers = [
        {"name": name, "features": dim} for name, dim in zip(card.layers, card.dims, strict=True)
    ]
    none = "none needed" if card.layers else _LATER
    weights = "\n".join(_weights(card, file) for file in card.weights) or none
    return {
        "model": card.id,
        "family": card.family,
        "label": card.label,
        "parameters": card.parameters if card.layers else _LATER,
        "sample_rate": card.sample_rate or _LATER,
        "shortest_in_samples": card.shortest if card.layers else _LATER,
        "training_data": card.training_data,
        "weights": weights,
        "licence": card.licence,
        "source": card.source,
        "citation": card.citation,
        "layers": layers,
    }


def _scored(identifier: str) -> Facts:
    """Return what stored scores say of a model from a file, or of a version."""
    from brainbench_audio.cli.selection import chosen_versions, read_files

    results = read_files()
    names = chosen_versions([identifier], results)
    found = [one for one in results if one.model in names]
    versions = {
        f"{one.version}{' (current)' if one.current else ''}": one.created[:10] for one in found
    }
    return {
        "model": " ".join(dict.fromkeys(one.name for one in found)),
        "source": "\n".join(sorted({one.source for one in found})) or "not known",
        "versions": "\n".join(f"{name}  scored {day}" for name, day in versions.items()),
        "benchmarks": "\n".join(sorted({one.benchmark for one in found})),
    }


def _own(identifier: str) -> Facts | None:
    """Return the facts of a model that no plugin has, if it has a score."""
    from brainbench_audio.errors import BrainbenchError

    try:
        return _scored(identifier)
    except BrainbenchError:
        return None


def _weights(card: Any, published: Any) -> str:
    """Return what is known of a file, and what is here."""
    from brainbench_audio.activations.weights_absent import addresses, described
    from brainbench_audio.activations.weights_places import place_of
    from brainbench_audio.activations.weights_status import ABSENT, CHANGED, PRESENT, status_of

    status = status_of(card, published)
    here = {
        ABSENT: f"absent; belongs at {place_of(card, published)}",
        CHANGED: f"{status.path} is another file than it should be",
        PRESENT: f"{status.path}: unverified, SHA-256 {status.sha256 or 'not looked at yet'}",
    }.get(status.state, f"{status.path}: verified")
    return f"{addresses(published)[0]} ({described(published)})\n{here}"


def _dataset(card: Any, subset: str | None = None) -> Facts:
    return {
        "data_set": card.id,
        "description": card.description,
        "stimuli": card.counted(subset),
        "subsets": ", ".join(card.subsets) or "none",
        "provides": ", ".join(sorted(card.provided(subset))) or "nothing without a subset",
        "size": card.size,
        "data_licence": card.licence,
        "data_source": card.source,
        "data_citation": card.citation,
    }


def _metric(card: Any, variant: str | None) -> Facts:
    return {
        "metric": card.id,
        "metric_description": card.description,
        "unit": card.unit_of(variant),
        "variants": ", ".join(card.variants) or "none",
        "stores": ", ".join(sorted(card.stores)) or "nothing that the schema names",
        "metric_licence": card.licence,
        "metric_citation": card.citation,
    }
