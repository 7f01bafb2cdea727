"""Tables that line up, for people."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from brainbench_audio.cli.layout import GAP, Column, blocks, lines_of
from brainbench_audio.files import json_ready
from brainbench_audio.names import is_control, printable, printable_lines

_BOLD, _DIM, _RED, _GREEN, _YELLOW = "1", "2", "31", "32", "33"
_STATES = {
    "BROKEN": _RED,
    "failed": _RED,
    "changed": _RED,
    "warning": _YELLOW,
    "ok": _GREEN,
    "stored": _GREEN,
    "verified": _GREEN,
}
_UNUSUAL = re.compile(r"[^\n -~]")


def print_table(
    head: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    drop: Sequence[str] = (),
    cut: Sequence[str] = (),
    names: int = 1,
) -> None:
    """Print rows under a head; numbers to the right, text to the left, None as a dash.

    A file or a pipe gets everything. A terminal gets what fits, see `layout.blocks`, and is told
    what does not; ``--wide`` shows all. Columns ``cut`` are shortened there, not wrapped.
    """
    output = sys.stdout if isinstance(sys.stdout, PlainOutput) else PlainOutput(sys.stdout)
    columns = [
        Column(
            name,
            [_text(row[place]) for row in rows],
            all(isinstance(row[place], int | float | None) for row in rows),
            name in cut,
        )
        for place, name in enumerate(head)
    ]
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"A row has other columns than the head {head}")
    shown: set[str] = set()
    for number, block in enumerate(blocks(columns, output.room, drop, names)):
        if number:
            print(file=output)
        shown |= {column.name for column in block}
        for texts in lines_of(block, -1):
            _print_line(output, block, texts, _BOLD)
        _print_line(output, block, ["-" * column.width for column in block], _DIM)
        for row in range(len(rows)):
            for texts in lines_of(block, row):
                _print_line(output, block, texts)
    if hidden := [name for name in head if name not in shown]:
        output.write_styled(f"not shown: {', '.join(hidden)} (--wide shows all)", _DIM)
        print(file=output)


def _print_line(
    output: PlainOutput, columns: Sequence[Column], texts: Sequence[str], style: str = ""
) -> None:
    blanks = 0
    for column, text in zip(columns, texts, strict=True):
        rest = column.width - len(text)
        if text:
            output.write(" " * (blanks + rest * column.right))
            output.write_styled(text, style or _STATES.get(text, ""))
            blanks = 0
        blanks += GAP + (rest if not (text and column.right) else 0)
    output.write("\n")


class PlainOutput(io.TextIOBase):
    """Standard output without control characters but the ends of lines, whoever writes them.

    Names come from plugins, files and scores of others.

    Parameters
    ----------
    output : text file
    wide : bool
        Tables are as wide as they are.
    json : bool
        The file gets JSON alone: what plugins and models print meanwhile goes to standard error.
    """

    def __init__(self, output: TextIO, *, wide: bool = False, json: bool = False) -> None:
        self._json_output = output
        self._output = sys.stderr if json else output
        self._wide = wide

    def write_json(self, text: str) -> None:
        """Write JSON."""
        self._json_output.write(f"{text}\n")

    @property
    def room(self) -> int | None:
        """Characters of a line; None where there is no limit."""
        if self._wide or not self.isatty():
            return None
        return shutil.get_terminal_size().columns

    def write_styled(self, text: str, style: str) -> None:
        """Write a text in bold or in colour, where somebody looks at it who has not said no."""
        plain = not style or not self.isatty() or os.environ.get("NO_COLOR")
        if plain or os.environ.get("TERM", "dumb") == "dumb":
            self.write(text)
        else:
            self._output.write(f"\x1b[{style}m{printable_lines(text)}\x1b[0m")

    def write(self, text: str) -> int:
        """Write a text."""
        self._output.write(printable_lines(text))
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        self._output.flush()
        self._json_output.flush()

    def fileno(self) -> int:
        """Return the number of the file."""
        return self._output.fileno()

    def isatty(self) -> bool:
        """Tell whether somebody looks at it."""
        return self._output.isatty()


def tell(text: str) -> None:
    """Print a message on standard error, without control characters but the ends of lines."""
    print(printable_lines(text), file=sys.stderr)


def print_json(value: Any) -> None:
    """Print a value for machines."""
    text = json_text(value)
    if isinstance(sys.stdout, PlainOutput):
        sys.stdout.write_json(text)
    else:
        print(text)


def json_text(value: Any) -> str:
    r"""Return a value as JSON; numpy numbers become plain ones and NaN becomes null.

    Examples
    --------
    >>> json_text("\x9b31m")
    '"\\u009b31m"'
    """
    text = json.dumps(json_ready(value), indent=2, ensure_ascii=False, allow_nan=False)
    return _UNUSUAL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if is_control(found[0]) else found[0]


def p_text(p: float | None) -> str | None:
    """Return a p-value (or q) for a table, never as 0.000.

    Examples
    --------
    >>> p_text(0.0314), p_text(3.2e-9), p_text(0.0)
    ('0.031', '3.2e-09', '<1e-300')
    """
    if p is None or not p < 0.001:
        return None if p is None else f"{p:.3f}"
    return f"{p:.1e}" if p >= 1e-300 else "<1e-300"


def _text(cell: Any) -> str:
    if cell is None:
        return "-"
    return f"{cell:.3f}" if isinstance(cell, float) else printable(str(cell))
