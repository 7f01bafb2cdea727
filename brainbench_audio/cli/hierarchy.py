"""`brainbench hierarchy`: do layers deepen from the primary region to others."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.selection import add_selection, chosen_results, read_results
from brainbench_audio.cli.table import p_text, print_json, print_table

if TYPE_CHECKING:
    from brainbench_audio.report.hierarchy import Deepening


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "hierarchy",
        help="test whether deeper layers predict regions beyond the primary one",
        description="Relative position (0 to 1) of the layer that predicts a voxel best: mean "
        "over a listener's voxels of a region, other regions less the primary one, mean over "
        "listeners, with 95 % interval and p. Three steps of a training or more (MODEL@step=*) "
        "get a trend, too: Spearman's rho of a listener's difference with the step.",
    )
    add_selection(parser, ("model", "benchmark"))
    parser.add_argument(
        "--primary",
        default="Primary",
        metavar="REGION",
        help="region that others are compared with (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a row a score, and one a training."""
    from brainbench_audio.report.hierarchy import hierarchy

    results = chosen_results(read_results(), options.model, options.benchmark)
    found = hierarchy(results, options.primary)
    if options.json:
        print_json([asdict(one) for one in found])
        return 0
    head = ("benchmark", "model", "what", "primary", "others", "value", "low", "high", "p")
    print_table((*head, "listeners"), [_row(one) for one in found], names=2)
    print("low, high, p: over listeners, for these sounds and models")
    return 0


def _row(one: Deepening) -> tuple[Any, ...]:
    what = one.what if one.steps is None else f"{one.what} ({one.steps} steps)"
    bounds = one.interval or (None, None)
    numbers = (one.primary, one.others, one.value, *bounds, p_text(one.p), one.listeners)
    return one.benchmark, one.model, what, *numbers
