"""Properties of models, whose families are alike, are found as often by chance as is told."""

from __future__ import annotations

import pytest
import scipy.stats

from .families import SIX, TEN, Families, rates


@pytest.mark.parametrize(
    "world", [Families(TEN, 2.0, 1.5, "both"), Families(SIX, 0.5, 0.0, "kind")], ids=["ten", "six"]
)
def test_errors_are_as_many_as_told(world: Families) -> None:
    times = 150
    found = rates(world, times)
    assert found.false <= scipy.stats.binom.ppf(1 - 5e-4, times, 0.08) / times
    assert found.covered >= scipy.stats.binom.ppf(5e-4, times, 0.91) / times
