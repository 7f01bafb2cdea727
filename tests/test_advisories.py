"""No distribution here can be installed with a version that a known advisory is about.

``advisories.json`` holds them, as the services that know more cannot be asked everywhere; ``make
audit`` asks one.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
KNOWN = json.loads(Path(__file__).with_name("advisories.json").read_text(encoding="utf-8"))
PROJECTS = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/*/pyproject.toml"))]
TEMPLATES = sorted((ROOT / "brainbench_audio" / "templates").rglob("pyproject.toml.tmpl"))
IDS = re.compile(r"(GHSA(-[0-9a-z]{4}){3}|CVE-\d{4}-\d{4,}|PYSEC-\d{4}-\d+)")


def first_without(package: str) -> Version | None:
    """Return the first version that no advisory is about, None if there is none about it."""
    fixed = [Version(row["fixed"]) for row in KNOWN["advisories"] if row["package"] == package]
    return max(fixed, default=None)


def requirements(file: Path) -> Iterator[Requirement]:
    """Yield all that a distribution asks for: to build, to run, and in its extras."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    project = content.get("project", {})
    groups = [content["build-system"]["requires"], project.get("dependencies", [])]
    for group in (*groups, *project.get("optional-dependencies", {}).values()):
        yield from map(Requirement, group)


def lower_bound(requirement: Requirement) -> Version | None:
    bounds = [
        Version(each.version) for each in requirement.specifier if each.operator in (">=", "==")
    ]
    return max(bounds, default=None)


CORE = {
    canonicalize_name(each.name): lower_bound(each)
    for each in requirements(ROOT / "pyproject.toml")
}


def too_low(found: Iterator[Requirement], *, with_core: bool) -> list[str]:
    problems = []
    for requirement in found:
        name = canonicalize_name(requirement.name)
        needed = first_without(name)
        bound = lower_bound(requirement)
        if bound is None and with_core:
            bound = CORE.get(name)  # every plugin is installed with the core
        if needed is not None and (bound is None or bound < needed):
            problems.append(f"{requirement}: write {name}>={needed}")
    return problems


def test_the_list_is_well_formed() -> None:
    date.fromisoformat(KNOWN["checked"])
    for row in KNOWN["advisories"]:
        assert row["ids"], row
        assert all(IDS.fullmatch(each) for each in row["ids"]), row
        assert date.fromisoformat(row["known"]) <= date.fromisoformat(KNOWN["checked"])
        assert row["package"] == canonicalize_name(row["package"])
        Version(row["fixed"])
    rows = [(row["package"], *row["ids"]) for row in KNOWN["advisories"]]
    assert len(set(rows)) == len(rows) > 20


def test_all_that_is_listed_is_asked_for() -> None:
    asked = {canonicalize_name(each.name) for file in PROJECTS for each in requirements(file)}
    assert {row["package"] for row in KNOWN["advisories"]} <= asked


@pytest.mark.parametrize("file", PROJECTS, ids=lambda file: file.parent.name)
def test_lower_bounds_are_above_known_advisories(file: Path) -> None:
    assert len(PROJECTS) > 20
    assert too_low(requirements(file), with_core=file != PROJECTS[0]) == []


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.parent.name)
def test_so_are_those_of_new_plugins(file: Path) -> None:
    lines = re.findall(r'"([A-Za-z][\w.-]*(?:[<>=].*?)?)"', file.read_text(encoding="utf-8"))
    found = [Requirement(line) for line in lines if re.match(r"[\w.-]+>=", line)]
    assert "setuptools" in {each.name for each in found}
    assert too_low(iter(found), with_core=True) == []


def test_a_bound_that_is_too_low_is_found() -> None:
    found = map(Requirement, ["filelock>=3.20.2", "filelock", "numpy>=2.0", "unknown"])
    assert too_low(found, with_core=False) == [
        "filelock>=3.20.2: write filelock>=3.20.3",
        "filelock: write filelock>=3.20.3",
    ]
