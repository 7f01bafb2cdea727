"""`brainbench explain`: do properties of models explain their scores."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.selection import (
    add_selection,
    chosen_benchmarks,
    chosen_results,
    read_results,
    tell_twins,
)
from brainbench_audio.cli.table import p_text, print_json, print_table
from brainbench_audio.errors import DataError

if TYPE_CHECKING:
    from brainbench_audio.report.explanation import Effect, Explanation
    from brainbench_audio.report.results import Published


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "explain",
        help="test whether size, training or other properties of models explain their scores",
        description="Differences of scores per tenfold parameters, per tenfold hours of training "
        "sound, per kHz of sample rate, and between kinds of learning and of training sounds: "
        "generalised least squares with a random effect of the family of models; errors, intervals "
        "and p over families. Controls and training steps (@…) do not count.",
    )
    add_selection(parser, ("model", "benchmark"))
    add_properties(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def add_properties(parser: argparse.ArgumentParser) -> None:
    """Add what `explained` takes besides models and benchmarks."""
    parser.add_argument(
        "--property",
        dest="properties",
        nargs="+",
        default=[],
        metavar="NAME",
        help="parameters, hours, sample-rate, learning, data (default: all of these); or a "
        "benchmark, overall among them",
    )
    parser.add_argument(
        "--together", action="store_true", help="one fit, each property with the others held fixed"
    )
    parser.add_argument(
        "--published",
        nargs="?",
        choices=("none", "add", "only"),
        const="add",
        default="none",
        help="published scores: left out, added (what --published alone does), or taken alone "
        "(default: %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Print a row a property, or a row a kind."""
    found = explained(
        model=options.model,
        benchmark=options.benchmark,
        properties=options.properties,
        together=options.together,
        published=options.published,
    )
    if options.json:
        print_json([asdict(one) for one in found.effects])
        return 0
    head = ("benchmark", "property", "difference", "estimate", "low", "high", "p", "q", "freedom")
    rows = [_row(one) for one in found.effects]
    print_table((*head, "models", "families", "missing", "between families"), rows, names=3)
    for line in notes(found):
        print(line)
    return 0


def explained(
    *,
    model: Sequence[str] = (),
    benchmark: Sequence[str] = (),
    properties: Sequence[str] = (),
    together: bool = False,
    published: Published = "none",
) -> Explanation:
    """Return the effects of properties.

    Raises
    ------
    UnknownId, DataError
        See `chosen_results`; UnknownId also of a property, DataError also where there are too few
        models for any.
    """
    from brainbench_audio.report.explanation import explain
    from brainbench_audio.report.properties import PROPERTIES
    from brainbench_audio.report.results import OVERALL

    results = [one for one in read_results(published) if not one.is_control]
    results = chosen_results(results, model, ())
    tell_twins(results)
    scored = {one.benchmark for one in results} | {OVERALL}
    benchmarks = chosen_benchmarks(benchmark, scored) or None
    found = explain(results, benchmarks, properties or PROPERTIES, together=together)
    if not found.effects:
        reasons = "; ".join(f"{name} by {by}: {why}" for (name, by), why in found.skipped.items())
        raise DataError(
            f"There is nothing to explain. {reasons} Score more models, or take --published."
        )
    return found


def notes(found: Explanation) -> list[str]:
    """Say what the numbers are, and what is left out."""
    lines = [
        "low, high: 95 % interval over families; freedom: few, if few families tell the difference"
    ]
    if any(one.share == 0 for one in found.effects):
        lines.append("between families 0: no variance between them, so ordinary least squares")
    if any(one.share is None for one in found.effects):
        lines.append("between families -: a family each, so ordinary least squares")
    left_out = (f"left out: {name} by {by}: {why}" for (name, by), why in found.skipped.items())
    return [*lines, *left_out]


def _row(one: Effect) -> tuple[Any, ...]:
    chance = p_text(one.p), p_text(one.q), f"{one.freedom:.1f}"
    counts = one.models, one.families, one.missing, one.share
    return one.benchmark, one.property, one.change, one.estimate, *one.interval, *chance, *counts
