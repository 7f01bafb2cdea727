"""What brainbench-audio holds every plugin to, run as tests: see `brainbench check`."""

from __future__ import annotations

import pytest

from brainbench_audio.testing.conformance import Check, checks


@pytest.mark.parametrize("check", checks("brainbench-littleprince"), ids=str)
def test_conformance(check: Check) -> None:
    outcome = check.outcome()
    if outcome.state == "not checked":
        pytest.skip(outcome.message)
    assert outcome.state != "failed", outcome.message
