"""Intervals cover, comparisons and tests against chance err as often as they say."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from .bench import NEED_SESSIONS, metrics, rates
from .worlds import CLIPS, COMPONENTS, LISTENERS, SESSIONS, SINGLE, Clips, World

SMALL = (
    World("small", sounds=40, targets=3, dimensions=5, features=5, layers=1, noise=0.7),
    World(
        "small, listeners", sounds=30, listeners=4, targets=3, dimensions=5, features=5, layers=1
    ),
)
REPEATED = replace(SMALL[0], name="small, sessions", sessions=2)


def _between(times: int, low: float, high: float) -> tuple[float, float]:
    """Return between which shares a rate within two others is found, but for 1 in 1,000 times."""
    return binom.ppf(5e-4, times, low) / times, binom.ppf(1 - 5e-4, times, high) / times


def _check(world: World | Clips, metric: str, times: int, pool: Any = None) -> None:
    found = rates(world, metric, times, pool)
    low, high = _between(times, 0.92, 0.98)
    if isinstance(world, Clips) or not (world.same and world.listeners > 2):
        assert low <= found.covered <= high, found.line()
    if not np.isnan(found.parts_covered):
        # parts share sounds, so that they tell no more than one of them does
        assert low <= found.parts_covered <= high, found.line()
    # a comparison may be too careful, never too bold
    assert found.false_positives <= _between(times, 0.0, 0.065)[1], found.line()
    assert found.contradictions == 0


@pytest.mark.parametrize("metric", metrics())
@pytest.mark.parametrize("world", SMALL, ids=lambda world: world.name)
def test_rates_in_small_worlds(world: World, metric: str) -> None:
    _check(world, metric, 100)


def test_rates_of_single_listeners_in_a_small_world() -> None:
    world = replace(SMALL[1], name="small, the same listeners", same=True)
    assert not np.isnan(rates(world, "cka", 2).parts_covered)
    _check(world, "cka", 100)
    # noise apart, responses of the same listeners to the same sounds
    quiet = replace(world, noise=0.0)
    others = replace(quiet, same=False)
    assert others.units == "listeners"
    ranks = [
        np.linalg.matrix_rank(np.hstack([one.draw(seed)[1].values.T for seed in (1, 2)]))
        for one in (quiet, others)
    ]
    # of voxels (listener, target) by what they are tuned to, learned from both draws
    assert ranks[0] == world.dimensions < ranks[1]


@pytest.mark.slow
@pytest.mark.parametrize("world", [*COMPONENTS, *LISTENERS], ids=lambda world: world.name)
def test_rates(world: World) -> None:
    with ProcessPoolExecutor(2) as pool:
        for metric in metrics():
            _check(world, metric, 200, pool)


@pytest.mark.slow
@pytest.mark.parametrize("world", SINGLE, ids=lambda world: world.name)
def test_rates_of_single_components_by_ridge(world: World) -> None:
    with ProcessPoolExecutor(2) as pool:
        _check(world, "ridge", 200, pool)


@pytest.mark.slow
@pytest.mark.parametrize("world", SESSIONS, ids=lambda world: world.name)
def test_rates_of_corrected_scores(world: World) -> None:
    with ProcessPoolExecutor(2) as pool:
        _check(world, "ridge-corrected", 200, pool)


@pytest.mark.parametrize("metric", NEED_SESSIONS)
def test_rates_of_sessions_in_a_small_world(metric: str) -> None:
    _check(REPEATED, metric, 20)


@pytest.mark.slow
def test_errors_of_comparisons_count_the_choice_of_rsa_cv() -> None:
    with ProcessPoolExecutor(2) as pool:
        found = rates(COMPONENTS[0], "rsa-cv", 200, pool)
    # with layers as chosen it is .8
    assert found.difference_error > 0.92 * found.difference_deviation, found.line()


def test_sessions_share_a_signal_but_no_noise() -> None:
    (_, responses, _), (_, again, _) = REPEATED.draw(0), replace(REPEATED, noise=0.0).draw(0)
    assert responses.dims == ("stimulus", "component", "session")
    noise = responses.values - again.values
    assert np.ptp(again.values, axis=2).max() == 0
    assert noise.std() == pytest.approx(REPEATED.noise, rel=0.15)
    assert abs(np.corrcoef(noise.reshape(-1, 2).T)[0, 1]) < 0.25


@pytest.mark.slow
@pytest.mark.parametrize("world", CLIPS, ids=lambda world: world.name)
def test_rates_of_the_probe(world: Clips) -> None:
    with ProcessPoolExecutor(2) as pool:
        _check(world, "probe", 100, pool)


@pytest.mark.parametrize("metric", ["ridge", "rsa", "cka"])
def test_p_against_chance_is_uniform_without_a_signal(metric: str) -> None:
    world, times = SMALL[0].silent(), 60
    kind: Any = type(metrics()[metric])
    p, above = [], []
    for seed in range(times):
        models, responses, folds = world.draw(seed)
        score = kind(permutations=19)(models[0], responses, folds)
        p.append(score.p)
        above.append(score.interval is not None and score.interval[0] > 0)
    values = np.array(p)
    assert np.mean(above) <= _between(times, 0.05, 0.05)[1]
    assert not np.any(above & (values >= 0.05))
    for level in (0.05, 0.2, 0.5):
        share, high = float((values <= level).mean()), _between(times, level, level)[1]
        assert share <= high, (level, share)
    # and not always near 1
    assert (values <= 0.5).mean() >= _between(times, 0.5, 0.5)[0]


@pytest.mark.parametrize("metric", ["rsa", "cka"])
def test_the_best_of_layers_of_noise_is_above_0_only_where_p_says_so(metric: str) -> None:
    world = replace(SMALL[0], layers=6, steps=0.0).silent()
    kind: Any = type(metrics()[metric])
    lower: set[str] = set()
    for seed in range(60):
        models, responses, folds = world.draw(seed)
        plain = kind(permutations=0)(models[0], responses, folds).interval
        score = kind(permutations=39)(models[0], responses, folds)
        if plain[0] > 0 and score.p >= 0.05:
            assert score.interval == (0, plain[1])
            lower.add("moved")
        else:
            assert score.interval == plain
            lower.add("same")
    assert lower == {"moved", "same"}


@pytest.mark.parametrize("metric", ["ridge", "rsa", "cka"])
def test_a_signal_is_found(metric: str) -> None:
    models, responses, folds = World("signal", sounds=60, noise=0.3, layers=1).draw(0)
    kind: Any = type(metrics()[metric])
    assert kind(permutations=99)(models[0], responses, folds).p == 0.01
