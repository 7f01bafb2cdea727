"""Intervals cover, comparisons and p err as often as they say, and the ceiling is the true one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brainbench_encoding.ceiling import reachable, withheld
from scipy.stats import binom

from .continuous import World
from .rates import WORLDS, rates

SHORT = World(learned=(80, 80), repeated=((210, 3),), features=2, voxels=3, memory=0.3)


def _check(world: World, times: int, least: float = 0.92) -> None:
    found = rates(world, times)
    told = found.row("")
    # a rate is further off than this 1 in 1,000 times
    assert found.covered >= binom.ppf(5e-4, times, least) / times, told
    assert found.false <= binom.ppf(1 - 5e-4, times, 0.065) / times, told
    if not world.signal:
        assert found.chance <= binom.ppf(1 - 5e-4, times, 0.065) / times, told
    else:
        assert found.chance > 0.9, told
    if world.repeated and world.signal and not world.listeners and not world.memory:
        assert found.ceiling == pytest.approx(world.ceiling, abs=0.01), told


@pytest.mark.parametrize("signal", [0.0, 1.0])
def test_rates_in_a_small_world(signal: float) -> None:
    _check(replace(SHORT, signal=signal), 30)


def test_the_ceiling_is_the_true_one() -> None:
    """A third of the voxels hear nothing; taken as 0, negative estimates of these raise it."""
    true = np.r_[np.zeros(300), np.linspace(0.3, 0.9, 600)]  # reliability of the mean
    generator = np.random.default_rng(0)
    signal = np.sqrt(true / (1 - true) / 5) * generator.standard_normal((290, 900))
    heard = signal[..., np.newaxis] + generator.standard_normal((290, 900, 5))
    reliability, found = reachable(heard)
    assert found.mean() == pytest.approx(np.sqrt(true).mean(), abs=0.01)
    assert np.sqrt(np.maximum(reliability, 0)).mean() > np.sqrt(true).mean() + 0.02
    reason = withheld(0.2, 0.2 + 0.02 * np.arange(10))
    assert "0.200 with a standard error of 0.172" in reason["normalised_withheld"]
    assert withheld(0.5, 0.5 + 0.002 * np.arange(10)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_rates(name: str) -> None:
    # strongly autocorrelated noise alone is known to be covered less often, see the table
    _check(WORLDS[name], 150, 0.87 if "no signal" in name and ".8" in name else 0.92)
