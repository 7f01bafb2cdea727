"""Conformance checks as tests of pytest: ``pytest -p brainbench_audio.testing.pytest_plugin``.

A test that takes the fixture ``conformance`` runs once for each check of the distributions that
``--brainbench-check`` names; `hold` fails or skips it with what the check says.
"""

from __future__ import annotations

import pytest

from brainbench_audio.testing.conformance import Check, checks


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the distributions."""
    parser.addoption(
        "--brainbench-check",
        action="append",
        default=[],
        metavar="DISTRIBUTION",
        help="hold this plugin to the conformance suite (may be given again)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the fixture `conformance` every check of the distributions that were named."""
    if "conformance" not in metafunc.fixturenames:
        return
    names = metafunc.config.getoption("--brainbench-check")
    found = [check for name in names for check in checks(name)]
    metafunc.parametrize("conformance", found, ids=str)


def hold(check: Check) -> None:
    """Run a check inside a test: fail or skip with what it says."""
    outcome = check.outcome()
    if outcome.state == "failed":
        pytest.fail(outcome.message, pytrace=False)
    if outcome.state == "not checked":
        pytest.skip(outcome.message)
