"""What rho of assembled RDMs moves by with layers chosen anew, beside loops written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from brainbench_rsa.anew import chosen_anew
from brainbench_rsa.comparison import standard_ranks, tie_groups
from brainbench_rsa.influence import owed_by
from brainbench_rsa.rdm import pair_indices, rdm
from brainbench_rsa.selection import cross_validate, fold_pairs
from scipy.stats import pearsonr, rankdata, spearmanr

from brainbench_audio.scores.weightings import weightings

FloatArray = npt.NDArray[np.float64]
STIMULI, STEP = 24, 1e-5
FOLDS = np.arange(STIMULI) % 4


def problem() -> tuple[FloatArray, FloatArray]:
    """RDMs of three layers, the last on another scale, and of two subjects."""
    generator = np.random.default_rng(0)
    heard = generator.standard_normal((STIMULI, 8))
    layers = [rdm(heard + generator.standard_normal(heard.shape), zscore=True) for _ in range(3)]
    layers[2] = layers[2] / 10
    subjects = [rdm(heard + generator.standard_normal(heard.shape), zscore=True) for _ in range(2)]
    return np.stack(layers), np.stack(subjects)


def weighted(x: FloatArray, y: FloatArray, change: FloatArray) -> float:
    """Return Pearson's r, and its change by the weights of stimuli from a small step."""
    first, second = pair_indices(STIMULI)

    def of(step: float) -> float:
        weights = (1 + step * change[first]) * (1 + step * change[second])
        both = np.cov(x, y, aweights=weights)
        return float(both[0, 1] / np.sqrt(both[0, 0] * both[1, 1]))

    return float(pearsonr(x, y).statistic + (of(STEP) - of(-STEP)) / (2 * STEP))


def test_equals_loops_over_weightings() -> None:
    layers, subjects = problem()
    found = cross_validate(layers, subjects, FOLDS)
    moved = chosen_anew(found, layers, subjects, FOLDS)
    changes, places = weightings(STIMULI), pair_indices(STIMULI)
    pairs, groups = fold_pairs(FOLDS), (tie_groups(layers), tie_groups(subjects))
    assert moved.shape == (len(changes), 2)
    others: set[Any] = set()
    for subject in range(2):
        assembled = found.rdms[subject]
        y = rankdata(subjects[subject])
        for row in range(0, len(changes), 50):
            change, anew, x = changes[row], assembled.copy(), rankdata(assembled)
            for pair, held in zip(pairs, found.chosen[:, subject], strict=True):
                inner, reach = [], 0.0
                for layer in range(3):
                    one, other = groups[0][layer, pair.training], groups[1][subject, pair.training]
                    rho = spearmanr(layers[layer][pair.training], subjects[subject][pair.training])
                    owed = owed_by(one, other)[1]
                    sums = np.zeros(STIMULI)
                    for place in places:
                        np.add.at(sums, place[pair.training], owed)
                    if layer == held:
                        reach = rho.statistic - 4 * np.sqrt(np.sum(sums**2))
                    inner.append((rho.statistic, rho.statistic + change @ sums))
                near = [one for one in range(3) if inner[one][0] >= reach]
                best = max(near, key=lambda one: inner[one][1])
                others.add((best, int(held)))
                anew[pair.block] = layers[best][pair.block]
            # ranks among the distances of what was assembled before
            ranks = [np.mean(assembled < one) + np.mean(assembled <= one) for one in anew]
            of_anew = np.array(ranks) * assembled.size / 2 + 0.5
            expected = weighted(of_anew, y, change) - weighted(x, y, change)
            np.testing.assert_allclose(moved[row, subject], expected, atol=1e-7)
    assert len(others) > 3
    assert np.abs(moved).max() > 0.01


def test_a_layer_out_of_reach_is_not_chosen() -> None:
    layers, subjects = problem()
    layers[1] = np.random.default_rng(1).random(layers.shape[1])
    clear = np.stack([subjects[0], layers[1]])
    found = cross_validate(clear, subjects[:1], FOLDS)
    assert not chosen_anew(found, clear, subjects[:1], FOLDS).any()


def test_a_layer_between_two_distances_of_the_assembled_rdm_has_a_rho_of_0() -> None:
    """All its distances have one rank there, so what is assembled from it alone is constant."""
    generator = np.random.default_rng(7)
    # of two features: each distance is 0 or 2
    layers = np.stack([rdm(generator.standard_normal((STIMULI, many))) for many in (2, 3000)])
    noise = rdm(generator.standard_normal((STIMULI, 20)))
    two, narrow, other = standard_ranks(tie_groups([*layers, noise]))
    subject = (two + 0.7 * narrow + other)[np.newaxis]
    found = cross_validate(layers, subject, FOLDS)
    assert not found.chosen.any()
    moved = chosen_anew(found, layers, subject, FOLDS)[:, 0]
    x, y = rankdata(found.rdms[0]), rankdata(subject[0])
    lost = [-weighted(x, y, change) for change in weightings(STIMULI)]
    # in few weightings the other layer is chosen for all pairs of folds
    assert np.isfinite(moved).all()
    assert 0 < np.isclose(moved, lost, atol=1e-7).sum() < 100
