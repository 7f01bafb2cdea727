"""Runs the tests of what changed, then fast tests of the core, within a minute.

    python tools/quick.py                # what differs from the last commit
    python tools/quick.py origin/main    # what differs from there

A module's tests are its twin (brainbench_audio/x/y.py has tests/x/test_y.py), or else the tests
that import it. A plugin's are all of its own. What there was no time for is skipped, and counted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = "brainbench_audio"
# none of these starts a process, loads a model or draws a figure
UNITS = (
    "tests/assemblies",
    "tests/stimuli",
    "tests/scores",
    "tests/registry/test_lookup.py",
    "tests/cli/test_table.py",
    "tests/report/test_families.py",
    "tests/report/site/test_frame.py",
    "tests/testing/conformance",
    "tests/test_cards.py",
    "tests/test_nesting.py",
    "tests/test_settings.py",
)
SECONDS = 50.0


def changed_files(base: str, root: Path = ROOT) -> list[str]:
    """Return the files, committed or not, that differ from a commit."""
    commands = (
        ["git", "diff", "--name-only", "--relative", base],
        ["git", "ls-files", "--others", "--exclude-standard"],
    )
    names: dict[str, None] = {}
    for command in commands:
        told = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
        names |= dict.fromkeys(told.stdout.splitlines())
    return list(names)


def chosen_tests(changed: Iterable[str], root: Path = ROOT) -> list[str]:
    """Return the tests of some files, each once; a folder stands for all in it.

    Parameters
    ----------
    changed : iterable of str
        Paths below ``root``; they need not exist any more.
    root : Path
    """
    found: dict[str, None] = {}
    for name in changed:
        for test in _candidates(Path(name), root):
            if (root / test).exists():
                found[test.as_posix()] = None
    return list(found)


def _candidates(file: Path, root: Path) -> Iterator[Path]:
    match file.parts:
        case ("plugins", kind, plugin, _, *_):
            yield Path("plugins", kind, plugin, "tests")
        case ("tests", _, *_) if file.name.startswith("test_"):
            yield file
        case ("tests", _, _, *_) if file.suffix == ".py":  # what the tests beside it share
            yield file.parent
        case (core, _, *_) if core == CORE and file.suffix == ".py":
            yield file  # for its doctests
            twin = Path("tests", *file.parts[1:-1], f"test_{file.name}")
            yield from [twin] if (root / twin).exists() else _importing(file, root)


def _importing(file: Path, root: Path) -> list[Path]:
    """Return the core's tests that name a module."""
    module = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
    return [
        test.relative_to(root)
        for test in sorted(root.glob("tests/**/test_*.py"))
        if f"{module} import" in test.read_text(encoding="utf-8")
    ]


class Deadline:
    """A pytest plugin that skips what has not begun in time."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.skipped = 0

    def pytest_runtest_setup(self) -> None:
        if time.monotonic() > self._end:
            self.skipped += 1
            pytest.skip("no time left")


def main() -> int:
    """Run them; the status is pytest's."""
    parser = argparse.ArgumentParser(description="Run the tests of what changed, in a minute.")
    parser.add_argument("base", nargs="?", default="HEAD", help="commit to compare with")
    options = parser.parse_args()
    deadline = Deadline(SECONDS)
    chosen = chosen_tests(changed_files(options.base))
    print("changed:", *(chosen or ["no file with tests"]))
    status = pytest.main(["-q", *chosen, *UNITS], plugins=[deadline])
    if deadline.skipped:
        print(f"{deadline.skipped} tests were skipped after {SECONDS:g} s: `make test` runs all.")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
