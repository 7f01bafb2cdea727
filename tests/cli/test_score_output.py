"""Words and numbers that `brainbench score` prints."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from brainbench_audio.cli.score_output import duration_in_words, interval_text, print_failures


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min"), (3599, "60 min"), (3600, "1.0 h")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration_in_words(seconds) == expected


def test_intervals() -> None:
    assert interval_text(None) is None
    assert interval_text((-0.12345, 0.5)) == "-0.123 to 0.500"


def failure(
    model: str, benchmark: str, cause: str, message: str, trace: str = "", **options: Any
) -> Any:
    sides = [
        SimpleNamespace(id=identifier, key=identifier, options=given)
        for identifier, given in ((model, options), (benchmark, {}))
    ]
    return SimpleNamespace(
        model=sides[0], benchmark=sides[1], cause=cause, message=message, trace=trace
    )


def told(capsys: pytest.CaptureFixture[str], failures: list[Any], debug: bool = False) -> list[str]:
    print_failures(failures, 9, debug)
    captured = capsys.readouterr()
    assert captured.out == ""  # which may be JSON
    return captured.err.splitlines()


def test_one_line_a_cause(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(
        capsys,
        [
            failure("one", "A", "model", "no weights"),
            failure("one", "B", "model", "no weights"),
            failure("two", "A", "model", "no weights"),
            failure("three", "B", "benchmark", "no data"),
            failure("four", "B", "benchmark", "no data"),
            failure("five", "A", "pair", "too large"),
        ],
    )
    assert lines[:-1] == [
        "brainbench: one failed: no weights",
        "brainbench: two failed: no weights",
        "brainbench: B failed: no data",
        "brainbench: five x A failed: too large",
    ]
    assert "6 of 9 pairs failed" in lines[-1]
    assert "--retry-failed" in lines[-1]


def test_a_trace_is_for_debugging(capsys: pytest.CaptureFixture[str]) -> None:
    failures = [failure("one", "A", "pair", "too large", trace="Traceback …")]
    assert "Traceback" not in "".join(told(capsys, failures))
    assert "Traceback" in "".join(told(capsys, failures, debug=True))
    without = [failure("one", "A", "pair", "too large")]
    assert "too large" in "".join(told(capsys, without, debug=True))


def test_a_folder_of_ones_own_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, [failure("one", "A", "model", "none", folder="/mine")])
    assert lines[0] == "brainbench: one /mine failed: none"


def test_all_well_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, []) == []
