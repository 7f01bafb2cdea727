"""What may be in the repository: small text, pinned linters, no data, weights or output."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

yaml = pytest.importorskip("yaml")  # comes with huggingface_hub
ROOT = Path(__file__).parents[1]
LARGEST = 1_000_000  # bytes
WEIGHTS = {".ckpt", ".h5", ".hdf5", ".pt", ".pth", ".safetensors", ".wav"}


@pytest.fixture(scope="module")
def committed() -> list[Path]:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout of git")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_data_or_weights(committed: list[Path]) -> None:
    assert len(committed) > 100
    assert [file for file in committed if file.suffix.lower() in WEIGHTS] == []
    assert [file for file in committed if file.stat().st_size > LARGEST] == []


def test_files_of_the_core_are_in_its_wheel(committed: list[Path]) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (core, patterns) = next(iter(settings["tool"]["setuptools"]["package-data"].items()))
    named = {file for pattern in patterns for file in (ROOT / core).glob(pattern)}
    data = {file for file in committed if ROOT / core in file.parents and file.suffix != ".py"}
    assert ROOT / core / "report" / "figures" / "fonts" / "OFL.txt" in data
    assert data - named == set()


def test_notebooks_have_no_output(committed: list[Path]) -> None:
    for file in committed:
        if file.suffix == ".ipynb":
            for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
                assert (cell.get("outputs") or [], cell.get("execution_count")) == ([], None), file


def test_linters_are_pinned() -> None:
    """A new version of a linter finds something new, and then nobody's change is green."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    test = map(Requirement, project["optional-dependencies"]["test"])
    pinned = {one.name for one in test if str(one.specifier).startswith("==")}
    assert pinned == {"import-linter", "mypy", "ruff"}
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))
    (pip,) = (one for one in updates["updates"] if one["package-ecosystem"] == "pip")
    assert {one["dependency-name"] for one in pip["allow"]} == pinned


def test_forms_and_hooks_are_whole() -> None:
    for file in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert file.name == "config.yml" or {"name", "description", "body"} <= set(form), file
    chooser = (ROOT / ".github" / "pull_request_template.md").read_text(encoding="utf-8")
    for file in (ROOT / ".github" / "PULL_REQUEST_TEMPLATE").iterdir():
        assert f"?template={file.name}" in chooser
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    tools = {hook["entry"].split()[0] for one in hooks["repos"] for hook in one["hooks"]}
    assert tools == {".venv/bin/ruff", ".venv/bin/lint-imports"}
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "version"} <= set(citation)
