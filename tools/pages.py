"""Runs a page of the documentation as a reader would: its blocks, from top to bottom.

A block with a title is written to a file of that name, Python is run, and of a console the lines
that start with ``$ brainbench``. A block behind ``<!-- not run: why -->`` is left out.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_COMMAND = re.compile(r"^(?: {4}|\$ )(brainbench .*?)(?<!\\)$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(
    r"(?P<skip><!-- not run[^>]*-->\n)?^```(?P<kind>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<body>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


def commands(text: str) -> list[list[str]]:
    """Return the arguments of each ``brainbench`` command, continued lines joined.

    Examples
    --------
    >>> commands("$ brainbench list models  # all of them")
    [['list', 'models']]
    """
    lines = (match[1].replace("\\\n", " ") for match in _COMMAND.finditer(text))
    return [shlex.split(line, comments=True)[1:] for line in lines]


def run_page(page: Path, folder: Path, run: Callable[[list[str]], object]) -> int:
    """Run the blocks of a page in the current folder.

    Parameters
    ----------
    page : Path
    folder : Path
        The current folder. Files of the page are written here, and its Python imports them.
    run : function
        Takes the arguments of a command.

    Returns
    -------
    int
        How many commands were run.
    """
    count, space = 0, {"__name__": page.stem}
    with _importable(folder):
        for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
            if block["skip"]:
                continue
            if block["title"]:
                (folder / block["title"]).write_text(block["body"], encoding="utf-8")
            elif block["kind"] == "python":
                _execute(block["body"], page.name, space)
            elif block["kind"] == "console":
                for arguments in commands(block["body"]):
                    run(arguments)
                    count += 1
    return count


def _execute(source: str, name: str, space: dict[str, Any]) -> None:
    exec(compile(source, name, "exec"), space)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let the page import what it wrote, and forget that afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if (folder / f"{name}.py").exists():
                del sys.modules[name]
