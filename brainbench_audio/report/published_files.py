"""Published scores: files of comma-separated values, those of the paper and those a user imported.

A file has a head ``model,benchmark,value`` and may have ``error`` (standard error),
``reading_error`` (how far a number may be off the figure it was read from), ``approximate`` (0 or
1) and ``source``. Files of `brainbench export` and `brainbench score --output` are such files, too:
``score`` is another name of ``value``, a row without a source says who measured it and when, and
their other columns are not read. Lines that start with ``#`` are comments. Spreadsheets write such
files in many ways, see `tables`.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path

from brainbench_audio import settings
from brainbench_audio.errors import DataError, UnknownId
from brainbench_audio.files import atomic_file
from brainbench_audio.names import one_form, printable
from brainbench_audio.tables import (
    csv_text,
    decimal_sign,
    read_number,
    read_text,
    split_rows,
    without_quote,
)

REQUIRED = ("model", "benchmark", "value")
OPTIONAL = ("error", "reading_error", "approximate", "source")
# columns of an exported file, which may be imported elsewhere; those above count there
EXPORTED = (
    *REQUIRED,
    *OPTIONAL,
    *("label", "family", "low", "high", "ceiling", "normalised", "layer", "published", "created"),
    *("id", "version", "model_source", "measured_by"),
)
# columns that `brainbench score --output` writes besides
_SCORED = (
    *("score", "interval_low", "interval_high", "stimuli", "over", "p", "permutations"),
    *("chance", "majority"),
    *("cached", "seconds", "model_version", "only_layers"),
)
_FOLDER = "published"
_NUMBERS = ("value", "error", "reading_error")


@dataclass(frozen=True, kw_only=True)
class PublishedScore:
    """One number that somebody published.

    Attributes
    ----------
    model, benchmark : str
        Ids; the benchmark ``overall`` is the z-scored mean over listening tasks.
    value : float
    error : float or None
        Standard error, where it was published.
    reading_error : float or None
        How far the number may be off, because it was read off a figure.
    approximate : bool
        Points of the figure overlap there.
    source : str
    measured : str
        By whom and when, of a file that was exported; empty where it does not say.
    path : Path or None
        The imported file; None for those that come with the package.
    """

    model: str
    benchmark: str
    value: float
    error: float | None = None
    reading_error: float | None = None
    approximate: bool = False
    source: str = ""
    measured: str = ""
    path: Path | None = None


def shipped_scores() -> list[PublishedScore]:
    """Return the numbers of the paper's figures, which come with the package."""
    return parse_scores(_shipped("scores.csv"), "scores.csv")


def shipped_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a table that comes with the package."""
    return list(csv.DictReader(_lines(_shipped(name))))


def toplines() -> dict[str, float]:
    """Return the similarity of each subject with the others, as published, for each benchmark."""
    return {row["benchmark"]: float(row["value"]) for row in shipped_rows("toplines.csv")}


def topline_errors() -> dict[str, float]:
    """Return the standard error over subjects of each topline, as published."""
    return {row["benchmark"]: float(row["error"]) for row in shipped_rows("toplines.csv")}


def imported_folder() -> Path:
    """Return where imported files are kept: ``$BRAINBENCH_HOME/results/published``."""
    return settings.results_home() / _FOLDER


def imported_scores() -> list[PublishedScore]:
    """Return the numbers of all imported files.

    Raises
    ------
    DataError
        A file was changed since, and is no longer one of published scores.
    """
    return [
        score
        for path in sorted(imported_folder().glob("*.csv"))
        for score in read_scores(path, keep_path=True)
    ]


def import_scores(path: Path, source: str = "", replace: bool = False) -> Path:
    """Keep a file of published scores beside the stored ones; return where.

    Parameters
    ----------
    path : Path
        See the module for its columns.
    source : str
        For rows that name none; where it is empty, who measured them, or the name of the file.
    replace : bool
        Replace an imported file of the same name.

    Raises
    ------
    DataError
        The file is no such file, a file of this name was imported before, another imported file
        has a score of the same pair, or a score is larger than its benchmark has any.
    """
    scores = read_scores(path)
    _refuse_too_large(scores, path)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", path.stem).lstrip(".") or "scores"
    kept = imported_folder() / f"{name}.csv"
    if kept.exists() and not replace:
        raise DataError(
            f"{kept} was imported before: give --replace to put {path} in its place, or rename "
            f"{path.name}."
        )
    others = {
        (score.model, score.benchmark): score.path
        for score in imported_scores()
        if score.path != kept
    }
    for score in scores:
        if other := others.get((score.model, score.benchmark)):
            raise DataError(
                f"{path} has a score of {score.model} on {score.benchmark}, and so has {other}, "
                f"which was imported before: delete one of the two. Nothing was imported."
            )
    with atomic_file(kept) as temporary:
        temporary.write_text(_as_csv(scores, source, path.name), encoding="utf-8")
    return kept


def _refuse_too_large(scores: Iterable[PublishedScore], path: Path) -> None:
    from brainbench_audio.registry.lookup import find_benchmark

    for score in scores:
        try:
            card = find_benchmark(score.benchmark)
        except UnknownId:  # of a plugin that is not installed, or of none
            continue
        if card.largest is not None and abs(score.value) > card.largest:
            raise DataError(
                f"{path}: {score.value:g} of {score.model} on {score.benchmark} cannot be: its "
                f"scores ({card.unit}) are {card.largest:g} at most. Divide percentages by 100."
            )


def read_scores(path: Path, keep_path: bool = False) -> list[PublishedScore]:
    """Read a file of published scores.

    Raises
    ------
    DataError
        It is missing, or not such a file; the message names the line.
    """
    return parse_scores(read_text(path), str(path), path if keep_path else None)


def parse_scores(text: str, name: str, path: Path | None = None) -> list[PublishedScore]:
    """Return the rows of such a file's text; errors call it ``name``."""
    try:
        rows, separator = split_rows(text, comment="#")
    except csv.Error as error:
        raise DataError(f"{name} is not comma-separated text: {error}.") from error
    head = [cell.strip() for cell in rows[0]] if rows else []
    if "value" not in head:
        head = ["value" if column == "score" else column for column in head]
    lacking = [column for column in REQUIRED if column not in head]
    unknown = [column for column in head if column not in (*EXPORTED, *_SCORED)]
    if lacking or unknown or len(set(head)) < len(head):
        raise DataError(
            f"{name} has the columns {', '.join(head) or 'none'}: it needs {', '.join(REQUIRED)} "
            f"and may have {', '.join(OPTIONAL)}, each once."
        )
    if len(rows) == 1:
        raise DataError(f"{name} has no rows.")
    cells = [_cells(row, head, f"{name}, row {at} below the head") for at, row in enumerate(rows)]
    try:
        told = [row[column] for row in cells[1:] for column in _NUMBERS if column in row]
        decimal = decimal_sign(told, separator)
    except ValueError as error:
        raise DataError(f"{name}: {error}. Write all numbers with a point, as 1234.5.") from error
    found: dict[tuple[str, str], PublishedScore] = {}
    published: dict[tuple[str, str], bool] = {}
    for number, row in enumerate(cells[1:], start=1):
        place = f"{name}, row {number} below the head"
        score = _parsed(row, place, path, decimal)
        pair, is_published = (score.model, score.benchmark), row.get("published") == "1"
        if pair in found and is_published == published[pair]:
            raise DataError(f"{place}: a second score of {score.model} on {score.benchmark}.")
        # of a pair that `export --published add` wrote twice, the measured score counts
        if pair not in found or published[pair]:
            found[pair], published[pair] = score, is_published
    return list(found.values())


