"""Table 1 of the paper: as printed, the later values of its released notebook, and recomputed.

What models scored on single listening tasks is not published. So of the seven columns only the last
one, with the overall z-score, can be computed from published scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import scipy.stats

from .correlations import SUBSETS, CorrelationTable, Row, Subset
from .overall import TASKS
from .published_files import shipped_rows
from .results import OVERALL

Source = Literal["printed", "notebook"]
SOURCES: tuple[Source, ...] = ("printed", "notebook")
COLUMNS = (*TASKS, OVERALL)
# models of the paper: all, and those of the subset, which leaves out four that the paper names
MODELS: Mapping[Subset, int] = {"all": 36, "sub": 32}
UNPUBLISHED = "scores of single listening tasks are not published"
Cell = tuple[str, str, Subset]


@dataclass(frozen=True)
class Printed:
    """A published correlation.

    Attributes
    ----------
    r : float
        Pearson's, to three digits.
    p : str
        Class of its two-sided p, see `p_class`.
    """

    r: float
    p: str


@dataclass(frozen=True, kw_only=True)
class PublishedTable:
    """One of the two published tables.

    Attributes
    ----------
    source : str
        ``printed`` or ``notebook``.
    title : str
        What it is.
    least_z : float
        What the overall z-score of a model in the subset exceeds, as the table says.
    cells : mapping of (str, str, str) to Printed
        By benchmark, what it is compared with, and subset.
    """

    source: Source
    title: str
    least_z: float
    cells: Mapping[Cell, Printed]


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What is published of a cell, and what recomputing it gives.

    Attributes
    ----------
    benchmark, compared, subset : str
    printed, notebook : Printed or None
        None: the table does not have it.
    recomputed : Row or None
        None: scores of too few models are published.
    reason : str
        Why it is not recomputed; empty where it is.
    """

    benchmark: str
    compared: str
    subset: Subset
    printed: Printed | None
    notebook: Printed | None
    recomputed: Row | None
    reason: str

    @property
    def published(self) -> bool:
        """Whether one of the two tables has it."""
        return self.printed is not None or self.notebook is not None

    def difference(self, source: Source) -> float | None:
        """Return the recomputed r less the published one, if both are over the paper's models."""
        published = self.printed if source == "printed" else self.notebook
        own = self.recomputed
        if published is None or own is None or own.n != MODELS[self.subset]:
            return None
        return own.r - published.r


_TITLES: Mapping[Source, str] = {
    "printed": "Table 1 as printed in arXiv:2511.16849",
    "notebook": "Values of the notebook released with the code, later than the printed ones",
}
_LEAST_Z: Mapping[Source, float] = {"printed": -0.75, "notebook": -1.0}


def published_tables() -> tuple[PublishedTable, ...]:
    """Return the printed table and that of the notebook.

    Classes of p are those of the notebook's colours; the printed ones are computed from r.
    """
    return tuple(
        PublishedTable(
            source=source, title=_TITLES[source], least_z=_LEAST_Z[source], cells=_cells(source)
        )
        for source in SOURCES
    )


def _cells(source: Source) -> dict[Cell, Printed]:
    found: dict[Cell, Printed] = {}
    for row in shipped_rows(f"table1_{source}.csv"):
        subset: Subset = "all" if row["subset"] == "all" else "sub"
        r = float(row["r"])
        p = row.get("p") or p_class(p_value(r, MODELS[subset]))
        found[row["benchmark"], row["with"], subset] = Printed(r, p)
    return found


def p_value(r: float, n: int) -> float:
    """Return the two-sided p of Pearson's r over n models.

    By Student's t with n - 2 degrees of freedom of ``r sqrt((n - 2) / (1 - r²))``.

    Examples
    --------
    >>> round(p_value(0.424, 36), 4)
    0.01
    """
    freedom = n - 2
    statistic = abs(r) * (freedom / (1 - r * r)) ** 0.5
    return float(2 * scipy.stats.t.sf(statistic, freedom))


def p_class(p: float) -> str:
    """Return the class of a p-value, as table 1 has them.

    Examples
    --------
    >>> p_class(0.001), p_class(0.01), p_class(0.05)
    ('<.01', '.01-.05', '>.05')
    """
    if p < 0.01:
        return "<.01"
    return ".01-.05" if p < 0.05 else ">.05"


def beside(
    table: CorrelationTable,
    benchmarks: Sequence[str] | None = None,
    compared: Sequence[str] | None = None,
    subsets: Sequence[Subset] = SUBSETS,
) -> list[Beside]:
    """Return for each cell what is published, beside what was recomputed.

    Parameters
    ----------
    table : CorrelationTable
        Of published scores.
    benchmarks : sequence of str, optional
        By default those of the printed table, then others of ``table``.
    compared : sequence of str, optional
        By default the six tasks and ``overall``.
    subsets : sequence of str

    Cells of which nothing is known are left out.

    Returns
    -------
    list of Beside
    """
    printed, notebook = (one.cells for one in published_tables())
    own: dict[Cell, Row] = {(row.benchmark, row.compared, row.subset): row for row in table.rows}
    if benchmarks is None:
        benchmarks = list(dict.fromkeys(benchmark for benchmark, _, _ in (*printed, *own)))
    found = []
    for cell in product(benchmarks, compared or COLUMNS, subsets):
        if not any(cell in known for known in (printed, notebook, own)):
            continue
        found.append(
            Beside(
                benchmark=cell[0],
                compared=cell[1],
                subset=cell[2],
                printed=printed.get(cell),
                notebook=notebook.get(cell),
                recomputed=own.get(cell),
                reason="" if cell in own else table.skipped.get(cell, UNPUBLISHED),
            )
        )
    return found


def largest_difference(cells: Iterable[Beside], source: Source) -> tuple[float, Beside] | None:
    """Return where recomputing is farthest from a published table, and how far; None: nowhere."""
    found = [(abs(off), cell) for cell in cells if (off := cell.difference(source)) is not None]
    return max(found, key=lambda one: one[0]) if found else None
