"""Globs of ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from brainbench_audio.cards import ModelCard
from brainbench_audio.registry.ids import BenchmarkId, ModelId, is_pattern, unknown
from brainbench_audio.registry.lookup import (
    Kind,
    benchmark_cards,
    find_benchmark,
    list_ids,
    needs_named,
    registered,
)


def expand(patterns: Iterable[str], kind: Kind, *, given: str | None = None) -> list[str]:
    """Return the ids that patterns with ``* ? []`` match, in order, each once.

    A pattern without such a sign is returned as it is, so that looking it up can say what is wrong.
    ``beats-*@permuted`` gives the control of each model that ``beats-*`` matches, and
    ``NH2015.*-ridge-from=B2021`` names B2021 behind each benchmark; what is named is no pattern,
    nor is a distribution, of which all are that match, or a version. Benchmarks that a glob matches
    and that take a model or a second data set, which nobody names, are left out.

    Parameters
    ----------
    patterns : iterable of str
    kind : str
        See `list_ids`.
    given : str, optional
        A model, which is named behind each benchmark that takes one and names none.

    Raises
    ------
    UnknownId
        A glob matches nothing, or nothing but benchmarks that take what nobody names.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        matched = _matching(pattern, kind)
        if kind == "benchmark":
            matched = _complete(pattern, matched, given)
        found |= dict.fromkeys(matched)
    return list(found)


def _matching(pattern: str, kind: Kind) -> list[str]:
    parsed = ModelId.parse(pattern) if kind == "model" else None
    # a file may lie in a folder called a[1]
    if not is_pattern(pattern.partition("=")[0]) or (parsed and parsed.file is not None):
        return [pattern]
    matched = _matching_models(parsed) if parsed else _matching_benchmarks(pattern)
    if not matched:
        raise unknown(pattern, kind, list_ids(kind))
    return matched


def _complete(pattern: str, matched: Sequence[str], given: str | None) -> list[str]:
    """Return benchmarks with the given model where they take one, without those that lack it.

    What the pattern names itself stays, so that looking it up can say what it lacks.
    """
    found, lacking = [], None
    for each in matched:
        if each == pattern and given is None:
            found.append(each)
            continue
        card = find_benchmark(each)
        if given is not None and card.takes_given and not card.given:
            found.append(f"{each}={given}")
        elif (error := needs_named(card)) and each != pattern:
            lacking = lacking or error
        else:
            found.append(each)
    if lacking and not found:
        raise lacking
    return found


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
    found = _matching(str(replace(wanted, categories=())), "benchmark")
    return [str(replace(BenchmarkId.parse(each), categories=wanted.categories)) for each in found]
