"""Options that choose among results, shared by the verbs that read them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from brainbench_audio.errors import DataError

if TYPE_CHECKING:
    from brainbench_audio.registry.lookup import Kind
    from brainbench_audio.report.results import Result


def add_selection(parser: argparse.ArgumentParser, kinds: Sequence[Kind]) -> None:
    """Add ``--model`` and ``--benchmark``."""
    for kind in kinds:
        parser.add_argument(
            f"--{kind}",
            f"-{kind[0]}",
            nargs="+",
            default=[],
            metavar="ID",
            help=f"{kind}s, globs allowed (default: all with a score)",
        )


def chosen_ids(patterns: Iterable[str], kind: Kind, scored: Iterable[str]) -> list[str]:
    """Return the ids among those with a score that patterns name, in their order, each once.

    Raises
    ------
    UnknownId
        A pattern matches nothing, and no plugin has an id like that.
    DataError
        A plugin has it, but it has no score.
    """
    from brainbench_audio.registry.ids import unknown
    from brainbench_audio.registry.lookup import list_ids

    known = sorted(set(scored))
    found: dict[str, None] = {}
    for pattern in patterns:
        if pattern in known:
            found[pattern] = None
            continue
        matched = [one for one in known if fnmatchcase(one, pattern)]
        if not matched:
            installed = list_ids(kind)
            plain = pattern.partition("@")[0]
            if plain in installed or any(fnmatchcase(one, plain) for one in installed):
                other = {"model": "--benchmark ID", "benchmark": "--model ID"}.get(kind, "")
                raise DataError(
                    f"There is no score for the {kind} {pattern}. This makes one: "
                    f"brainbench score --{kind} {pattern} {other}"
                )
            raise unknown(pattern, kind, sorted({*known, *installed}))
        found |= dict.fromkeys(matched)
    return list(found)


def chosen_results(
    results: Sequence[Result], models: Sequence[str], benchmarks: Sequence[str]
) -> list[Result]:
    """Return the results of chosen models and benchmarks; an empty choice takes all.

    Raises
    ------
    UnknownId, DataError
        See `chosen_ids`; DataError also if nothing is left.
    """
    rows = chosen_ids(models, "model", (one.model for one in results))
    columns = chosen_ids(benchmarks, "benchmark", (one.benchmark for one in results))
    found = [
        one
        for one in results
        if (not models or one.model in rows) and (not benchmarks or one.benchmark in columns)
    ]
    if not found:
        raise DataError(
            "There are no scores"
            + (" of these models on these benchmarks." if results else " yet.")
            + " This makes some: brainbench score --model ID --benchmark ID"
        )
    return found
