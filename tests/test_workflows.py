"""Workflows may read the repository only, run actions at one commit, and trust no name.

So does the one that a repository of results starts with; it may publish a site, from `main` alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")  # comes with huggingface_hub
ROOT = Path(__file__).parents[1]
OF_RESULTS = ROOT.joinpath(
    *("brainbench_audio", "templates", "results", "github", "workflows", "results.yml.tmpl")
)
FILES = [*sorted((ROOT / ".github" / "workflows").glob("*.y*ml")), OF_RESULTS]
PUBLISH = "github.event_name == 'push' && github.ref == 'refs/heads/main'"
ACTION = re.compile(r"\buses:\s*(\S+)(.*)")
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
VERSION = re.compile(r" # v\d+\.\d+\.\d+")


@pytest.fixture(params=FILES, ids=lambda file: file.name)
def workflow(request: pytest.FixtureRequest) -> Path:
    file: Path = request.param
    return file


def content(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")))


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in content(file)["jobs"].values() for step in job.get("steps", [])]


def test_there_are_some() -> None:
    assert len(FILES) >= 3
    assert sum(len(steps(file)) for file in FILES) > 8


def test_they_may_read_only(workflow: Path) -> None:
    whole = content(workflow)
    assert whole["permissions"] == {"contents": "read"}
    more = {name: job["permissions"] for name, job in whole["jobs"].items() if "permissions" in job}
    if workflow == OF_RESULTS:
        (name,) = more
        job = whole["jobs"][name]
        assert more[name] == {"pages": "write", "id-token": "write"}
        assert job["if"] == PUBLISH
        assert [step for step in job["steps"] if "run" in step] == []
    else:
        # publishing proves who it is to PyPI, in a job that checks nothing out and builds nothing
        releases = workflow.name == "release.yml"
        assert more == ({"publish": {"id-token": "write"}} if releases else {})
    # would run a stranger's change with our rights; YAML reads the key `on` as true
    assert "pull_request_target" not in whole.get("on", whole.get(True))


def test_what_publishes_runs_no_code_of_ours() -> None:
    job = content(ROOT / ".github" / "workflows" / "release.yml")["jobs"]["publish"]
    assert [step["uses"].split("@")[0] for step in job["steps"] if "uses" in step] == [
        "actions/download-artifact",
        "pypa/gh-action-pypi-publish",
    ]
    (run,) = (step["run"] for step in job["steps"] if "run" in step)
    assert run.split()[0] == "mkdir"
    assert job["needs"] == "build"
    assert job["environment"] == "pypi"


def test_actions_are_those_of_one_commit(workflow: Path) -> None:
    lines = ACTION.findall(workflow.read_text(encoding="utf-8"))
    assert len(lines) == sum("uses" in step for step in steps(workflow))
    for action, comment in lines:
        assert PINNED.fullmatch(action), f"{action}: write owner/name@<40 hex digits> # v1.2.3"
        assert VERSION.fullmatch(comment), f"{action}: say its version, # v1.2.3"


def test_no_secret_is_left_in_the_checkout(workflow: Path) -> None:
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_names_are_handed_over_as_variables(workflow: Path) -> None:
    """Whoever opens a pull request chooses the name of a branch, and a shell would read it."""
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), step["run"]
        assert "github." not in str(step.get("with", "")), step["with"]


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
@pytest.mark.parametrize("target", ["check-changed", "quick"])
def test_make_does_not_read_the_name_either(target: str) -> None:
    hostile = "origin/$(shell touch ran)`touch ran`;touch ran"
    done = subprocess.run(
        ["make", "--dry-run", f"--directory={ROOT}", "--assume-old=setup", target],
        env={"PATH": "/usr/bin:/bin", "BASE": hostile},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "touch ran" not in done.stdout
    assert '"$BASE"' in done.stdout
