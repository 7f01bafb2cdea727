"""Means over few listeners are told apart about as often as they should be."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from .two_ways import false_positives

TIMES = 1000


@pytest.mark.parametrize("own", [0.0, 1.0, 100.0])
@pytest.mark.parametrize("listeners", [3, 8])
def test_listeners_that_differ_or_do_not(listeners: int, own: float) -> None:
    rate = false_positives(listeners, 0.3, own, TIMES)
    # no rule that was tried is right for all of 3 listeners, see docs/methods-error-rates.md
    low, high = binom.ppf([5e-4, 1 - 5e-4], TIMES, [0.03, 0.075]) / TIMES
    assert low <= rate <= high
