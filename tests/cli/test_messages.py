"""What our messages name exists: commands, options and files."""

from __future__ import annotations

import argparse
import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import brainbench_audio
from brainbench_audio import load_model
from brainbench_audio.cli.main import main, parser
from brainbench_audio.errors import PluginLoadError

ROOT = Path(brainbench_audio.__file__).parents[1]
SOURCES = sorted(
    path
    for folder in ("brainbench_audio", "plugins")
    for path in (ROOT / folder).rglob("*.py*")
    if path.suffix in (".py", ".tmpl") and "tests" not in path.parts
)
COMMAND = re.compile(r"(?<![\w./-])brainbench (?=[a-z-])(?P<words>[^`\n]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
FILE = re.compile(
    r"(?<![\w/.-])(?:docs|brainbench_audio|tests|plugins)/[\w/.-]+\.(?:py|md|toml|json)"
)
# of other programs that messages name
FOREIGN = {
    "--initial-branch",
    "--message",
    "--set-upstream",
    "--nthreads",
    "--import-mode",
    "--no-deps",
    "--upgrade",
    "--version",
    "--help",
}
# sentences in which a verb of English follows the name
PROSE = {"is", "has", "sets", "can", "command", "itself", "and", "does", "needs", "reads"}


@functools.cache
def literals(path: Path) -> list[str]:
    """Return the text of every literal; a value that is put in becomes ``X``."""
    return list(_literals(path))


def _literals(path: Path) -> Iterator[str]:
    if path.suffix == ".tmpl":
        yield path.read_text(encoding="utf-8")
        return
    inside = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            inside.update(map(id, node.values))
            parts = (one.value if isinstance(one, ast.Constant) else "X" for one in node.values)
            yield "".join(map(str, parts))
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in inside
        ):
            yield node.value


def choices(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


VERBS = choices(parser())


def every(of: argparse.ArgumentParser) -> set[str]:
    below = [every(one) for one in choices(of).values()]
    return set(of._option_string_actions).union(*below)


def own_options() -> set[str]:
    """Options of programs that plugins bring, and of programs that we start."""
    return {text for path in SOURCES for text in literals(path) if OPTION.fullmatch(text)}


def test_the_parser_of_a_verb_has_no_other() -> None:
    for verb in VERBS:
        assert set(choices(parser(verb))) == ({verb} if verb != "completion" else set(VERBS))
    assert choices(parser("scor")).keys() == choices(parser("--debug")).keys() == VERBS.keys()


def wrong_commands(text: str) -> Iterator[str]:
    for found in COMMAND.finditer(text):
        command = re.split(r"[;:,.)](?:\s|$)|['\"]", found["words"])[0]
        words = command.split()
        verb = words[0].strip(".,;:)") if words else ""
        if verb in PROSE:
            continue
        if verb not in VERBS:
            yield f"brainbench {command}"
            continue
        here = VERBS[verb]
        if len(words) > 1 and choices(here) and words[1].isalpha() and words[1].islower():
            if words[1] not in choices(here):
                yield f"brainbench {command}"
                continue
            here = choices(here)[words[1]]
        listed = [one.choices for one in here._actions if one.choices and not one.option_strings]
        word = words[1] if len(words) > 1 and words[1].isalpha() and words[1].islower() else None
        known = set(choices(VERBS[verb])).union(*listed)
        if word and listed and word not in known:
            yield f"brainbench {command}"
        if unknown := set(OPTION.findall(command)) - every(here) - FOREIGN:
            yield f"brainbench {command}: {unknown}"


def test_commands_in_messages_exist() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {one}"
        for path in SOURCES
        for text in literals(path)
        for one in wrong_commands(text)
    ]
    assert wrong == []


def test_options_in_messages_exist() -> None:
    known = every(parser()) | own_options() | FOREIGN
    wrong = [
        f"{path.relative_to(ROOT)}: {option}"
        for path in SOURCES
        for text in literals(path)
        for option in OPTION.findall(text)
        if " " in text and option not in known
    ]
    assert wrong == []


def test_files_in_messages_exist() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for text in literals(path)
        for name in FILE.findall(text)
        if not (ROOT / name).exists()
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`brainbench list ids` shows them", True),
        ("`brainbench list models` shows them", False),
        ("run brainbench scores --model X", True),
        ("run brainbench score --modle X.", True),
        ("run brainbench score --model X. Then go on", False),
        ("`brainbench results remove`", True),
        ("`brainbench data get X --from Y`", False),
    ],
)
def test_the_test_can_fail(text: str, wrong: bool) -> None:
    assert bool(list(wrong_commands(text))) == wrong


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["score", "--nope"], "usage: brainbench score"),
        (["list", "models", "--nope"], "usage: brainbench list"),
        (["figure", "bars", "-o", "x.svg", "--nope"], "usage: brainbench figure bars"),
    ],
)
def test_an_unknown_option_tells_the_usage_of_its_verb(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(told)
    assert "unrecognized arguments: --nope" in error


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["info", "MyCNN"], "`brainbench list models`, `brainbench list benchmarks` and"),
        (["score", "-m", "./my_model.py", "-b", "*"], "named with its class: ./my_model.py:Class"),
        (["list", "models", "--family", "nope"], "There is no family 'nope'. There are "),
    ],
)
def test_an_unknown_id_is_told_with_what_there_is(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "name", "told"),
    [
        (
            "class Mine:\n    activations = None\n",
            "Nope",
            "has no model 'Nope', only Mine: give it",
        ),
        ("class Mine:\n    activations = None\n", "", "has no model '', only Mine: give it as"),
        ("from pathlib import Path\n\ndef make(): ...\n", "Mine", "only make: give it as"),
        ("x = 1\n", "Mine", "only none: give it as mine.py:ClassName."),
        (
            "import brainbench_audio\nfrom types import SimpleNamespace\n"
            "made = SimpleNamespace(activations=None)\n",
            "Mine",
            "only made: give it as mine.py:made.",
        ),
        ("import math\nmath.nope\n", "Mine", "cannot be imported: AttributeError"),
    ],
)
def test_a_model_file_without_the_model_tells_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(PluginLoadError) as refused:
        load_model(f"./mine.py:{name}")
    assert told in str(refused.value).replace(f"{tmp_path}/", "")
