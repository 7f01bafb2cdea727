"""Tables that line up, for people."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from brainbench_audio.files import json_ready
from brainbench_audio.names import is_control, printable, printable_lines

_UNUSUAL = re.compile(r"[^\n -~]")


def print_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under a head; numbers to the right, text to the left, None as a dash."""
    cells = [[_text(cell) for cell in row] for row in rows]
    numeric = [
        all(isinstance(row[column], int | float | None) for row in rows)
        for column in range(len(head))
    ]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    for line in [list(head), ["-" * width for width in widths], *cells]:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        print("  ".join(padded).rstrip())


class PlainOutput(io.TextIOBase):
    """Standard output without control characters but the ends of lines, whoever writes them.

    Names come from plugins, files and scores of others.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def write(self, text: str) -> int:
        """Write a text."""
        self._output.write(printable_lines(text))
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        self._output.flush()

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
    print(json_text(value))


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
