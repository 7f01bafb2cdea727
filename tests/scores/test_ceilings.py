"""Ceilings beside simulations and plain loops."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import scipy.stats

from brainbench_audio.errors import DataError
from brainbench_audio.scores.ceilings import (
    bounded,
    inter_subject,
    session_reliability,
    spearman_brown,
    stepped_up,
    subject_ceiling,
    too_uncertain,
)


def simulated(noise: float, sessions: int, targets: int = 400) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    signal = generator.standard_normal((165, targets))
    noises = noise * generator.standard_normal((165, targets, sessions))
    return signal, signal[:, :, None] + noises


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("sessions", [2, 3])
def test_reliability_is_the_ceiling_of_a_perfect_model(noise: float, sessions: int) -> None:
    signal, responses = simulated(noise, sessions)
    mean = responses.mean(axis=2)
    best = [np.corrcoef(x, y)[0, 1] ** 2 for x, y in zip(signal.T, mean.T, strict=True)]
    found = session_reliability(responses)
    assert found.mean() == pytest.approx(np.mean(best), abs=0.02)
    assert found.mean() == pytest.approx(1 / (1 + noise**2 / sessions), abs=0.02)


def test_pure_noise_has_no_ceiling() -> None:
    generator = np.random.default_rng(1)
    found = session_reliability(generator.standard_normal((165, 400, 3)))
    assert abs(found.mean()) < 0.03
    assert (found < 0).any()


def test_reliability_is_the_plain_loop() -> None:
    _, responses = simulated(1.0, 3, targets=12)
    responses[4, 0, 1] = np.nan
    responses[:, 1, 2] = np.nan
    responses[:, 2, 0] = 0.3
    responses[9, 3, :2] = np.nan
    responses[:, 4, :] = np.nan
    expected = []
    for target in range(12):
        kept = [
            column
            for column in responses[:, target].T
            if np.isfinite(column).any() and np.nanstd(column) > 1e-9
        ]
        pairs, shared = [], []
        for x, y in combinations(kept, 2):
            both = np.isfinite(x) & np.isfinite(y)
            pairs.append(scipy.stats.pearsonr(x[both], y[both]).statistic)
            shared.append(both.sum() - 1)
        r = np.average(pairs, weights=shared) if pairs else np.nan
        counts = np.isfinite(kept).sum(axis=0) if kept else np.ones(1)
        k = scipy.stats.hmean(counts)
        expected.append(k * r / (1 + (k - 1) * r))
    np.testing.assert_allclose(session_reliability(responses), expected, rtol=1e-10)
    assert np.isfinite(expected[3])
    assert np.isnan(expected[4])


def test_a_few_missing_trials_hardly_change_the_ceiling() -> None:
    signal, responses = simulated(1.5, 4)
    whole = session_reliability(responses)
    generator = np.random.default_rng(2)
    for share in (0.02, 0.3):
        gaps = np.where(generator.random(responses.shape) < share, np.nan, responses)
        usable = np.isfinite(gaps).any(axis=2).all(axis=0)
        mean = np.nanmean(gaps[:, usable], axis=2)
        best = [
            np.corrcoef(x, y)[0, 1] ** 2 for x, y in zip(signal[:, usable].T, mean.T, strict=True)
        ]
        found = session_reliability(gaps)[usable]
        assert found.mean() == pytest.approx(np.mean(best), abs=0.015)
        if share < 0.1:
            assert np.abs(found - whole[usable]).mean() < 0.02


def test_two_stimuli_in_common_are_too_few() -> None:
    responses = np.random.default_rng(3).standard_normal((8, 1, 2))
    responses[:3, 0, 0] = responses[5:, 0, 1] = np.nan
    assert np.isnan(session_reliability(responses)).all()


@pytest.mark.parametrize("sessions", [2, 3, 6])
def test_negative_correlations_are_finite_and_in_order(sessions: int) -> None:
    r = np.linspace(-1, 1, 41)
    found = stepped_up(r, sessions)
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()
    np.testing.assert_allclose(found[r >= 0], spearman_brown(r[r >= 0], sessions))


def test_a_ceiling_is_within_0_and_1() -> None:
    assert [bounded(one) for one in (-3.0, 0.2, 1.5, float("nan"))] == [0.0, 0.2, 1.0, None]


def test_spearman_brown() -> None:
    np.testing.assert_allclose(spearman_brown([0.0, 0.5, 1.0], 2), [0, 2 / 3, 1])
    np.testing.assert_allclose(spearman_brown(0.37, 1), 0.37)
    r = np.linspace(0.1, 0.9, 5)
    np.testing.assert_allclose(spearman_brown(spearman_brown(r, 3), 1 / 3), r)


def test_spearman_brown_is_what_averaging_does() -> None:
    _, responses = simulated(1.5, 6)
    halves = responses[:, :, :3].mean(axis=2), responses[:, :, 3:].mean(axis=2)
    singles = np.mean(
        [scipy.stats.pearsonr(responses[:, t, 0], responses[:, t, 1]).statistic for t in range(400)]
    )
    means = np.mean(
        [
            scipy.stats.pearsonr(x, y).statistic
            for x, y in zip(*map(np.transpose, halves), strict=True)
        ]
    )
    assert float(spearman_brown(singles, 3)) == pytest.approx(means, abs=0.02)


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def test_ties_of_the_others_stay_ties() -> None:
    """Two targets have distances of 0 and 2 only; other subjects' must not tell them apart."""
    generator = np.random.default_rng(0)
    few = 2.0 * (generator.random((2, 200)) < 0.5)
    one = generator.random(200)

    def spearman(x: np.ndarray, y: np.ndarray) -> float:
        return float(scipy.stats.spearmanr(x, y).statistic)

    lower, _ = inter_subject(np.stack([one, few[0]]), spearman)
    assert lower.tolist() == pytest.approx([spearman(one, few[0])] * 2, abs=1e-14)
    lower, _ = inter_subject(np.stack([few[0], one, few[1]]), spearman)
    assert lower[1] == pytest.approx(spearman(one, few.mean(axis=0)), abs=1e-14)


