"""Every error of the package belongs to one tree and is known by one of five names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import brainbench_audio
from brainbench_audio import errors
from brainbench_audio.cli.main import main

NAMES = {"UnknownId", "PluginLoadError", "ContractError", "DataError", "CacheError"}
CORE = Path(brainbench_audio.__file__).parent


def test_the_tree_has_five_branches() -> None:
    found = {kind.__name__ for kind in errors.BrainbenchError.__subclasses__()}
    assert found >= NAMES
    assert all(issubclass(getattr(errors, name), errors.BrainbenchError) for name in NAMES)


@pytest.mark.parametrize("builtin", [ValueError, KeyError, OSError, RuntimeError])
def test_none_is_caught_as_something_else(builtin: type[Exception]) -> None:
    # whoever catches a builtin error of a library must not swallow one of ours
    assert not any(issubclass(getattr(errors, name), builtin) for name in NAMES)


def test_each_has_a_message() -> None:
    raised = []
    for path in CORE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                name = getattr(node.exc.func, "id", "")
                if name in NAMES:
                    raised.append((path, node.lineno, node.exc.args))
    assert len(raised) > 50
    assert not [f"{path}:{line}" for path, line, arguments in raised if not arguments]


def test_the_command_line_prints_the_message_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "no-such-thing"]) != 0
    told = capsys.readouterr().err
    assert "no-such-thing" in told
    assert "Traceback" not in told
