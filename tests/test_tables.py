"""Tables as spreadsheets of all kinds write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.tables import (
    decimal_sign,
    read_number,
    read_table,
    separator_of,
    split_rows,
)

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
    assert decimal_sign(["1,5", "12"], ";") == decimal_sign(["0,125", "1,125"], "\t") == ","
    assert decimal_sign(["1.5", "12"], ";") == decimal_sign(["1,5"], ",") == decimal_sign([], ";")
    assert [read_number("1,5", ","), read_number(" 1.5 "), read_number("2e-3")] == [1.5, 1.5, 2e-3]
    assert separator_of('"a;b",c') == ","


@pytest.mark.parametrize(
    "cell", ["1_000", "inf", "1e999", "0x1", "1 5", "", "\u0661", "1,5", "+-1"]
)
def test_what_is_no_number(cell: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        read_number(cell)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a;b\n1,5;2.5\n", r"1,5 and 2\.5 have two decimal signs.*with a point"),
        ("a;b\n0,5;1.234\n", r"0,5 and 1\.234 have two decimal signs"),
        ("a\tb\n1,234\t12\n", r"1,234 may be 1\.234 or 1234"),
        ("a;b\n1,234,567;-12,345\n", r"1,234,567 may be"),
    ],
)
def test_numbers_that_could_be_read_in_two_ways(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_table(written(tmp_path, text)).numbers(["a", "b"])


def test_only_line_ends_outside_of_quotes_end_rows(tmp_path: Path) -> None:
    text = 'stimulus,a\n"cat\n#big",1\ndog\u2028small,2\rcow\x0b,3\r\n'
    table = read_table(written(tmp_path, text))
    assert table.text("stimulus") == ("cat\n#big", "dog\u2028small", "cow")
    rows, _ = split_rows(text, comment="#")
    assert rows[1] == ["cat\n#big", "1"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32"])
def test_text_of_two_or_four_bytes_without_its_mark(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(DataError, match=r"it holds zeros.*CSV UTF-8"):
        read_table(written(tmp_path, PLAIN.encode(encoding)))


def test_a_separator_that_is_said_may_be_a_tab(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "sep=\t\r\na,b\tc\r\n1\t2\r\n"))
    assert (table.columns, table.separator) == (("a,b", "c"), "\t")


def test_the_separator_is_what_splits_all_rows_alike(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "stimulus;a, b\ncat;1.5\ndog;2\n"))
    assert (table.columns, table.separator) == (("stimulus", "a, b"), ";")
    for said in ("", "sep=;\n"):
        path = written(tmp_path, said + "stimulus;a, b\ncat;1,5\ndog;2,5\n")
        if said:
            assert read_table(path).numbers(["a, b"]).tolist() == [[1.5], [2.5]]
        else:
            with pytest.raises(
                DataError, match=r"separated by ',' or by ';': put a first line sep"
            ):
                read_table(path)
