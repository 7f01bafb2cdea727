"""`brainbench check`: check that a plugin keeps the contract, before anybody else does."""

from __future__ import annotations

import argparse
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.table import print_json, print_table

if TYPE_CHECKING:
    from brainbench_audio.testing.conformance import Outcome


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "check",
        help="check that a plugin keeps the contract",
        description="Check everything that can be checked of installed plugins: cards, imports, "
        "determinism, shapes, odd sounds, data, properties of metrics, the wheel that is built. "
        "Every failure says what to change. Nothing is downloaded: models have untrained weights "
        "unless --weights is given.",
    )
    parser.add_argument(
        "plugins",
        nargs="+",
        metavar="PLUGIN",
        help="a distribution such as brainbench-vggish, or the folder of one that is installed",
    )
    parser.add_argument("--weights", help="a local checkpoint for its models")
    parser.add_argument(
        "--all", action="store_true", help="check every model of the plugin, not only the smallest"
    )
    parser.add_argument("--verbose", action="store_true", help="also show what passed")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a check")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the checks; the status is 1 if one failed."""
    from brainbench_audio.progress import progress_bar
    from brainbench_audio.testing.conformance import checks

    found = checks(*options.plugins, every_model=options.all, weights=options.weights, build=True)
    outcomes = []
    with progress_bar(len(found), "checking", "check") as bar:
        for check in found:
            outcomes.append(check.outcome())
            bar.update()
    if options.json:
        print_json([vars(outcome) for outcome in outcomes])
    else:
        _print(outcomes, options.verbose)
    return int(any(outcome.state == "failed" for outcome in outcomes))


def _print(outcomes: list[Outcome], verbose: bool) -> None:
    shown = [one for one in outcomes if verbose or one.state in ("failed", "warning")]
    if shown:
        print_table(("", "what", "check"), [(one.state, one.subject, one.name) for one in shown])
        print()
    # one reason often stands behind many checks
    by_message: dict[str, list[Outcome]] = {}
    for one in shown:
        if one.message:
            by_message.setdefault(one.message, []).append(one)
    for message, told in by_message.items():
        more = f" and {len(told) - 1} more" if len(told) > 1 else ""
        print(f"{told[0].state}: {told[0].subject}, {told[0].name}{more}")
        print(textwrap.fill(message, 96, initial_indent="    ", subsequent_indent="    "))
    counts = Counter(one.state for one in outcomes)
    print(", ".join(f"{number} {state}" for state, number in counts.most_common()))
    if not verbose and counts["not checked"]:
        print("--verbose tells what was not checked, and why")
