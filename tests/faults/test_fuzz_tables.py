"""Tables in every form that spreadsheets write: the values that were written, or a clear error."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from brainbench_audio.errors import DataError
from brainbench_audio.names import printable
from brainbench_audio.report.published_files import import_scores, imported_scores, read_scores
from brainbench_audio.tables import read_table, without_quote

from .fuzzing import EDITS, Edit, fuzzed, mutated

# letters of several scripts, accents, what separates cells, lines and numbers, and quotes
LETTERS = st.sampled_from("abz09 éüñ中𝄞'\"#,;.\t-_$\u2028\x85\x0b\x0c\u00a0")
WORDS = st.text(LETTERS, min_size=1, max_size=8).filter(lambda word: word.strip() == word)
NUMBERS = st.sampled_from([0.0, 1.5, -2.25, 1234.0, 0.001, 1e-7, 12345.678]) | st.floats(
    allow_nan=False, allow_infinity=False
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16")
FORM = st.fixed_dictionaries(
    {
        "separator": st.sampled_from(",;\t"),
        "decimal": st.sampled_from(".,"),
        "thousands": st.booleans(),
        "end": st.sampled_from(["\n", "\r\n", "\r"]),
        "encoding": st.sampled_from([*ENCODINGS, "utf-16-le", "utf-32", "latin-1"]),
        "quotes": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        "unicode": st.sampled_from(["NFC", "NFD"]),
        "blank": st.sampled_from(["", "row", "column", "end"]),
        "space": st.booleans(),
        "said": st.booleans(),
    }
)
Form = dict[str, Any]


def cell_of(number: float | None, form: Form) -> str:
    """Return a number as a spreadsheet of some country writes it."""
    if number is None:
        return ""
    plain = repr(number)
    if form["thousands"] and abs(number) < 1e15 and "e" not in plain:
        plain = f"{number:,}"
    if form["decimal"] == ",":
        plain = plain.translate(str.maketrans(",.", ".,"))
    return f" {plain} " if form["space"] else plain


def encoded(rows: list[list[str]], form: Form) -> bytes:
    """Return a table as a file; some encodings lose what they do not have."""
    if form["blank"] == "row":
        rows = [rows[0], [""] * len(rows[0]), *rows[1:], []]
    elif form["blank"] == "column":
        rows = [[*row, ""] for row in rows]
    text = io.StringIO()
    writer = csv.writer(
        text, delimiter=form["separator"], quoting=form["quotes"], lineterminator=form["end"]
    )
    writer.writerows(rows)
    content = unicodedata.normalize(form["unicode"], text.getvalue())
    if form["blank"] == "end":
        content += form["end"] * 2
    if form["said"]:
        content = f"sep={form['separator']}{form['end']}{content}"
    return content.encode(form["encoding"], "replace")


def same(found: str, written: str) -> bool:
    """Whether a name is what was written; spaces around it are none of it."""
    return found == unicodedata.normalize("NFC", written.strip())


@fuzzed(
    few=100,
    many=2000,
    names=st.lists(WORDS, min_size=1, max_size=4),
    columns=st.lists(WORDS, min_size=1, max_size=3),
    numbers=st.lists(st.none() | NUMBERS, min_size=12, max_size=12),
    form=FORM,
)
def test_a_table_in_any_form_is_what_was_written(
    folder: Path, names: list[str], columns: list[str], numbers: list[float | None], form: Form
) -> None:
    head = ["stimulus", *columns]
    values = [numbers[place : place + len(columns)] for place in range(0, 12, 3)][: len(names)]
    rows = [
        [name, *(cell_of(value, form) for value in row)]
        for name, row in zip(names, values, strict=True)
    ]
    path = folder / "responses.csv"
    path.write_bytes(encoded([head, *rows], form))
    table = read_table(path)
    found, expected = table.numbers(table.columns[1:]), np.array(values, float)
    assert len(table.columns) == len(head)
    if form["encoding"] != "latin-1":
        assert all(map(same, table.columns, head))
        assert all(map(same, table.text("stimulus"), names))
    np.testing.assert_array_equal(found, expected)


def test_most_forms_are_read(tmp_path: Path) -> None:
    """What fuzzing takes for an answer, an error, is none for tables that are clear."""
    rows, path = (
        [["stimulus", "a", "b"], ["dög", "1.5", "-2"], ["cat", "0.25", "3"]],
        tmp_path / "t",
    )
    for separator in ",;\t":
        for encoding in ENCODINGS:
            for decimal in "." if separator == "," else ".,":
                form = {
                    **{"separator": separator, "encoding": encoding, "end": "\r\n"},
                    **{"quotes": csv.QUOTE_ALL, "unicode": "NFD", "blank": "row", "said": True},
                }
                table = [[cell.replace(".", decimal) for cell in row] for row in rows]
                path.write_bytes(encoded(table, form))
                assert read_table(path).numbers(["a", "b"]).tolist() == [[1.5, -2], [0.25, 3]]


PLAIN = 'stimulus,category,pitch,speech\ndög,animal,1.5,-2\n"cat, big",animal,3,0.25\n'
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)


@fuzzed(
    few=100,
    many=2000,
    edits=EDITS,
    separator=st.sampled_from(",;\t"),
    encoding=st.sampled_from(ENCODINGS),
)
def test_a_damaged_table(folder: Path, edits: list[Edit], separator: str, encoding: str) -> None:
    path = folder / "responses.csv"
    path.write_bytes(mutated(PLAIN.replace(",", separator).encode(encoding), edits))
    table = read_table(path)
    assert len(set(table.columns)) == len(table.columns)
    for column in table.columns:
        cells = [row[column] for row in table.rows]
        assert not any("\0" in cell for cell in cells)
        try:
            (values,) = table.numbers([column]).T
        except DataError:
            continue
        for cell, value in zip(cells, values.tolist(), strict=True):
            if math.isnan(value):
                assert cell.lower() in ("", "na", "n/a", "nan", "#n/a")
            else:
                assert NUMBER.fullmatch(cell)
                assert value == float(cell.replace(",", "."))


MODELS = WORDS.filter(lambda word: not word.startswith("#"))  # which starts a comment
SCORES = st.lists(
    st.tuples(MODELS, WORDS, NUMBERS, st.none() | NUMBERS.map(abs)), min_size=1, max_size=3
)


@fuzzed(few=100, many=2000, scores=SCORES, form=FORM, more=st.booleans())
def test_imported_scores_are_what_was_written(
    folder: Path, scores: list[Any], form: Form, more: bool
) -> None:
    head = ["model", "benchmark", "value", "error", *(["source"] if more else [])]
    rows = [
        [model, benchmark, cell_of(value, form), cell_of(error, form), *(["x, y"] if more else [])]
        for model, benchmark, value, error in scores
    ]
    path = folder / "scores.csv"
    path.write_bytes(encoded([head, *rows], form))
    found = read_scores(path)
    if form["encoding"] != "latin-1":
        for one, (model, benchmark, value, error) in zip(found, scores, strict=True):
            # control characters are written out, as wherever names are shown; a ' before what
            # would be a formula is a spreadsheet's mark of text
            assert same(one.model, printable(without_quote(model)))
            assert same(one.benchmark, printable(without_quote(benchmark)))
            assert (one.value, one.error) == (value, error)
    kept = import_scores(path, replace=True)
    try:
        again = imported_scores()
    finally:
        kept.unlink()
    for one, other in zip(found, again, strict=True):
        assert (one.model, one.benchmark, one.value, one.error) == (
            other.model,
            other.benchmark,
            other.value,
            other.error,
        )


@fuzzed(
    few=100,
    many=2000,
    labels=st.lists(
        WORDS, min_size=2, max_size=4, unique_by=lambda word: unicodedata.normalize("NFC", word)
    ),
    form=FORM,
)
def test_labels_of_a_task_are_what_was_written(folder: Path, labels: list[str], form: Form) -> None:
    read = pytest.importorskip("brainbench_hear.task").read_vocabulary
    rows = [[str(place), label] for place, label in enumerate(labels)]
    path = folder / "labelvocabulary.csv"
    path.write_bytes(encoded([["idx", "label"], *rows], form))
    found = read(path)
    if form["encoding"] != "latin-1":
        assert all(map(same, found, labels))
        assert len(found) == len(labels)
