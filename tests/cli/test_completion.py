"""What a shell is offered, by itself and in a real bash."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import list_ids
from brainbench_audio.cli.completion import candidates
from brainbench_audio.cli.main import main, parser

pytestmark = pytest.mark.usefixtures("tiny")
HEAVY = {"torch", "numpy", "scipy", "xarray", "transformers"}


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("comp", ["compare", "completion"]),
        ("results ", ["export", "list", "merge", "rm", "submit", "tag", "validate"]),
        ("weights verify tiny-p", ["tiny-plain"]),
        ("results export ", []),  # files
        ("results export ours.tar --model tiny-p", ["tiny-plain"]),
        ("list m", ["metrics", "models"]),
        ("list models --fam", ["--family"]),
        ("score -m tiny-pl", ["tiny-plain"]),
        ("score --json -m tiny-plain --benchmark Tiny-match Tiny.a-ma", ["Tiny.a-match"]),
        ("score --control ", ["permuted", "untrained"]),
        ("list benchmarks --dataset Tiny.", ["Tiny.a", "Tiny.b"]),
        ("data get Tin", ["Tiny", "Tiny.a", "Tiny.b"]),
        ("info match-", ["match-many"]),
        ("cite tiny-plain Tiny-ma", ["Tiny-match", "Tiny-match-many"]),
        ("list models --family ti", ["tiny"]),
        ("check brainbench-ti", ["brainbench-tiny"]),
        ("doctor ", ["--help", "--json", "--wide"]),
        ("completion f", ["fish"]),
        ("completion c", []),
        ("score --weights ", []),  # the shell offers files
        ("nonsense ", []),
    ],
)
def test_what_is_offered(typed: str, offered: list[str]) -> None:
    assert candidates(parser(), typed.split(" ")) == offered


def arguments(of: argparse.ArgumentParser) -> Iterator[tuple[argparse.ArgumentParser, Any]]:
    for action in of._actions:
        yield of, action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from arguments(below)


def test_every_argument_that_takes_an_id_is_completed() -> None:
    seen = 0
    for of, action in arguments(parser()):
        if "ID" not in (action.metavar, action.dest.upper().removesuffix("S")):
            continue
        option = action.option_strings[:1]
        assert candidates(parser(), [*of.prog.split()[1:], *option, ""]), (of.prog, action.dest)
        seen += 1
    assert seen > 30


def test_nothing_heavy_is_imported(python: Callable[..., Any]) -> None:
    told = python(
        f"import io, sys\nsys.stdin = io.StringIO('score\\n-m\\n\\n')\n"
        f"from brainbench_audio.cli.main import main\nmain(['completion', 'candidates'])\n"
        f"print('heavy:', {HEAVY} & set(sys.modules))"
    )
    assert told.stdout.splitlines() == [*list_ids("model"), "heavy: set()"], told.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_call_back(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "completion candidates" in capsys.readouterr().out


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_completes(tmp_path: Path) -> None:
    command = tmp_path / "brainbench"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m brainbench_audio "$@"\n')
    command.chmod(0o755)
    script = f"""
set -eu
eval "$("{command}" completion bash)"
complete -p brainbench
for words in "score -m tiny-plain tiny-w" "list "; do
    COMP_WORDS=("{command}"); while IFS= read -r word; do COMP_WORDS+=("$word"); done \
        < <(tr ' ' '\\n' <<< "$words")
    COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    _brainbench "{command}"
    echo "${{COMPREPLY[*]}}"
done
"""
    told = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert told.stdout.splitlines() == [
        "complete -o default -F _brainbench brainbench",
        "tiny-wide",
        "benchmarks metrics models results",
    ], told.stderr
