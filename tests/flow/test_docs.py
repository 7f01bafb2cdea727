"""Commands of the documentation: all are known to the command line, those of tutorials are run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

import brainbench_audio
from brainbench_audio.cli.main import main, parser

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("plugins/*/*/README.md")),
]
TUTORIALS = [
    *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
    ROOT / "docs" / "how-to" / "own-data.md",
    ROOT / "docs" / "how-to" / "results.md",
    ROOT / "docs" / "how-to" / "share.md",
]
_COMMAND = re.compile(r"^(?: {4}|\$ )(brainbench .*?)(?<!\\)$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(
    r"(?P<skip><!-- not run[^>]*-->\n)?^```(?P<kind>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<body>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(text: str) -> list[list[str]]:
    """Return the arguments of each ``brainbench`` command, continued lines joined."""
    found = (match[1].replace("\\\n", " ") for match in _COMMAND.finditer(text))
    return [shlex.split(command, comments=True)[1:] for command in found]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_command_line_knows_every_command(page: Path) -> None:
    for arguments in commands(page.read_text(encoding="utf-8")):
        given = [argument for argument in arguments if argument not in ("…", "...")]
        try:
            parser().parse_args(given)
        except SystemExit as stop:
            pytest.fail(f"brainbench {' '.join(arguments)}: exit {stop.code}")


def test_commands_are_found_at_all() -> None:
    found = [command for page in PAGES for command in commands(page.read_text(encoding="utf-8"))]
    assert len(found) > 60
    assert ["score", "--retry-failed"] in found


def test_the_reference_names_what_there_is() -> None:
    names = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "reference.md").read_text(), re.MULTILINE)
    assert len(names) > 10
    for identifier in names:
        assert resolve_name(identifier).__doc__, identifier
    shown = {identifier.rpartition(".")[2] for identifier in names}
    modules = [resolve_name(identifier) for identifier in names]
    for name in brainbench_audio.__all__:
        offered = getattr(brainbench_audio, name)
        assert name in shown or any(vars(one).get(name) is offered for one in modules), name


@pytest.mark.data
@pytest.mark.parametrize(
    "page",
    # a trained network takes a minute for 165 sounds
    [pytest.param(page, marks=[pytest.mark.slow] * ("compare" in page.name)) for page in TUTORIALS],
    ids=name,
)
def test_a_tutorial_does_what_it_says(
    page: Path, tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": "tutorial"}
    run = 0
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["title"]:
            (tmp_path / block["title"]).write_text(block["body"], encoding="utf-8")
        elif block["kind"] == "python":
            exec(compile(block["body"], name(page), "exec"), space)
        elif block["kind"] == "console" and not block["skip"]:
            for arguments in commands(block["body"]):
                assert main(arguments) == 0, arguments
                run += 1
    assert run
