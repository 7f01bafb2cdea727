"""Tables as spreadsheets write them: separators, decimal commas, byte order marks, empty cells."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.errors import DataError
from brainbench_audio.names import as_on_disk, one_form, printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SEPARATORS = ",;\t"
_QUOTED = re.compile(r'"[^"]*"')
_DECLARED = re.compile(r'"?sep=(.)"?')
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+")
# what a spreadsheet takes for the begin of a formula, wide forms too; or was quoted for that before
_FORMULA = re.compile("'*[=+\\-@＝＋－＠]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
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


def decimal_sign(cells: Iterable[str], separator: str) -> str:
    """Return the decimal sign of all numbers of a table, ``.`` or ``,``.

    It may be a comma where cells are separated by something else, as in spreadsheets of many
    languages.

    Raises
    ------
    ValueError
        There are both signs, as where thousands are marked, or a comma that may mark thousands.

    Examples
    --------
    >>> decimal_sign(["1,5", "2"], ";"), decimal_sign(["1.5", "2"], ";")
    (',', '.')
    """
    # a cell with both signs is no number either way
    signs = [(cell.strip(), "," in cell) for cell in cells if ("," in cell) != ("." in cell)]
    with_comma = [cell for cell, comma in signs if comma]
    if separator == "," or not with_comma:
        return "."
    if with_point := [cell for cell, comma in signs if not comma]:
        raise ValueError(f"{with_comma[0]} and {with_point[0]} have two decimal signs")
    if all(_THOUSANDS.fullmatch(cell) for cell in with_comma):
        cell = with_comma[0]
        raise ValueError(f"{cell} may be {cell.replace(',', '.')} or {cell.replace(',', '')}")
    return ","


def read_number(cell: str, decimal: str = ".") -> float:
    """Return the number in a cell.

    Raises
    ------
    ValueError
        It is no finite number.

    Examples
    --------
    >>> read_number("1.5"), read_number("-1,5", ",")
    (1.5, -1.5)
    """
    plain = cell.strip() if decimal == "." else cell.strip().replace(decimal, ".")
    # float() takes 1_000, and makes infinity of 1e999
    if not _NUMBER.fullmatch(plain) or not math.isfinite(number := float(plain)):
        raise ValueError(f"{cell!r} is no number")
    return number


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    r"""Return rows as a CSV file, a text that a spreadsheet would run as a formula behind a ``'``.

    Parameters
    ----------
    rows : iterable of sequence
        Numbers stay numbers, None is an empty cell, and truth values are 0 and 1.

    Examples
    --------
    >>> csv_text([["model", "value"], ["=1+1", -1.5]])
    "model,value\n'=1+1,-1.5\n"
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[_cell(cell) for cell in row] for row in rows])
    return text.getvalue()


def without_quote(cell: str) -> str:
    """Return a text as it was before `csv_text` put a ``'`` before it."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, str):
        return value
    # a carriage return would begin another row
    text = printable(value) if _CONTROL.search(value) else value
    # one more where there are some: else they would be taken for ours
    return f"'{text}" if _FORMULA.match(text) else text


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
            A cell is no finite number, or numbers have two decimal signs; the message says which.
        """
        import numpy as np  # light verbs write tables, too

        cells = [[row[name] for name in columns] for row in self.rows]
        told = [cell for row in cells for cell in row if cell.lower() not in _EMPTY]
        try:
            decimal = decimal_sign(told, self.separator)
        except ValueError as error:
            raise DataError(
                f"{self.name}: {error}, expected numbers such as 1.5. Write all of them with a "
                f"point, and without marks of thousands."
            ) from error
        values = np.full((len(self.rows), len(columns)), np.nan)
        for place, row in enumerate(cells):
            for column, cell in enumerate(row):
                if cell.lower() in _EMPTY:
                    continue
                try:
                    values[place, column] = read_number(cell, decimal)
                except ValueError as error:
                    raise DataError(
                        f"{self.name}, row {place + 1} below the head: {columns[column]} is "
                        f"{cell!r}, expected a number such as 1.5. Mend the cell, or leave it "
                        f"empty where the number is missing."
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
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
        if "\0" in text:
            raise ValueError("it holds zeros, as UTF-16 without its mark and UTF-32 do")
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as text: {error}. In a spreadsheet, save it as CSV UTF-8."
        ) from error
    return text


def split_rows(text: str, comment: str | None = None) -> tuple[list[list[str]], str]:
    r"""Return the cells of a table's text, and what separates them.

    That is said by a first line ``sep=;``. Else it is what the head has most of, and where rows
    have as many cells as the head with one sign alone, that one. Only line feeds and carriage
    returns outside of quotes end a row. Rows without text are left out.

    Parameters
    ----------
    text : str
    comment : str, optional
        Rows that start with it are left out.

    Raises
    ------
    csv.Error
        A quote is not closed, text stands behind one, or there are two ways to separate cells.

    Examples
    --------
    >>> split_rows("a;b\n1;2")
    ([['a', 'b'], ['1', '2']], ';')
    """
    lines = io.StringIO(text, newline="")
    head = next((line for line in lines if _is_row(line, comment)), "")
    if declared := _DECLARED.fullmatch(head.strip("\r\n ")):
        return _rows(lines.read(), declared[1], comment), declared[1]
    likely = separator_of(head)
    plain = _QUOTED.sub("", head)
    others = [sign for sign in _SEPARATORS if sign in plain and sign != likely]
    if not others:
        return _rows(text, likely, comment), likely
    split = {sign: rows for sign in (likely, *others) if (rows := _even(text, sign, comment))}
    tied = [sign for sign in split if plain.count(sign) == plain.count(likely)]
    if len(tied) > 1:
        raise csv.Error(
            f"cells may be separated by {tied[0]!r} or by {tied[1]!r}: put a first line "
            f"sep={tied[0]} above them, or text that holds the other sign into quotes"
        )
    chosen = next(iter(split), likely)
    return split.get(chosen) or _rows(text, chosen, comment), chosen


def _even(text: str, separator: str, comment: str | None) -> list[list[str]]:
    """Return the rows of a text if all have as many cells as the first."""
    try:
        rows = _rows(text, separator, comment)
    except csv.Error:
        return []
    return rows if len({len(row) for row in rows}) == 1 else []


def _rows(text: str, separator: str, comment: str | None) -> list[list[str]]:
    between = True  # rows: what looks like a comment within quotes is none

    def lines() -> Iterator[str]:
        nonlocal between
        for line in io.StringIO(text, newline=""):
            if not between or _is_row(line, comment):
                between = False
                yield line

    rows = []
    for row in csv.reader(lines(), delimiter=separator, strict=True):
        between = True
        if any(map(str.strip, row)):
            rows.append(row)
    return rows


def _is_row(line: str, comment: str | None) -> bool:
    return bool(line.strip()) and not (comment and line.startswith(comment))


def read_table(path: Path) -> Table:
    """Read a table with a head, see `split_rows`.

    Names of columns and cells are stripped and in `one_form`; rows and columns that are empty, as
    spreadsheets leave them, are left out.

    Raises
    ------
    DataError
        The file is missing or no text, has no rows, a row has not as many cells as the head, or two
        columns have one name.
    """
    try:
        parsed, separator = split_rows(read_text(path))
    except csv.Error as error:
        raise DataError(f"{path} is no table: {error}.") from error
    cells = [[one_form(cell.strip()) for cell in row] for row in parsed]
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
