"""`brainbench compare`: which models differ on a benchmark."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.selection import add_selection, chosen_results, read_results
from brainbench_audio.cli.table import print_json, print_table
from brainbench_audio.errors import DataError
from brainbench_audio.names import printable

if TYPE_CHECKING:
    from brainbench_audio.report.comparison import Comparison


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "compare",
        help="test which models differ on a benchmark",
        description="Compares every two models with stored scores: paired bootstrap, permutation "
        "test, and control of false discoveries over all pairs.",
    )
    add_selection(parser, ("model", "benchmark"))
    parser.add_argument(
        "--draws",
        type=_draws,
        metavar="N",
        help="make N new draws (default: those stored; else 1,000 of stimuli, 10,000 of subjects)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of new draws and of the test")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print every pair."""
    from brainbench_audio.report.comparison import compare

    # a component of a whole has no file of its own to compare
    stored = [result for result in read_results() if result.path]
    results = chosen_results(stored, options.model, options.benchmark)
    found = compare(results, options.draws, options.seed)
    if not found:
        raise DataError(
            "There are no two models with a stored score of the same benchmark to compare."
        )
    if options.json:
        rows = [asdict(one) | {"significant": one.significant} for one in found]
        print_json(rows)
        return 0
    _print(found)
    return 0


def _print(found: list[Comparison]) -> None:
    from brainbench_audio.report.comparison import SIGNIFICANT

    print_table(
        ("benchmark", "model", "other", "difference", "low", "high", "p", "q"),
        [
            (
                *(one.benchmark, one.model, one.other, one.difference, *one.interval),
                *(f"{number:.2g}" for number in (one.p, one.q)),
            )
            for one in found
        ],
    )
    for one in found:
        told = "is better than" if one.significant else "cannot be told from"
        print(printable(f"{one.benchmark}: {one.model} {told} {one.other} (q = {one.q:.3g})"))
    for over, test, n in dict.fromkeys((one.over, one.test, one.n) for one in found):
        least = 2 / 2**n
        few = test.startswith("signs") and least >= SIGNIFICANT
        hint = f"; so few cannot give a p below {least:.2g}" if few else ""
        print(f"interval: {over} drawn; p: {test}, n = {n}{hint}")
    print(f"q: false discoveries controlled over {len(found)} pairs, at 0.05")


def _draws(text: str) -> int:
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of draws: 2 or more")
    return int(text)
