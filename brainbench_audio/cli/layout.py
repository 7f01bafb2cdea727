"""Fits the columns of a table into a terminal: some are left out, wrapped, or go further down."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

GAP = 2
_LEAST = 10  # a wrapped column is no narrower, or ids could not be read any more


@dataclass(frozen=True)
class Column:
    """One column as texts.

    Attributes
    ----------
    name : str
        Its head.
    cells : sequence of str
    right : bool
        Numbers: at the right edge, and never wrapped.
    cut : bool
        A text that is too long ends in ``…``, and is not wrapped.
    width : int
        In characters; by default as much as the longest cell takes.
    """

    name: str
    cells: Sequence[str]
    right: bool = False
    cut: bool = False
    width: int = field(default=-1)

    def __post_init__(self) -> None:
        if self.width < 0:
            object.__setattr__(self, "width", max(map(len, (self.name, *self.cells))))

    def lines(self, row: int) -> list[str]:
        """Return the lines of one cell; row -1 is the head."""
        cell = self.name if row < 0 else self.cells[row]
        if len(cell) <= self.width:
            return [cell]
        if self.cut:
            return [textwrap.shorten(cell.removesuffix(" …"), self.width, placeholder=" …")]
        return textwrap.wrap(cell, self.width, break_on_hyphens=False) or [""]


def blocks(
    columns: Sequence[Column], room: int | None, drop: Sequence[str] = (), names: int = 1
) -> list[list[Column]]:
    """Return the columns to print, as one table or several below each other.

    Parameters
    ----------
    columns : sequence of Column
    room : int or None
        Characters of a line; None: as many as it takes.
    drop : sequence of str
        Names of columns to leave out, the least important first. The others are wrapped if that
        is not enough, and go into another table below if that is not enough either.
    names : int
        So many columns at the left say what a row is: each table starts with them.
    """
    kept = list(columns)
    if room is None:
        return [kept]
    for name in drop:
        if _total(kept) <= room:
            break
        kept = [column for column in kept if column.name != name]
    kept = _wrapped(kept, room)
    key, rest = kept[:names], kept[names:]
    tables = [key]
    for column in rest:
        if _total([*tables[-1], column]) > room and len(tables[-1]) > names:
            tables.append([*key])
        tables[-1] = [*tables[-1], column]
    return tables


def lines_of(columns: Sequence[Column], row: int) -> Iterator[list[str]]:
    """Yield the lines of a row (-1: the head), a text for each column."""
    for texts in zip_longest(*(column.lines(row) for column in columns), fillvalue=""):
        yield list(texts)


def _total(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _wrapped(columns: Sequence[Column], room: int) -> list[Column]:
    """Narrow text, the widest column first, until all fits or nothing can be narrowed."""
    columns = list(columns)
    while (excess := _total(columns) - room) > 0:
        text = [place for place, column in enumerate(columns) if not column.right]
        widest = max(text, key=lambda place: columns[place].width, default=None)
        if widest is None or columns[widest].width <= _LEAST:
            break
        column = columns[widest]
        # no further than the next widest, which is narrowed with it
        next_widest = max((columns[one].width for one in text if one != widest), default=0)
        width = max(column.width - excess, min(next_widest, column.width - 1), _LEAST)
        columns[widest] = replace(column, width=width)
    return columns
