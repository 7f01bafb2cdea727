"""Prints the two published tables of `brainbench correlate --published`, and what is recomputed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.table import p_text, print_table

if TYPE_CHECKING:
    from brainbench_audio.report.correlations import Subset
    from brainbench_audio.report.table1 import Beside, Printed

_MARKS = {"<.01": "**", ".01-.05": "*", ">.05": ""}


def plain(cell: Beside) -> dict[str, Any]:
    """Return a cell for JSON."""
    row = cell.recomputed
    return {
        "benchmark": cell.benchmark,
        "with": cell.compared,
        "subset": cell.subset,
        "r": row.r if row else None,
        "p": row.p if row else None,
        "interval": list(row.interval) if row else None,
        "n": row.n if row else None,
        "printed": _plain(cell.printed),
        "notebook": _plain(cell.notebook),
        "not_recomputed": cell.reason or None,
    }


def _plain(published: Printed | None) -> dict[str, Any] | None:
    return None if published is None else {"r": published.r, "p": published.p}


def print_beside(cells: Sequence[Beside]) -> None:
    """Print the published tables, what published scores give, and how far off that is."""
    _print_published(cells)
    _print_recomputed(cells)
    _print_differences(cells)


def _print_published(cells: Sequence[Beside]) -> None:
    from brainbench_audio.report.table1 import published_tables

    for table in published_tables():
        rows: dict[tuple[str, Subset], dict[str, str]] = {}
        for cell in cells:
            if found := table.cells.get((cell.benchmark, cell.compared, cell.subset)):
                row = rows.setdefault((cell.benchmark, cell.subset), {})
                row[cell.compared] = f"{found.r:6.3f}{_MARKS[found.p]}"
        if not rows:
            continue
        columns = list(dict.fromkeys(name for row in rows.values() for name in row))
        head = [name.removeprefix("HEAR.").removesuffix("-probe") for name in columns]
        print(f"{table.title} (sub: overall z above {table.least_z:g})")
        print_table(
            ("benchmark", "subset", *head),
            [(*key, *(row.get(name) for name in columns)) for key, row in rows.items()],
            names=2,
        )
        print()
    if any(cell.published for cell in cells):
        print("** p < .01, * p from .01 to .05, no star: p > .05\n")


def _print_recomputed(cells: Sequence[Beside]) -> None:
    rows = [
        (
            *(cell.benchmark, cell.compared, cell.subset),
            *(row.r, p_text(row.p), *row.interval, row.n),
            *(one.r if one else None for one in (cell.printed, cell.notebook)),
        )
        for cell in cells
        if (row := cell.recomputed)
    ]
    if rows:
        print("Recomputed from published scores (the paper's: read off its figures)")
        head = ("benchmark", "with", "subset", "r", "p", "low", "high", "models")
        print_table((*head, "printed", "notebook"), rows, drop=("models",), names=3)


def _print_differences(cells: Sequence[Beside]) -> None:
    from brainbench_audio.report.table1 import SOURCES, largest_difference

    published = [cell for cell in cells if cell.published]
    again = [cell for cell in published if cell.recomputed]
    if not published:
        return
    reasons = dict.fromkeys(cell.reason for cell in published if cell.reason)
    line = f"recomputed: {len(again)} of these {len(published)} published correlations"
    print("; ".join([line, *reasons]))
    for source in SOURCES:
        if found := largest_difference(again, source):
            off, cell = found
            place = f"{cell.benchmark} with {cell.compared}, {cell.subset}"
            print(f"largest difference from {source}: {off:.4f} ({place})")
