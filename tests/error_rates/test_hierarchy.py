"""p of the trend of depths is uniform where there is none, and small where there is one."""

from __future__ import annotations

import numpy as np
import scipy.stats

from .hierarchy import Training, rates

TIMES = 25
SMALL = Training("small", listeners=5, steps=3)


def test_p_is_uniform_without_a_trend() -> None:
    found = rates(SMALL, TIMES)
    for level, share in found.below.items():
        low, high = np.array(scipy.stats.binom.ppf([5e-4, 1 - 5e-4], TIMES, level)) / TIMES
        assert low <= share <= high, found.line()
    assert abs(found.mean) < 0.2


def test_a_trend_is_found() -> None:
    found = rates(Training("rising", listeners=5, steps=6, rise=0.3), 5)
    assert found.below[0.05] == 1, found.line()
    assert found.mean > 0.6
