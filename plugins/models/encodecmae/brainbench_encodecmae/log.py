"""Losses of a run as CSV, one row a step."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from brainbench_audio.files import atomic_file

from .objective import Loss


class Log:
    """A CSV file whose first column is the step, to be appended to within a ``with`` block.

    Parameters
    ----------
    path : Path
        Made if needed; its folder must be there.
    columns : sequence of str
    step : int
        Rows of this step and later ones, left by a run that was killed, are removed: they will be
        written again.
    """

    def __init__(self, path: Path, columns: Sequence[str], step: int) -> None:
        self.path = path
        rows: list[list[str]] = []
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                # a killed run may have left half a line at the end
                rows = [row for row in csv.reader(file) if len(row) == len(columns)]
        kept = [row for row in rows[1:] if int(row[0]) < step]
        with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
            csv.writer(file).writerows([columns, *kept])
        self._file: IO[str] | None = None

    def __enter__(self) -> Log:
        """Open the file."""
        self._file = self.path.open("a", newline="", encoding="utf-8")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, step: int, values: Sequence[float]) -> None:
        """Append a row."""
        if self._file is None:
            raise ValueError(f"{self.path} is not open")
        csv.writer(self._file).writerow([step, *(f"{value:.6g}" for value in values)])

    def flush(self) -> None:
        """See to it that all rows are in the file."""
        if self._file is not None:
            self._file.flush()


class LossLog(Log):
    """The loss before each update, with the part of each quantizer; see `objective.Loss`."""

    def __init__(self, path: Path, quantizers: int, step: int) -> None:
        parts = [f"{kind}_q{q}" for kind in ("masked", "unmasked") for q in range(quantizers)]
        super().__init__(path, ("step", "loss", "masked", "unmasked", *parts), step)

    def add(self, step: int, found: Loss) -> None:
        """Append the loss of a step."""
        whole = [found.total.item(), found.masked.item(), found.unmasked.item()]
        parts = [*found.masked_parts.tolist(), *found.unmasked_parts.tolist()]
        self.write(step, [*whole, *parts])
