"""Each promise of SECURITY.md names the tests that hold it, and they are there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISED = TEXT.partition("## What is promised")[2].partition("## What is not promised")[0]
ROW = re.compile(r"^\| (?P<promise>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w./-]*)::(\w+)`")


def rows() -> list[tuple[str, str]]:
    found = [(row["promise"], row["tests"]) for row in ROW.finditer(PROMISED)]
    return [row for row in found if row[0] != "promise"]


def named_in(text: str) -> list[tuple[str, str]]:
    """Return file and function of each test; one without a file is in the file before it."""
    found: list[tuple[str, str]] = []
    for file, name in NAMED.findall(text):
        found.append((file or found[-1][0], name))
    return found


@cache
def functions(file: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_there_are_promises() -> None:
    assert len(rows()) == PROMISED.count("\n| ") - PROMISED.count("\n| promise")
    assert len(rows()) > 15
    assert TEXT.partition("## What is not promised")[2].count("\n- ") > 10


@pytest.mark.parametrize(("promise", "tests"), rows(), ids=lambda text: text[:40])
def test_each_names_tests_that_exist(promise: str, tests: str) -> None:
    named = named_in(tests)
    assert named, promise
    # nothing else is said in the column: a file without a test promises nothing
    assert NAMED.sub("", tests).replace(",", "").strip() == ""
    for file, name in named:
        assert Path(file).name.startswith("test_")
        assert name.startswith("test_")
        assert name in functions(file), f"{file} has no {name}"
        marks = {ast.unparse(each) for each in functions(file)[name].decorator_list}
        assert not {mark for mark in marks if "mark.skip(" in mark or "mark.xfail" in mark}


@pytest.mark.slow
def test_pytest_collects_them() -> None:
    named = sorted({each for _, tests in rows() for each in named_in(tests)})
    files = sorted({file for file, _ in named})
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = {re.sub(r"\[.*", "", line) for line in done.stdout.splitlines() if "::" in line}
    assert [f"{file}::{name}" for file, name in named if f"{file}::{name}" not in lines] == []
