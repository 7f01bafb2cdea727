"""Intervals cover, comparisons and p err as often as they say, and the ceiling is the true one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brainbench_encoding.ceiling import reachable, withheld
from brainbench_encoding.metric import Encoding
from brainbench_encoding.unique import UniqueEncoding
from scipy.stats import binom

from brainbench_audio.assemblies.continuous import build_in_time, folds_of_runs
from brainbench_audio.scores.ceilings import session_reliability
from brainbench_audio.scores.score import Score

from . import unique_rates
from .continuous import World
from .rates import WORLDS, rates
from .sound_world import SoundWorld

SHORT = World(learned=(80, 80), repeated=((210, 3),), features=2, voxels=3, memory=0.3)


def _check(world: World | SoundWorld, times: int, least: float = 0.92) -> None:
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
        ceiling = found.ceiling
        if world.silent:  # ceilings of voxels that hear nothing vary much, so a few are too few
            world = replace(world, voxels=100 * world.voxels, silent=100 * world.silent)
            ceiling = rates(world, 25).ceiling
        assert ceiling == pytest.approx(world.ceiling, abs=0.01), told


@pytest.mark.parametrize("signal", [0.0, 1.0])
def test_rates_in_a_small_world(signal: float) -> None:
    _check(replace(SHORT, signal=signal), 30)


def _check_unique(world: unique_rates.Beyond, times: int) -> None:
    found = rates(world, times, unique_rates.scored)
    told = found.row("")
    assert found.covered >= binom.ppf(5e-4, times, 0.85) / times, told
    assert found.false <= binom.ppf(1 - 5e-4, times, 0.065) / times, told
    if world.unique and world.signal:
        assert found.chance > 0.5, told
        assert found.mean > 0.05, told
    else:
        assert found.chance <= binom.ppf(1 - 5e-4, times, 0.065) / times, told
        assert found.mean < 0.005, told


def test_what_is_withheld_counts_as_missed() -> None:
    def silent(world: World | SoundWorld, seed: int) -> tuple[Score, Score]:
        layers, target, folds = world.draw(seed)
        flat = {"flat": np.ones((len(target), 1))}
        score = UniqueEncoding()(flat, target, folds, given=layers)
        assert score.error is None
        return score, score

    found = rates(SHORT, 2, silent)
    assert (found.mean, found.error, found.covered, found.chance) == (0.0, 0.0, 0.0, 0.0)


def test_the_ceiling_is_the_true_one() -> None:
    """A third of the voxels hear nothing, others little; of two runs nothing can be learned."""
    true = np.r_[np.zeros(200), np.linspace(0.15, 0.8, 400)]  # reliability of the mean
    generator = np.random.default_rng(0)
    signal = np.sqrt(true / (1 - true) / 4) * generator.standard_normal((150, 600))
    rows = [generator.standard_normal((20, 600))]
    rows += [signal + generator.standard_normal(signal.shape) for _ in range(4)]
    run = ["a"] * 10 + ["b"] * 10 + ["repeated"] * 600
    time = np.r_[np.tile(np.arange(10), 2), np.tile(np.arange(150), 4)]
    repeat = np.r_[np.zeros(20, dtype=int), np.repeat(np.arange(4), 150)]
    target = build_in_time(np.vstack(rows), run, 2.0 * time, "voxel", {}, repeat=repeat)
    found = Encoding()({"layer": np.vstack(rows)[:, :2]}, target, folds_of_runs(target))
    roots = np.sqrt(true).mean()
    assert found.ceiling == pytest.approx(roots, abs=0.01)
    # as they are estimated, roots are too low, and too high if negative reliabilities count as 0
    assert found.raw["ceiling"].mean() < roots - 0.01
    assert np.sqrt(np.maximum(found.raw["session_reliability"], 0)).mean() > roots + 0.02
    every = np.stack(rows[1:], axis=2)
    every[:, 7, 2] = np.nan  # a presentation that did not take place
    every[:, 8, 1:] = np.nan
    np.testing.assert_allclose(reachable(every)[0], session_reliability(every), rtol=1e-9)
    every[:75, 9, 1] = np.nan  # one run did, and one did not
    np.testing.assert_allclose(reachable(every)[0], session_reliability(every), rtol=1e-9)
    reason = withheld(0.2, 0.2 + 0.02 * np.arange(10))
    assert "0.200 with a standard error of 0.172" in reason["normalised_withheld"]
    assert withheld(0.5, 0.5 + 0.002 * np.arange(10)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["30 % unique", "nothing unique"])
def test_rates_of_what_is_unique(name: str) -> None:
    _check_unique(unique_rates.WORLDS[name], 60)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_rates(name: str) -> None:
    # what is strongly autocorrelated is known to be covered less often, see the table
    _check(WORLDS[name], 150, 0.87 if ".8" in name else 0.92)
