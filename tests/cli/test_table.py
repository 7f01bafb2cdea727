"""Tables for people line up, JSON for machines is valid."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.cli.layout import GAP, Column, blocks, lines_of
from brainbench_audio.cli.main import main, parser
from brainbench_audio.cli.table import PlainOutput, json_text, p_text, print_table


def printed(capsys: pytest.CaptureFixture[str], head: tuple[str, ...], rows: Any) -> list[str]:
    print_table(head, rows)
    return capsys.readouterr().out.splitlines()


def test_numbers_stand_to_the_right_and_words_to_the_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [("a", 1.23456, 7), ("long", -10.0, None)]
    assert printed(capsys, ("name", "score", "n"), rows) == [
        "name    score  n",
        "----  -------  -",
        "a       1.235  7",
        "long  -10.000  -",
    ]


@pytest.mark.parametrize("p", [0.0, 5e-324, 3.2e-9, 4.9e-4, 9.99e-4, 0.001, 0.0314, 1.0])
def test_no_p_is_printed_as_zero(p: float) -> None:
    text = p_text(p)
    assert text is not None
    assert float(text.removeprefix("<")) > 0
    assert float(text.removeprefix("<")) == pytest.approx(p, rel=0.05, abs=1e-300)
    assert p_text(None) is None


def test_one_word_makes_a_column_text(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, ("n", "end"), [(1, "x"), ("many", "x")])
    assert lines[2:] == ["1     x", "many  x"]


def test_no_rows_leave_the_head(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, ("model", "score"), []) == ["model  score", "-----  -----"]


def test_no_line_ends_in_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, ("a", "b"), [("x", ""), ("xxxx", "y")])
    assert lines == [line.rstrip() for line in lines]


def test_a_row_that_is_too_short_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((ValueError, IndexError)):
        printed(capsys, ("a", "b"), [("x",)])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        ({"r": (np.float32(0.5), -np.inf)}, {"r": [0.5, None]}),
        (np.array([[1.0, np.nan], [2.0, 3.0]]), [[1.0, None], [2.0, 3.0]]),
        ({1: np.int64(3), None: True}, {"1": 3, "None": True}),
        ([np.bool_(True), "R²"], [True, "R²"]),
    ],
)
def test_json_has_plain_numbers_and_null(value: Any, expected: Any) -> None:
    assert json.loads(json_text(value)) == expected


def test_json_keeps_letters_readable() -> None:
    assert "R² ρ" in json_text("R² ρ")


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError):
        json_text({"a": object()})


class Screen(io.StringIO):
    """A terminal that remembers what was written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    for name, value in {"COLUMNS": "40", "NO_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    return Screen()


def shown(screen: Screen, *table: Any, wide: bool = False, **options: Any) -> list[str]:
    screen.truncate(0)
    screen.seek(0)
    with redirect_stdout(PlainOutput(screen, wide=wide)):
        print_table(*table, **options)
    return screen.getvalue().splitlines()


HEAD = ("model", "score", "time", "what it heard")
ROWS = [("a-long-name", 0.25, "12 s", "all the sounds of the data set"), ("b", None, "1 s", "none")]


def test_a_narrow_terminal_gets_the_important_columns(screen: Screen) -> None:
    assert shown(screen, HEAD, ROWS, drop=("what it heard", "time")) == [
        "model        score  time",
        "-----------  -----  ----",
        "a-long-name  0.250  12 s",
        "b                -  1 s",
        "not shown: what it heard (--wide shows all)",
    ]
    whole = shown(screen, HEAD, ROWS, wide=True, drop=("what it heard", "time"))
    assert whole[2] == "a-long-name  0.250  12 s  all the sounds of the data set"
    assert len(whole) == 4


def test_what_is_kept_is_wrapped_or_cut(screen: Screen) -> None:
    assert shown(screen, HEAD, ROWS, drop=("time",)) == [
        "model        score  what it heard",
        "-----------  -----  --------------------",
        "a-long-name  0.250  all the sounds of",
        "                    the data set",
        "b                -  none",
        "not shown: time (--wide shows all)",
    ]
    cut = shown(screen, HEAD, ROWS, drop=("time",), cut=("what it heard",))
    assert cut[2:4] == ["a-long-name  0.250  all the sounds of …", "b                -  none"]


def test_many_columns_go_below_each_other_with_the_names_of_rows(screen: Screen) -> None:
    head = ("model", *(f"part {number}" for number in range(9)))
    lines = shown(screen, head, [("mine", *(number / 10 for number in range(9)))])
    assert all(len(line) <= 40 for line in lines)
    assert [line for line in lines if line.startswith("model")] == [
        "model  part 0  part 1  part 2  part 3",
        "model  part 4  part 5  part 6  part 7",
        "model  part 8",
    ]
    bare = shown(screen, head[1:], [tuple(number / 10 for number in range(9))], names=0)
    assert bare[0] == "part 0  part 1  part 2  part 3  part 4"


@given(
    st.lists(st.text("ab -…", max_size=60), min_size=6, max_size=6),
    st.lists(st.sampled_from("uvwxyz"), unique=True),
    st.integers(20, 200),
)
def test_every_line_fits_or_has_nothing_left_to_narrow(
    texts: list[str], drop: list[str], room: int
) -> None:
    columns = [Column(name, [text]) for name, text in zip("uvwxyz", texts, strict=True)]
    tables = blocks(columns, room, drop)
    for table in tables:
        width = sum(column.width for column in table) + GAP * (len(table) - 1)
        assert width <= max(room, 2 * 10 + GAP)
        for lines in lines_of(table, 0):
            widths = [column.width for column in table]
            assert all(len(text) <= width for text, width in zip(lines, widths, strict=True))
    printed = [column.name for table in tables for column in table[bool(table is not tables[0]) :]]
    assert [name for name in "uvwxyz" if name in printed or name not in drop] == printed


def test_colour_only_where_somebody_looks_who_has_not_said_no(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = (("state", "name"), [("failed", "\x1b[31mred")])
    assert "\x1b" not in "".join(shown(screen, *table))
    monkeypatch.setenv("NO_COLOR", "")
    lines = shown(screen, *table)
    assert lines[0] == "\x1b[1mstate\x1b[0m   \x1b[1mname\x1b[0m"
    assert lines[2] == "\x1b[31mfailed\x1b[0m  \\x1b[31mred"
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in "".join(shown(screen, *table))
    monkeypatch.setenv("TERM", "xterm")
    file = io.StringIO()
    with redirect_stdout(PlainOutput(file)):
        print_table(HEAD, ROWS, drop=("time",))
    assert "\x1b" not in file.getvalue()
    assert "12 s" in file.getvalue()


def test_every_verb_has_wide(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = []

    def looked_at(*_: Any, **__: Any) -> None:
        assert isinstance(sys.stdout, PlainOutput)
        rooms.append(sys.stdout.room)

    monkeypatch.setattr("brainbench_audio.cli.listing.print_table", looked_at)
    monkeypatch.setattr(sys, "stdout", screen)
    for arguments in ["list", "metrics"], ["list", "metrics", "--wide"]:
        assert main(arguments) == 0
    assert rooms == [40, None]
    parser().parse_args(["results", "list", "--wide"])
