from __future__ import annotations

import numpy as np
import pytest
from brainbench_rsa.comparison import spearman
from brainbench_rsa.rdm import pair_indices, rdm, square
from brainbench_rsa.selection import cross_validate, fold_pairs
from scipy.stats import spearmanr

from brainbench_audio.errors import DataError

FOLDS = np.array([0, 1, 2, 3, 4] * 5)


def layers_and_subjects(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Four layers, three subjects: each subject follows two of the layers."""
    generator = np.random.default_rng(seed)
    layers = generator.standard_normal((4, len(FOLDS), 15))
    mixed = [np.concatenate([layers[s], layers[s + 1]], axis=1) for s in range(3)]
    subjects = [m + 1.5 * generator.standard_normal(m.shape) for m in mixed]
    return np.array([rdm(x) for x in layers]), np.array([rdm(x) for x in subjects])


def reference(
    layers: np.ndarray, subject: np.ndarray, folds: np.ndarray
) -> tuple[float, dict[tuple[int, int], int]]:
    """Plain loops over folds and over entries of whole matrices."""
    count = len(folds)
    matrices = [square(row) for row in layers]
    assembled, brain, chosen = np.full((count, count), np.nan), square(subject), {}
    for i in sorted(set(folds.tolist())):
        for j in sorted(set(folds.tolist())):
            if j < i:
                continue
            outside = [s for s in range(count) if folds[s] not in (i, j)]
            training = [(a, b) for a in outside for b in outside if a < b]
            scores = [
                spearmanr([m[p] for p in training], [brain[p] for p in training]).statistic
                for m in matrices
            ]
            chosen[i, j] = int(np.argmax(scores))
            for a in range(count):
                for b in range(a + 1, count):
                    if sorted((folds[a], folds[b])) == [i, j]:
                        assert np.isnan(assembled[a, b])
                        assembled[a, b] = matrices[chosen[i, j]][a, b]
    upper = np.triu_indices(count, k=1)
    return spearmanr(assembled[upper], brain[upper]).statistic, chosen


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equal_to_plain_loops(seed: int) -> None:
    layers, subjects = layers_and_subjects(seed)
    found = cross_validate(layers, subjects, FOLDS)
    different = 0
    for s, subject in enumerate(subjects):
        rho, chosen = reference(layers, subject, FOLDS)
        assert found.rho[s] == pytest.approx(rho, abs=1e-10)
        keys = [(int(i), int(j)) for i, j in found.fold_pairs]
        assert dict(zip(keys, found.chosen[:, s].tolist(), strict=True)) == chosen
        different += len(set(chosen.values())) > 1
    assert different, "the seed should make some fold pairs disagree, else assembly is not tested"


def test_blocks_part_the_triangle_and_training_touches_neither_fold() -> None:
    folds = np.array([2, 0, 1, 1, 2, 0, 2, 0, 1, 3, 3, 3])
    first, second = pair_indices(len(folds))
    pairs = fold_pairs(folds)
    assert len(pairs) == 10
    np.testing.assert_array_equal(sum(pair.block.astype(int) for pair in pairs), 1)
    for pair in pairs:
        ends = np.stack([folds[first], folds[second]])
        assert not np.isin(ends[:, pair.training], pair.folds).any()
        assert pair.training.sum() == (15 if pair.folds[0] != pair.folds[1] else 36)
        assert {tuple(sorted(end)) for end in ends[:, pair.block].T.tolist()} == {pair.folds}


def test_scored_entries_do_not_decide_their_layer() -> None:
    layers, subjects = layers_and_subjects(3)
    before = cross_validate(layers, subjects[:1], FOLDS)
    first, second = pair_indices(len(FOLDS))
    touched = (FOLDS[first] == 0) | (FOLDS[second] == 0)
    changed = subjects[:1].copy()
    changed[:, touched] = np.random.default_rng(4).uniform(0, 2, size=touched.sum())
    after = cross_validate(layers, changed, FOLDS)
    with_fold_0 = (before.fold_pairs == 0).any(axis=1)
    np.testing.assert_array_equal(before.chosen[with_fold_0], after.chosen[with_fold_0])


def test_a_planted_layer_is_always_chosen() -> None:
    generator = np.random.default_rng(5)
    layers = generator.standard_normal((6, len(FOLDS), 20))
    subjects = layers[4] + 0.1 * generator.standard_normal((2, len(FOLDS), 20))
    layer_rdms = np.array([rdm(x) for x in layers])
    subject_rdms = np.array([rdm(x) for x in subjects])
    found = cross_validate(layer_rdms, subject_rdms, FOLDS)
    assert (found.chosen == 4).all()
    np.testing.assert_array_equal(found.rdms, layer_rdms[[4, 4]])
    np.testing.assert_allclose(found.rho, spearman(layer_rdms[4], subject_rdms)[0], atol=1e-12)


def test_one_layer_leaves_nothing_to_choose() -> None:
    layers, subjects = layers_and_subjects(6)
    found = cross_validate(layers[:1], subjects, FOLDS)
    np.testing.assert_allclose(found.rho, spearman(layers[0], subjects)[0], atol=1e-12)


def test_the_first_of_equal_layers_wins() -> None:
    layers, subjects = layers_and_subjects(7)
    found = cross_validate(layers[[1, 1, 1]], subjects, FOLDS)
    assert (found.chosen == 0).all()


def test_fold_names_do_not_matter() -> None:
    layers, subjects = layers_and_subjects(8)
    np.testing.assert_array_equal(
        cross_validate(layers, subjects, FOLDS).rho,
        cross_validate(layers, subjects, 7 + 3 * FOLDS).rho,
    )


def test_labels_of_folds_may_be_texts_or_fractions() -> None:
    layers, subjects = layers_and_subjects(8)
    plain = cross_validate(layers, subjects, FOLDS)
    for labels in (np.array(list("vwxyz"))[FOLDS], FOLDS / 7):
        found = cross_validate(layers, subjects, labels)
        np.testing.assert_array_equal(found.rho, plain.rho)
        assert found.fold_pairs[1].tolist() == [labels[0], labels[1]]


def test_too_few_folds_are_refused() -> None:
    layers, subjects = layers_and_subjects(9)
    with pytest.raises(DataError, match="Folds 0 and 1 leave 0 of 25"):
        cross_validate(layers, subjects, FOLDS % 2)


def test_folds_of_other_stimuli_are_refused() -> None:
    layers, subjects = layers_and_subjects(10)
    with pytest.raises(DataError, match="24 stimuli do not fit"):
        cross_validate(layers, subjects, FOLDS[1:])


def test_a_subject_constant_where_layers_are_chosen_is_refused() -> None:
    layers, subjects = layers_and_subjects(11)
    first, second = pair_indices(len(FOLDS))
    subjects[1, (FOLDS[first] != 0) & (FOLDS[second] != 0)] = 1.0
    with pytest.raises(DataError, match="Outside folds 0 and 0"):
        cross_validate(layers, subjects, FOLDS)
