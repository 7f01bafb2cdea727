"""`Drawing`: a figure that is ready to be drawn, and the numbers in it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.report.figures.style import draw, look
from brainbench_audio.views import line

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Drawing:
    """A figure of stored scores; a notebook shows it.

    Attributes
    ----------
    kind : str
        Such as ``bars``.
    plot : callable
        Returns the matplotlib figure of ``arguments`` and ``options``.
    arguments, options
        What is drawn.
    numbers : list
        The numbers in it, plain data.
    head, rows
        The same as a table for people; without rows, ``numbers`` under ``head``.
    note : str
        What the figure leaves out, a sentence.
    """

    kind: str
    plot: Callable[..., Figure]
    arguments: Sequence[Any]
    numbers: Any
    head: Sequence[str]
    rows: Sequence[Sequence[Any]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def figure(self) -> Figure:
        """Return the matplotlib figure, to change it.

        Raises
        ------
        DataError
            Numbers that cannot be drawn.
        BrainbenchError
            matplotlib is not installed.
        """
        with look():
            return self.plot(*self.arguments, **self.options)

    def save(self, path: str | Path) -> None:
        """Write the figure to a file, ``.png``, ``.svg`` or ``.pdf``.

        Raises
        ------
        DataError, BrainbenchError
            See `figure`; DataError also of another ending.
        """
        draw(Path(path), self.plot, *self.arguments, **self.options)

    def __repr__(self) -> str:
        return line("Drawing", {"figure": self.kind, "numbers": len(self.numbers)})

    def _repr_png_(self) -> bytes:
        """Return the picture for a notebook."""
        content = io.BytesIO()
        with look():
            self.plot(*self.arguments, **self.options).savefig(content, format="png")
        return content.getvalue()
