"""Every plugin of the project passes `brainbench check`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from brainbench_audio.registry.lookup import find_metric
from brainbench_audio.scores.options import LEAST
from brainbench_audio.testing.conformance import Check, checks

PLUGINS = {
    tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"]: file.parent
    for file in sorted(Path(__file__).parents[2].glob("plugins/*/*/pyproject.toml"))
}


def holds_itself(name: str) -> bool:
    """Return whether a plugin has this test among its own."""
    files = PLUGINS[name].glob("tests/test_*.py")
    return any(f'checks("{name}")' in file.read_text(encoding="utf-8") for file in files)


DISTRIBUTIONS = [name for name in PLUGINS if not holds_itself(name)]
OF_CARDS = (
    "card is complete",
    "citation is BibTeX",
    "loader and sources exist",
    "layers and weights on the card",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def one_home(isolated: None, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let checks share what is generated, as they do on the command line."""
    monkeypatch.setenv("BRAINBENCH_HOME", str(home))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take few groups for errors of maps, few permutations, a narrow probe: no check looks."""
    monkeypatch.setattr("brainbench_mapping.nested.GROUPS", 5)
    monkeypatch.setattr("brainbench_mapping.nested.LEAST_STIMULI", 5)
    monkeypatch.setitem(find_metric("probe")[0].card.check_options, "hidden_units", 64)
    for name in ("ridge", "rsa"):
        monkeypatch.setitem(find_metric(name)[0].card.check_options, "permutations", LEAST)


def found() -> list[object]:
    """Return all checks; a model's behaviour takes minutes over all families."""
    listed: list[object] = []
    for check in checks(*DISTRIBUTIONS):
        behaviour = check.subject.startswith("model ") and check.name not in OF_CARDS
        listed.append(pytest.param(check, id=str(check), marks=[pytest.mark.slow] * behaviour))
    return listed


@pytest.mark.parametrize("check", found())
def test_conformance(check: Check) -> None:
    outcome = check.outcome()
    if outcome.state == "not checked":
        pytest.skip(outcome.message)
    assert outcome.state != "failed", outcome.message


def test_all_plugins_are_held_to_it() -> None:
    assert len(DISTRIBUTIONS) > 20
