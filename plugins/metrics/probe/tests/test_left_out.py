"""Errors over folds and their test clips, where it is known how good networks are."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from brainbench_probe.left_out import over_folds
from brainbench_probe.scoring import Predictions

from brainbench_audio.scores.influence import Influence

ACCURACY = 0.7


def folds(seed: int, spread: float) -> Influence:
    """Return what is owed to clips by five folds of 24, whose networks differ by a spread."""
    generator = np.random.default_rng(seed)
    tested = []
    for right in generator.normal(ACCURACY, spread, 5):
        label = np.arange(24) % 2
        told = np.where(generator.random(24) < right, label, 1 - label)
        tested.append(Predictions(np.eye(2)[label], np.eye(2)[told], ["a", "b"]))
    values = [one.score("top1_acc") for one in tested]
    return over_folds(values, tested, "top1_acc")


# networks that are equally good, and such as differ as much as clips do
@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_intervals_hold_the_truth(spread: float) -> None:
    times = 200
    found = [folds(seed, spread).estimate() for seed in range(times)]
    low, high = np.array([one.interval() for one in found]).T
    covered = np.mean((low <= ACCURACY) & (high >= ACCURACY))
    assert covered >= scipy.stats.binom.ppf(5e-4, times, 0.93) / times
    errors = np.sqrt(np.mean([one.error**2 for one in found]))
    # folds that differ by chance alone are counted beside their clips, so it is too large there
    assert 0.9 < errors / np.std([one.value for one in found]) < (1.15 if spread else 1.35)
    assert found[0].over == "sounds and folds"


def test_clips_of_one_fold_are_no_more_than_clips() -> None:
    """The jackknife of all is that of each fold alone."""
    influence = folds(3, 0.1)
    assert influence.stimuli.shape == (120, 5)
    for fold in range(5):
        right = influence.parts[fold]
        expected = right * (1 - right) / 23
        assert influence.part(fold).estimate().error ** 2 == pytest.approx(expected)
