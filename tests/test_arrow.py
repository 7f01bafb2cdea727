"""Who may import whom, see ``[tool.importlinter]`` in ``pyproject.toml``."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["importlinter"]["root_packages"]


def test_every_plugin_is_held_to_the_contracts() -> None:
    plugins = {file.parent.name for file in ROOT.glob("plugins/*/*/brainbench_*/__init__.py")}
    assert set(PACKAGES) == {"brainbench_audio", *plugins}
    for contract in PROJECT["tool"]["importlinter"]["contracts"]:
        if contract["name"] == "The core knows no plugin":
            layers = [name.strip() for line in contract["layers"] for name in line.split("|")]
            assert sorted(layers) == sorted(PACKAGES)


def test_imports_go_one_way() -> None:
    if missing := [name for name in ("importlinter", *PACKAGES) if find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)} not installed")
    # in a process of its own: it switches off the loggers of the one it runs in
    lint = (
        "from importlinter.cli import lint_imports as lint; raise SystemExit(lint(no_cache=True))"
    )
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", lint],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
