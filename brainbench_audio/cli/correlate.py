"""`brainbench correlate`: benchmarks against benchmarks over models."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli import amounts
from brainbench_audio.cli.selection import (
    add_selection,
    chosen_benchmarks,
    chosen_results,
    read_results,
    tell_twins,
)
from brainbench_audio.cli.table import p_text, print_json, print_table
from brainbench_audio.cli.table1_output import plain, print_beside
from brainbench_audio.errors import DataError
from brainbench_audio.names import printable

if TYPE_CHECKING:
    from brainbench_audio.report.correlations import CorrelationTable, Subset
    from brainbench_audio.report.table1 import Beside


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "correlate",
        help="correlate benchmarks over models",
        description="Pearson correlation of each brain benchmark with each listening task and with "
        "the overall z-score, the mean over tasks of scores z-scored over models. Subset `sub`: "
        "models whose overall z-score is above --least-z.",
    )
    add_selection(parser, ("model", "benchmark"))
    parser.add_argument(
        "--with",
        dest="compared",
        nargs="+",
        metavar="ID",
        help="benchmarks to correlate with, or overall (default: listening tasks and overall)",
    )
    parser.add_argument("--subset", choices=("all", "sub"), help="one of the two (default: both)")
    parser.add_argument(
        "--least-z",
        type=amounts.finite,
        default=-1.0,
        metavar="Z",
        help="overall z-score that models of the subset exceed (default: %(default)s)",
    )
    parser.add_argument(
        "--published",
        action="store_true",
        help="the paper's table 1 as printed and as released, and what published scores give; "
        "nothing measured here",
    )
    parser.add_argument(
        "--controls", action="store_true", help="count controls and training steps (@…) as models"
    )
    parser.add_argument(
        "--bootstrap",
        type=amounts.draws,
        default=0,
        metavar="N",
        help="intervals from N draws of models (default: Fisher's z)",
    )
    parser.add_argument("--seed", type=amounts.seed, default=0, help="of the bootstrap")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    taken = inspect.signature(correlated).parameters
    table, cells = correlated(**{name: getattr(options, name) for name in taken})
    if options.json:
        print_json(rows_of(table, cells))
        return 0
    if options.published:
        print_beside(cells)
    else:
        _print_rows(table)
    _print_notes(table, options.least_z)
    return 0


def correlated(
    *,
    model: Sequence[str] = (),
    benchmark: Sequence[str] = (),
    compared: Sequence[str] | None = None,
    subset: Subset | None = None,
    least_z: float = -1.0,
    published: bool = False,
    controls: bool = False,
    bootstrap: int = 0,
    seed: int = 0,
) -> tuple[CorrelationTable, list[Beside]]:
    """Return the correlations, and with ``published`` the paper's table 1 beside them.

    Raises
    ------
    UnknownId, DataError
        See `chosen_results`; DataError also where there is nothing to correlate.
    """
    from brainbench_audio.report.correlations import SUBSETS, correlations
    from brainbench_audio.report.results import OVERALL
    from brainbench_audio.report.table1 import COLUMNS, beside

    found = read_results("only" if published else "none")
    if not controls:
        found = [result for result in found if not result.is_control]
    found = chosen_results(found, model, ())
    tell_twins(found)
    scored = {result.benchmark for result in found} | {OVERALL}
    if published:
        scored |= set(COLUMNS)
    subsets = (subset,) if subset else SUBSETS
    benchmarks = chosen_benchmarks(benchmark, scored) or None
    others = chosen_benchmarks(compared or (), scored) or None
    how: dict[str, Any] = {"least_z": least_z, "draws": bootstrap, "seed": seed}
    table = correlations(found, benchmarks, others, subsets=subsets, **how)
    cells = beside(table, benchmarks, others, subsets) if published else []
    if not table.rows and not cells:
        raise DataError(_nothing(table))
    return table, cells


def rows_of(table: CorrelationTable, cells: Sequence[Beside]) -> list[dict[str, Any]]:
    """Return what `correlated` returns as plain data, a row a correlation."""
    return [plain(cell) for cell in cells] or [_plain(row) for row in table.rows]


def _plain(row: Any) -> dict[str, Any]:
    return {
        "benchmark": row.benchmark,
        "with": row.compared,
        "subset": row.subset,
        "r": row.r,
        "p": row.p,
        "interval": list(row.interval),
        "n": row.n,
    }


def _print_rows(table: CorrelationTable) -> None:
    rows = [
        (row.benchmark, row.compared, row.subset, row.r, p_text(row.p), *row.interval, row.n)
        for row in table.rows
    ]
    print_table(("benchmark", "with", "subset", "r", "p", "low", "high", "models"), rows, names=3)


def _print_notes(table: CorrelationTable, least_z: float) -> None:
    """Say what the overall z-scores are made from, and what is left out."""
    means = table.overall
    if means.values:
        over = ", ".join(means.tasks) if means.tasks else "the paper's tasks, as published"
        print(f"overall: z-scores of {len(means.values)} models, mean over {over}")
    if table.excluded:
        excluded = printable(", ".join(table.excluded))
        print(f"not in sub (overall z not above {least_z:g}): {excluded}")
    for model, tasks in means.left_out.items():
        print(printable(f"not in overall: {model}, which lacks {', '.join(tasks)}"))
    for (benchmark, other, subset), reason in table.skipped.items():
        print(f"left out: {benchmark} with {other}, {subset}: {reason}")


def _nothing(table: CorrelationTable) -> str:
    reasons = [
        f"{benchmark} with {other} ({subset}): {reason}"
        for (benchmark, other, subset), reason in table.skipped.items()
    ]
    told = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more" if len(reasons) > 3 else "")
    hint = "Score more models, or take --published."
    return f"There is nothing to correlate. {told + ' ' if told else ''}{hint}"
