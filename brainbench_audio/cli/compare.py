"""`brainbench compare`: which models differ on a benchmark."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.selection import add_selection, chosen_results, read_results
from brainbench_audio.cli.table import p_text, print_json, print_table
from brainbench_audio.errors import DataError
from brainbench_audio.names import printable

if TYPE_CHECKING:
    from brainbench_audio.report.comparison import Comparison


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "compare",
        help="test which models differ on a benchmark",
        description="Compares every two models with stored scores, also on a part of a whole "
        "(NH2015comp.pitch-ridge): difference, 95 % interval and p, over sounds and listeners, and "
        "control of false discoveries over all pairs.",
    )
    add_selection(parser, ("model", "benchmark"))
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print every pair."""
    found = compared(options.model, options.benchmark)
    if options.json:
        rows = [asdict(one) | {"significant": one.significant} for one in found]
        print_json(rows)
        return 0
    _print(found)
    return 0


def compared(models: Sequence[str], benchmarks: Sequence[str]) -> list[Comparison]:
    """Return every two of some models on some benchmarks; without a choice, of all with a score.

    Raises
    ------
    UnknownId, DataError
        See `chosen_results` and `compare`; DataError also where there is nothing to compare.
    """
    from brainbench_audio.report.comparison import compare

    # parts of a whole only where they are asked for
    stored = [one for one in read_results() if one.path or (one.whole and benchmarks)]
    found = compare(chosen_results(stored, models, benchmarks))
    if not found:
        raise DataError(
            "There are no two models with a stored score of the same benchmark to compare."
        )
    return found


def _print(found: list[Comparison]) -> None:

    print_table(
        ("benchmark", "model", "other", "difference", "low", "high", "p", "q"),
        [
            (
                *(one.benchmark, one.model, one.other, one.difference, *one.interval),
                *map(p_text, (one.p, one.q)),
            )
            for one in found
        ],
        drop=("p",),
        names=3,
    )
    for one in found:
        told = "is better than" if one.significant else "cannot be told from"
        print(
            printable(f"{one.benchmark}: {one.model} {told} {one.other} (q {_compared_to(one.q)})")
        )
    for over in dict.fromkeys(one.over for one in found):
        print(f"interval and p: over {over}")
    print(f"q: false discoveries controlled over {len(found)} pairs, at 0.05")


def _compared_to(q: float) -> str:
    told = p_text(q) or ""
    return told if told.startswith("<") else f"= {told}"
