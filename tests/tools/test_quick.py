"""Which tests `make quick` takes for a change, and what happens when time is up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.quick import ROOT, UNITS, Deadline, changed_files, chosen_tests


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            "brainbench_audio/scores/ceilings.py",
            {"brainbench_audio/scores/ceilings.py", "tests/scores/test_ceilings.py"},
        ),
        ("brainbench_audio/files.py", {"brainbench_audio/files.py", "tests/test_files.py"}),
        ("plugins/metrics/cka/README.md", {"plugins/metrics/cka/tests"}),
        ("plugins/metrics/cka/brainbench_cka/metric.py", {"plugins/metrics/cka/tests"}),
        ("tests/scores/test_ceilings.py", {"tests/scores/test_ceilings.py"}),
        ("tests/report/site/conftest.py", {"tests/report/site"}),
        ("tests/scores/test_of_a_module_that_is_gone.py", set()),
        ("plugins/models/gone/pyproject.toml", set()),
        ("brainbench_audio/report/site/static/site.css", set()),
        ("README.md", set()),
        ("conftest.py", set()),
    ],
)
def test_tests_of_a_change(changed: str, expected: set[str]) -> None:
    assert set(chosen_tests([changed])) == expected


def test_a_module_without_a_twin_has_the_tests_that_import_it(tmp_path: Path) -> None:
    (tmp_path / "brainbench_audio/pipeline").mkdir(parents=True)
    (tmp_path / "brainbench_audio/pipeline/plan.py").touch()
    (tmp_path / "tests/flow").mkdir(parents=True)
    user = tmp_path / "tests/flow/test_user.py"
    user.write_text("from brainbench_audio.pipeline.plan import dry_run\n")
    (tmp_path / "tests/flow/test_other.py").write_text("import brainbench_audio.pipeline.planet\n")
    found = chosen_tests(["brainbench_audio/pipeline/plan.py"], tmp_path)
    assert found == ["brainbench_audio/pipeline/plan.py", "tests/flow/test_user.py"]


def test_each_test_is_named_once() -> None:
    twin = "tests/scores/test_score.py"
    assert chosen_tests(["brainbench_audio/scores/score.py", twin]).count(twin) == 1


def test_units_exist() -> None:
    assert all((ROOT / unit).exists() for unit in UNITS)


def test_changes_are_committed_edited_and_new_files(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a", *arguments],
                       cwd=tmp_path, check=True, capture_output=True)  # fmt: skip

    git("init")
    for name in ("same", "edited", "committed", "removed", ".gitignore"):
        (tmp_path / name).write_text("ignored\n")
    git("add", ".")
    git("commit", "-m", "first")
    (tmp_path / "committed").write_text("2")
    git("commit", "-am", "second")
    (tmp_path / "edited").write_text("2")
    (tmp_path / "removed").unlink()
    for name in ("new", "ignored"):
        (tmp_path / name).touch()
    assert set(changed_files("HEAD", tmp_path)) == {"edited", "removed", "new"}
    assert set(changed_files("HEAD~1", tmp_path)) == {"committed", "edited", "removed", "new"}


def test_what_has_no_time_is_skipped_and_counted() -> None:
    in_time, late = Deadline(60), Deadline(-1)
    in_time.pytest_runtest_setup()
    for _ in range(2):
        with pytest.raises(pytest.skip.Exception, match="no time left"):
            late.pytest_runtest_setup()
    assert (in_time.skipped, late.skipped) == (0, 2)
