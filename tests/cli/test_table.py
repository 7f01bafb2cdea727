"""Tables for people line up, JSON for machines is valid."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from brainbench_audio.cli.table import json_text, p_text, print_table


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
