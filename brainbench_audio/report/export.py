"""Results as files for others: CSV, JSON, netCDF and one LaTeX table."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, json_ready
from brainbench_audio.names import printable
from brainbench_audio.netcdf import write_dataset
from brainbench_audio.scores.score import CHANCE, OVER
from brainbench_audio.tables import csv_text

from .category_errors import By as Errors
from .category_errors import rows_of as error_rows
from .layer_tables import By, LayerTable, layer_tables, rows_of
from .matrix import matrix
from .published_files import EXPORTED
from .results import Result, preferred

if TYPE_CHECKING:
    import xarray as xr

_CELL = ("model", "benchmark", "what", "layer", "kind", "part", "value")
_NUMBERS = ("value", "error", "low", "high", "ceiling", "normalised")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def export(results: Sequence[Result], path: Path) -> None:
    """Write results to one file, whole or not at all; its ending says how.

    ``.csv``: a row a result. ``.json``: an object a result, with parts, counts and provenance.
    ``.nc``: arrays (model, benchmark). ``.tex``: one table, models x benchmarks. The latter two
    have one cell a pair: the measured score if there is one, else the published one.

    Raises
    ------
    DataError
        Another ending, or no results.
    """
    check_format(path)
    if not results:
        raise DataError(f"There are no results to write to {path}.")
    with atomic_file(path) as temporary:
        _WRITERS[path.suffix.lower()](results, temporary)


def export_layers(results: Sequence[Result], path: Path, by: By = "part") -> int:
    """Write the score of each layer alone of stored scores; return how many tables these are.

    ``.csv``: a row a cell. ``.json``: an object a cell. ``.tex``: a table for each model and
    benchmark, layers x components (or subjects, or regions), the best layer of each bold.

    Raises
    ------
    DataError
        Another ending, or no score that keeps anything for each layer, see `layer_tables`.
    """
    check_format(path, [one for one in _WRITERS if one != ".nc"])
    files = [(one.model, one.benchmark, one.arrays) for one in results if one.arrays]
    tables = layer_tables(files, by)
    suffix = path.suffix.lower()
    if suffix == ".tex":
        text = "\n".join(map(latex_layers, tables))
    elif suffix == ".json":
        text = json.dumps(list(rows_of(tables)), indent=2, ensure_ascii=False) + "\n"
    else:
        text = csv_text([_CELL, *([one[name] for name in _CELL] for one in rows_of(tables))])
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return len(tables)


def export_errors(found: Iterable[tuple[Result, xr.Dataset]], path: Path, by: Errors) -> int:
    """Write errors of predictions by category or sound; return of how many scores they are.

    ``.csv``: a row a category (or sound) and part. ``.json``: an object for each.

    Raises
    ------
    DataError
        Another ending, or sounds without categories.
    """
    check_format(path, (".csv", ".json"))
    tables = [list(error_rows(one.model, one.benchmark, errors, by)) for one, errors in found]
    rows = [row for table in tables for row in table]
    if path.suffix.lower() == ".json":
        text = json.dumps(json_ready(rows), indent=2, ensure_ascii=False) + "\n"
    else:
        text = csv_text([list(rows[0]), *(list(row.values()) for row in rows)])
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return len(tables)


def check_format(path: Path, endings: Collection[str] = ()) -> None:
    """Raise DataError if a table cannot be written under this name; by default, of results."""
    endings = endings or _WRITERS
    if path.suffix.lower() not in endings:
        raise DataError(f"{path} must end in {', '.join(endings)}.")


def latex_layers(table: LayerTable) -> str:
    """Return a LaTeX table (package booktabs) of layers x parts, the best layer of each bold."""
    values = table.values.values
    best = [max(column[np.isfinite(column)], default=np.nan) for column in values.T]
    body = []
    for layer, numbers in zip(table.layers, values, strict=True):
        pairs = zip(numbers.tolist(), best, strict=True)
        cells = [_number(one, best=one == top) if isfinite(one) else "--" for one, top in pairs]
        body.append(" & ".join([escape(layer), *cells]) + r" \\")
    title = f"{table.model} on {table.benchmark}: {table.what} of each layer"
    return _tabular(["Layer", *map(escape, table.parts)], body, f"% {printable(title)}")


def record(result: Result) -> dict[str, Any]:
    """Return one result as plain data, the columns of the CSV first."""
    low, high = result.interval or (None, None)
    return {
        "model": result.model,
        "benchmark": result.benchmark,
        "value": result.value,
        "error": result.error,
        "reading_error": result.provenance.get("reading_error"),
        "approximate": result.approximate,
        "source": result.provenance.get("source", ""),
        "label": result.label,
        "family": result.family,
        "low": low,
        "high": high,
        "ceiling": result.ceiling,
        "normalised": result.normalised,
        "layer": result.layer,
        "published": result.published,
        "created": result.created,
        "measured_by": result.measured_by,
        "id": result.id or result.model,
        "version": result.version,
        "model_source": result.source,
        "parts": dict(result.parts),
        "part_errors": dict(result.part_errors),
        "part_intervals": {name: list(one) for name, one in result.part_intervals.items()},
        "over": result.provenance.get(OVER),
        "p": (result.provenance.get(CHANCE) or {}).get("p"),
        "n": dict(result.n),
        "provenance": dict(result.provenance),
    }


def dataset_of(results: Sequence[Result]) -> xr.Dataset:
    """Return value, error, interval, ceiling and normalised value, each (model, benchmark).

    Of a pair that was measured and published, the measured score counts, see ``published``. NaN
    where there is none.
    """
    import xarray as xr

    chosen = preferred(results)
    values = matrix(chosen)
    rows = {name: place for place, name in enumerate(values["model"].values.tolist())}
    columns = {name: place for place, name in enumerate(values["benchmark"].values.tolist())}
    arrays = {name: np.full(values.shape, np.nan) for name in _NUMBERS}
    published = np.zeros(values.shape, dtype=np.int8)
    for result in chosen:
        place = rows[result.model], columns[result.benchmark]
        plain = record(result)
        for name in _NUMBERS:
            arrays[name][place] = np.nan if plain[name] is None else plain[name]
        published[place] = result.published
    data = xr.Dataset(
        {name: (values.dims, array) for name, array in arrays.items()},
        coords=values.coords,
        attrs={"published": "1 where a score is published, not measured here"},
    )
    data["published"] = values.dims, published
    return data


def latex_table(results: Sequence[Result]) -> str:
    """Return a LaTeX table (package booktabs) of models x benchmarks, the best of each bold.

    A published score has a dagger, a cell without a score a dash; errors stand behind their scores.
    """
    chosen = {result.pair: result for result in preferred(results)}
    models = sorted({model for model, _ in chosen})
    benchmarks = sorted({benchmark for _, benchmark in chosen})
    best = {
        benchmark: max(one.value for one in chosen.values() if one.benchmark == benchmark)
        for benchmark in benchmarks
    }
    labels = {result.model: result.label for result in chosen.values()}
    body = []
    for model in models:
        cells = [_cell(chosen.get((model, one)), best[one]) for one in benchmarks]
        body.append(" & ".join([escape(labels[model]), *cells]) + r" \\")
    note = [r"\\ {\footnotesize $^\dagger$ published}"]
    dagger = note if any(one.published for one in chosen.values()) else []
    return _tabular(["Model", *map(escape, benchmarks)], body) + "\n".join([*dagger, ""])


def _tabular(head: Sequence[str], body: Sequence[str], *comments: str) -> str:
    return "\n".join(
        [
            *comments,
            "% needs \\usepackage{booktabs}",
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            " & ".join(head) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def escape(text: str) -> str:
    r"""Return a text for LaTeX.

    Examples
    --------
    >>> print(escape("a_b"))
    a\_b
    """
    return "".join(_LATEX.get(sign, sign) for sign in printable(text))


def _cell(result: Result | None, best: float) -> str:
    if result is None:
        return "--"
    text = _number(result.value, best=result.value == best)
    if result.error is not None:
        text += rf" $\pm$ {result.error:.3f}"
    return text + (r"$^\dagger$" if result.published else "")


def _number(value: float, *, best: bool) -> str:
    return rf"\textbf{{{value:.3f}}}" if best else f"{value:.3f}"


def _write_csv(results: Sequence[Result], path: Path) -> None:
    rows = [[record(result)[column] for column in EXPORTED] for result in results]
    path.write_text(csv_text([EXPORTED, *rows]), encoding="utf-8")


def _write_json(results: Sequence[Result], path: Path) -> None:
    rows = [json_ready(record(result)) for result in results]
    text = json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    path.write_text(text + "\n", encoding="utf-8")


def _write_netcdf(results: Sequence[Result], path: Path) -> None:
    write_dataset(dataset_of(results), path)


def _write_latex(results: Sequence[Result], path: Path) -> None:
    path.write_text(latex_table(results), encoding="utf-8")


_WRITERS: dict[str, Callable[[Sequence[Result], Path], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".nc": _write_netcdf,
    ".tex": _write_latex,
}
