"""Commands of the documentation: all are known to the command line, those of tutorials are run."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest

import brainbench_audio
from brainbench_audio.cards import DatasetCard, MetricCard
from brainbench_audio.cli.drawings import GATHER
from brainbench_audio.cli.main import main, parser
from brainbench_audio.registry.lookup import find_dataset, registered
from tools.pages import commands, run_page

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("plugins/*/*/README.md")),
]
TUTORIALS = [
    *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
    ROOT / "docs" / "how-to" / "own-data.md",
    ROOT / "docs" / "how-to" / "results.md",
    ROOT / "docs" / "how-to" / "share.md",
    ROOT / "docs" / "troubleshooting.md",
]
SLOW = {"compare-two-models", "share", "stories"}
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]+))?\)")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_command_line_knows_every_command(page: Path) -> None:
    for arguments in commands(page.read_text(encoding="utf-8")):
        given = [argument for argument in arguments if argument not in ("…", "...")]
        try:
            parser().parse_args(given)
        except SystemExit as stop:
            pytest.fail(f"brainbench {' '.join(arguments)}: exit {stop.code}")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    for target, heading in _LINK.findall(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        file = page.parent / target
        assert file.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in map(_anchor, headings), f"{target}#{heading}"


def _anchor(heading: str) -> str:
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


def test_every_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    listed = set(re.findall(r": (\S+\.md)$", menu, re.MULTILINE))
    assert listed == {str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.md")}


def test_every_option_is_told() -> None:
    told = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    options = set(_options(parser()))
    assert len(options) > 50
    assert {option for option in options if not re.search(rf"{option}(?![\w-])", told)} == set()


def _options(of: argparse.ArgumentParser) -> Iterator[str]:
    for action in of._actions:
        yield from (name for name in action.option_strings if name.startswith("--"))
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _options(verb)


def test_lists_are_whole() -> None:
    """README lists the data sets and metrics of this repository, figures.md the figures."""
    ours = {folder.name for folder in ROOT.glob("plugins/*/*/brainbench_*")}
    cards: list[DatasetCard | MetricCard] = [one.card for one in registered(DatasetCard)]
    cards += [one.card for one in registered(MetricCard)]
    known = {card.id for card in cards if ours.issuperset(card.packages)}
    assert len(known) > 10
    assert known <= _listed(ROOT / "README.md")
    assert _listed(ROOT / "docs" / "figures.md") == set(GATHER)


def _listed(page: Path) -> set[str]:
    """Return the names that rows of tables begin with."""
    rows = re.findall(r"^\| (`[^|]*) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_sizes_are_those_on_cards() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    for identifier in ("SimCortex", "SimStory", "LeBel2023", "LittlePrince"):
        row = re.search(rf"^\| `?{identifier}\b.*$", page, re.MULTILINE)
        sizes = re.findall(r"[\d.]+(?: to [\d.]+)? [MG]B", find_dataset(identifier).card.size)
        assert row is not None
        assert sizes
        assert [size for size in sizes if size not in row[0]] == []


def test_the_changelog_tells_each_change_once() -> None:
    changes = re.findall(r"^- (.{60})", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert len(changes) > 100
    assert [change for change, count in Counter(changes).items() if count > 1] == []


def test_commands_are_found_at_all() -> None:
    found = [command for page in PAGES for command in commands(page.read_text(encoding="utf-8"))]
    assert len(found) > 60
    assert ["score", "--retry-failed"] in found


def test_troubleshooting_quotes_messages_that_exist() -> None:
    quoted = re.findall(
        r"\"([^\"]+)\"",
        "".join(
            heading
            for heading in re.findall(
                r"^\*\*.*?\*\*",
                (ROOT / "docs" / "troubleshooting.md").read_text("utf-8"),
                re.MULTILINE,
            )
        ),
    )
    assert len(quoted) > 5
    files = [
        *(ROOT / "brainbench_audio").rglob("*.py"),
        *ROOT.glob("plugins/*/*/brainbench_*/*.py"),
    ]
    # a message over several lines is one text
    source = "".join(re.sub(r"\"\s*\n\s*f?\"", "", file.read_text("utf-8")) for file in files)
    for message in quoted:
        assert all(part.strip() in source for part in message.split("…")), message


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
    [pytest.param(page, marks=[pytest.mark.slow] * (page.stem in SLOW)) for page in TUTORIALS],
    ids=name,
)
def test_a_tutorial_does_what_it_says(
    page: Path,
    tmp_path: Path,
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if "SimCortex" in page.read_text(encoding="utf-8"):
        request.getfixturevalue("simcortex")
    monkeypatch.chdir(tmp_path)

    def run(arguments: list[str]) -> None:
        assert main(arguments) == 0, arguments

    assert run_page(page, tmp_path, run)