def _cells(row: Sequence[str], head: Sequence[str], place: str) -> dict[str, str]:
    if len(row) != len(head):
        raise DataError(f"{place}: not as many cells as the head.")
    cleaned = (printable(one_form(without_quote(cell.strip()))) for cell in row)
    return dict(zip(head, cleaned, strict=True))


def _parsed(
    cells: Mapping[str, str], place: str, path: Path | None, decimal: str
) -> PublishedScore:
    if not cells["model"] or not cells["benchmark"]:
        raise DataError(f"{place}: model or benchmark is empty.")
    if cells["model"].startswith("#"):
        raise DataError(f"{place}: a model's id cannot start with #, which starts a comment.")
    number = partial(_number, cells, place=place, decimal=decimal)
    value = number("value")
    if value is None:
        raise DataError(f"{place}: value is empty.")
    if cells.get("only_layers"):
        raise DataError(f"{place}: the score is of some layers of {cells['model']}, not of all.")
    if (approximate := cells.get("approximate", "")) not in {"", "0", "1"}:
        raise DataError(f"{place}: approximate is {approximate!r}, it must be 0 or 1.")
    return PublishedScore(
        model=cells["model"],
        benchmark=cells["benchmark"],
        value=value,
        error=number("error", least=0.0),
        reading_error=number("reading_error", least=0.0),
        approximate=approximate == "1",
        source=cells.get("source", ""),
        measured=_measured(cells),
        path=path,
    )


def _measured(cells: Mapping[str, str]) -> str:
    """Return who measured a score of an exported file, and when; empty where it does not say."""
    name, day = cells.get("measured_by", ""), cells.get("created", "").partition("T")[0]
    told = [f"by {name}" if name else "", f"on {day}" if day else ""]
    return " ".join(["measured", *filter(None, told)]) if any(told) else ""


def _number(
    cells: Mapping[str, str],
    column: str,
    place: str,
    decimal: str,
    least: float = -math.inf,
) -> float | None:
    text = cells.get(column, "")
    if not text:
        return None
    try:
        number = read_number(text, decimal)
    except ValueError as error:
        raise DataError(f"{place}: {column} is {text!r}, which is no number.") from error
    if number < least:
        raise DataError(f"{place}: {column} is {text}, it must be finite and not below {least}.")
    return number


def _as_csv(scores: Iterable[PublishedScore], source: str, name: str) -> str:
    rows = [
        [
            score.model,
            score.benchmark,
            score.value,
            score.error,
            score.reading_error,
            int(score.approximate),
            score.source or source or score.measured or name,
        ]
        for score in scores
    ]
    return csv_text([REQUIRED + OPTIONAL, *rows])


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _shipped(name: str) -> str:
    folder = resources.files("brainbench_audio.report") / _FOLDER
    return (folder / name).read_text(encoding="utf-8")
