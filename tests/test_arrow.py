"""Who may import whom, see ``[tool.importlinter]`` in ``pyproject.toml``."""

from __future__ import annotations

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


def test_imports_go_one_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = pytest.importorskip("importlinter.cli")
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)} not installed")
    monkeypatch.syspath_prepend(ROOT)
    status = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == 0, capsys.readouterr().out
