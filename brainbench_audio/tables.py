"""Tables as spreadsheets write them: separators, decimal commas, byte order marks, empty cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError
from brainbench_audio.names import as_on_disk, one_form

_SEPARATORS = ",;\t"
_QUOTED = re.compile(r'"[^"]*"')
_EMPTY = ("", "na", "n/a", "nan", "#n/a")


def separator_of(head: str) -> str:
    """Return what separates the cells of a table with this first line.

    Examples
    --------
    >>> separator_of('stimulus;"a, b";c'), separator_of("stimulus")
    (';', ',')
    """
    plain = _QUOTED.sub("", head)
    return max(_SEPARATORS, key=plain.count)


def read_number(cell: str, separator: str = ",") -> float:
    """Return the number in a cell.

    Where cells are separated by something else than a comma, a comma may be the decimal sign, as in
    spreadsheets of many languages.

    Raises
    ------
    ValueError
        It is no number, or one that could be read in two ways (``1.234,5``).

    Examples
    --------
    >>> read_number("1.5"), read_number("-1,5", ";")
    (1.5, -1.5)
    """
    if separator != "," and "," in cell and "." not in cell and cell.count(",") == 1:
        cell = cell.replace(",", ".")
    return float(cell)


@dataclass(frozen=True)
class Table:
    """Rows of text below a head.

    Attributes
    ----------
    name : str
        Where it comes from, for errors.
    columns : tuple of str
    rows : tuple of mapping
        Column to cell, as text.
    separator : str
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    separator: str = ","

    def text(self, column: str) -> tuple[str, ...]:
        """Return a column.

        Raises
        ------
        DataError
            There is none of this name, or a cell is empty.
        """
        if column not in self.columns:
            raise DataError(
                f"{self.name} has no column {column!r}, only {', '.join(self.columns)}."
            )
        cells = tuple(row[column] for row in self.rows)
        if "" in cells:
            raise DataError(f"{self.name}, row {cells.index('') + 1}: {column} is empty.")
        return cells

    def numbers(self, columns: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return some columns, (row, column); an empty cell is NaN.

        Raises
        ------
        DataError
            A cell is no number; the message says which one.
        """
        values = np.full((len(self.rows), len(columns)), np.nan)
        for place, row in enumerate(self.rows):
            for column, name in enumerate(columns):
                cell = row[name]
                if cell.lower() in _EMPTY:
                    continue
                try:
                    values[place, column] = read_number(cell, self.separator)
                except ValueError as error:
                    raise DataError(
                        f"{self.name}, row {place + 1} below the head: {name} is {cell!r}, "
                        f"expected a number such as 1.5. Mend the cell, or leave it empty where "
                        f"the number is missing."
                    ) from error
        return values


def read_text(path: Path) -> str:
    """Return a file's text, in UTF-8 or, with a byte order mark, UTF-16.

    Raises
    ------
    DataError
        It is missing, or in another encoding.
    """
    try:
        content = as_on_disk(path).read_bytes()
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as text: {error}. In a spreadsheet, save it as CSV UTF-8."
        ) from error


def read_table(path: Path) -> Table:
    """Read a table with a head; separators are commas, semicolons or tabs, whichever it has.

    Names of columns and cells are stripped and in `one_form`; rows and columns that are empty, as
    spreadsheets leave them, are left out.

    Raises
    ------
    DataError
        The file is missing or no text, has no rows, a row has not as many cells as the head, or two
        columns have one name.
    """
    lines = read_text(path).splitlines()
    declared = lines and re.fullmatch(r'"?sep=(.)"?', lines[0].strip())
    separator = declared[1] if declared else separator_of(lines[0] if lines else "")
    try:
        parsed = list(csv.reader(lines[1 if declared else 0 :], delimiter=separator, strict=True))
    except csv.Error as error:
        raise DataError(f"{path} is no table: {error}.") from error
    cells = [[one_form(cell.strip()) for cell in row] for row in parsed if any(map(str.strip, row))]
    head = cells[0] if cells else []
    while head and not head[-1] and not any(row[len(head) - 1 :] != [""] for row in cells[1:]):
        head, cells = head[:-1], [row[: len(head) - 1] for row in cells]
    if len(set(head)) < len(head) or "" in head or len(cells) < 2:
        raise DataError(
            f"{path} has {max(len(cells) - 1, 0)} rows below the columns "
            f"{', '.join(head) or 'none'}: it needs rows, and a name of its own for each column."
        )
    for number, row in enumerate(cells[1:], start=1):
        if len(row) != len(head):
            raise DataError(
                f"{path}, row {number} below the head has {len(row)} cells, the head {len(head)}: "
                f"put text that holds {separator!r} into quotes."
            )
    rows = tuple(dict(zip(head, row, strict=True)) for row in cells[1:])
    return Table(str(path), tuple(head), rows, separator)
