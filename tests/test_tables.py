"""Tables as spreadsheets of all kinds write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.tables import read_number, read_table, separator_of

PLAIN = 'stimulus,category,pitch,speech\ndog,animal,1.5,-2\n"cat, big",animal,3,0.25\n'


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "responses.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def german(text: str) -> str:
    return text.replace("cat, big", "cat| big").translate(str.maketrans(",.|", ";,,"))


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace("\n", "\r\n"),
        german(PLAIN),
        "sep=;\n" + german(PLAIN),
        PLAIN.replace(",", "\t").replace("cat\t", "cat,").encode("utf-16"),
        PLAIN + ",,,\n\n",
        "".join(line + ",\n" for line in PLAIN.splitlines()),
    ],
    ids=["plain", "bom", "crlf", "german", "sep", "utf-16", "empty rows", "empty column"],
)
def test_one_table_in_all_its_forms(tmp_path: Path, content: str | bytes) -> None:
    table = read_table(written(tmp_path, content))
    assert table.columns == ("stimulus", "category", "pitch", "speech")
    assert table.text("stimulus") == ("dog", "cat, big")
    assert table.numbers(["pitch", "speech"]).tolist() == [[1.5, -2.0], [3.0, 0.25]]


def test_an_empty_cell_is_a_missing_number_but_no_name(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "stimulus,a,b\ndog,1,\n,NA,2\n"))
    np.testing.assert_array_equal(table.numbers(["a", "b"]), [[1, np.nan], [np.nan, 2]])
    with pytest.raises(DataError, match="row 2: stimulus is empty"):
        table.text("stimulus")
    with pytest.raises(DataError, match="no column 'category', only stimulus, a, b"):
        table.text("category")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1\n", "row 1 below the head has 1 cells, the head 2"),
        ("a,a\n1,2\n", "a name of its own"),
        ("a,b\n", "has 0 rows"),
        ("", "columns none"),
        (b"a,b\n\xe9,1\n", "save it as CSV UTF-8"),
        ('a,b\n"1,2\n', "is no table"),
    ],
)
def test_what_is_no_table(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_table(written(tmp_path, text))


@pytest.mark.parametrize("cell", ["1,5", "1.234,5", "1,234.5", "high", "1,2,3"])
def test_a_cell_that_is_no_number_or_could_be_two(tmp_path: Path, cell: str) -> None:
    path = written(tmp_path, f'a,b\n1,2\n"{cell}",3\n')
    with pytest.raises(DataError, match=rf"row 2 below the head: a is '{cell}', expected a number"):
        read_table(path).numbers(["a"])


def test_decimal_commas_only_where_commas_do_not_separate() -> None:
    assert [read_number("1,5", ";"), read_number("1.5", ";"), read_number("2")] == [1.5, 1.5, 2]
    for cell, separator in (("1.234,5", ";"), ("1,5", ","), ("1,2,3", "\t")):
        with pytest.raises(ValueError, match="could not convert"):
            read_number(cell, separator)
    assert separator_of('"a;b",c') == ","