def test_inter_subject_is_the_plain_loop() -> None:
    generator = np.random.default_rng(0)
    rdms = generator.standard_normal(60) + generator.standard_normal((5, 60))
    lower, upper = inter_subject(rdms, pearson)
    for subject in range(5):
        others = np.mean([rdms[other] for other in range(5) if other != subject], axis=0)
        assert lower[subject] == pytest.approx(pearson(rdms[subject], others))
        assert upper[subject] == pytest.approx(pearson(rdms[subject], rdms.mean(axis=0)))
    assert (lower < upper).all()


def test_the_truth_lies_between_the_ceilings() -> None:
    generator = np.random.default_rng(0)
    truth = generator.standard_normal(2000)
    rdms = truth + generator.standard_normal((6, 2000))
    lower, upper = inter_subject(rdms, pearson)
    best = np.mean([pearson(rdm, truth) for rdm in rdms])
    assert lower.mean() < best < upper.mean()


def test_equal_subjects_reach_one() -> None:
    lower, upper = inter_subject(np.tile(np.arange(10.0) ** 2, (3, 1)), pearson)
    np.testing.assert_allclose([lower, upper], 1)


def test_one_subject_has_no_ceiling() -> None:
    with pytest.raises(DataError, match="at least two subjects"):
        inter_subject(np.zeros((1, 10)), pearson)


def test_subjects_who_agree_are_divided_by() -> None:
    generator = np.random.default_rng(6)
    rdms = generator.standard_normal(500) + generator.standard_normal((6, 500))
    assert subject_ceiling(rdms, pearson)[2] == {}
    assert subject_ceiling(rdms[:2], pearson)[2] == {}
    assert subject_ceiling(rdms[:1], pearson) == (None, {}, {})
    _, _, reason = subject_ceiling(generator.standard_normal((2, 500)) + 0.01 * rdms[:2], pearson)
    assert reason["normalised_withheld"].endswith(
        "is below 0.05, so it is too uncertain to divide by."
    )
    assert too_uncertain(None, [], "The ceiling", "subjects") == {}
