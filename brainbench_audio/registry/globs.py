"""Globs of ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from brainbench_audio.cards import ModelCard
from brainbench_audio.registry.ids import BenchmarkId, ModelId, is_pattern, unknown
from brainbench_audio.registry.lookup import Kind, benchmark_cards, list_ids, registered


def expand(patterns: Iterable[str], kind: Kind) -> list[str]:
    """Return the ids that patterns with ``* ? []`` match, in order, each once.

    A pattern without such a sign is returned as it is, so that looking it up can say what is wrong.
    ``beats-*@permuted`` gives the control of each model that ``beats-*`` matches, and
    ``NH2015.*-ridge-from=B2021`` names B2021 behind each benchmark; what is named is no pattern,
    nor is a distribution, of which all are that match, or a version.

    Raises
    ------
    UnknownId
        A glob matches nothing.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        parsed = ModelId.parse(pattern) if kind == "model" else None
        # a file may lie in a folder called a[1]
        if not is_pattern(pattern.partition("=")[0]) or (parsed and parsed.file is not None):
            found[pattern] = None
            continue
        matched = _matching_models(parsed) if parsed else _matching_benchmarks(pattern)
        if not matched:
            raise unknown(pattern, kind, list_ids(kind))
        found |= dict.fromkeys(matched)
    return list(found)


def _matching_models(wanted: ModelId) -> list[str]:
    names = {
        entry.card.id
        for entry in registered(ModelCard)
        if wanted.distribution in (None, entry.distribution) and entry.card.scheme is None
    }
    return [
        str(replace(wanted, name=each)) for each in sorted(names) if fnmatchcase(each, wanted.name)
    ]


def _matching_benchmarks(pattern: str) -> list[str]:
    plain, sign, behind = pattern.partition("=")
    place, colon, glob = plain.rpartition(":")
    known = sorted({card.id for card in benchmark_cards(place or None)})
    matched = [f"{place}{colon}{each}{sign}{behind}" for each in known if fnmatchcase(each, glob)]
    return matched or _with_categories(pattern)


def _with_categories(pattern: str) -> list[str]:
    """Return the benchmarks that a pattern with categories of sounds matches, if it has any."""
    wanted = BenchmarkId.parse(pattern)
    if not wanted.categories:
        return []
    found = expand([str(replace(wanted, categories=()))], "benchmark")
    return [str(replace(BenchmarkId.parse(each), categories=wanted.categories)) for each in found]
