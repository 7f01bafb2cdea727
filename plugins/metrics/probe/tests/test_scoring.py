from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from brainbench_probe.scoring import METRICS, Predictions
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

Array = npt.NDArray[np.float64]
NAMES = ["60", "61", "72"]


def multilabel(seed: int = 0, ties: bool = False, clips: int = 40) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    labels = (generator.random((clips, 3)) < 0.4).astype(np.float64)
    logits = labels + 2 * generator.standard_normal((clips, 3))
    return labels, np.round(logits) if ties else logits


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), ties=st.booleans(), weighted=st.booleans())
def test_equal_to_scikit_learn(seed: int, ties: bool, weighted: bool) -> None:
    labels, logits = multilabel(seed, ties)
    counts = np.random.default_rng(seed).multinomial(40, [1 / 40] * 40) if weighted else None
    weights = None if counts is None else counts.astype(np.float64)
    found = Predictions(labels, logits, NAMES)
    options = {"average": "macro", "sample_weight": weights}
    area = roc_auc_score(labels, logits, average=None, sample_weight=weights)
    assert found.score("mAP", weights) == pytest.approx(
        average_precision_score(labels, logits, **options)
    )
    assert found.score("aucroc", weights) == pytest.approx(area.mean())
    assert found.score("d_prime", weights) == pytest.approx(np.mean(np.sqrt(2) * norm.ppf(area)))
    only, best = labels.argmax(axis=1), logits.argmax(axis=1)
    single = Predictions(np.eye(3)[only], logits, NAMES)
    wanted = accuracy_score(only, best, sample_weight=weights)
    assert single.score("top1_acc", weights) == pytest.approx(wanted)
    assert single.score("pitch_acc", weights) == single.score("top1_acc", weights)


def shares(labels: Array, logits: Array) -> dict[str, float]:
    """Accuracies by a plain loop over clips and the labels that each has."""
    right, octaves = 0, 0
    for known, predicted in zip(labels, logits, strict=True):
        best = NAMES[int(predicted.argmax())]
        has = [name for name, here in zip(NAMES, known, strict=True) if here]
        right += best in has
        octaves += int(best) % 12 in {int(name) % 12 for name in has}
    found = right / len(labels)
    return {"top1_acc": found, "pitch_acc": found, "chroma_acc": octaves / len(labels)}


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(3)))
def test_accuracies_count_the_labels_that_a_clip_has(seed: int, order: list[int]) -> None:
    labels, logits = multilabel(seed)
    moved = Predictions(labels[:, order], logits[:, order], [NAMES[place] for place in order])
    for metric, share in shares(labels, logits).items():
        assert Predictions(labels, logits, NAMES).score(metric) == pytest.approx(share)
        assert moved.score(metric) == pytest.approx(share)


def test_a_clip_without_labels_is_never_right() -> None:
    labels = np.zeros((10, 3))
    labels[0, 2] = 1
    for place, share in enumerate((0, 0, 0.1)):
        always = np.tile(5.0 * np.eye(3)[place], (10, 1))
        found = Predictions(labels, always, NAMES)
        assert found.score("top1_acc") == found.score("pitch_acc") == share
        assert found.score("chroma_acc") == (0.1 if place != 1 else 0)
    empty = Predictions(0 * labels, always, NAMES)
    assert [empty.score(metric) for metric in ("top1_acc", "pitch_acc", "chroma_acc")] == [0, 0, 0]


def test_a_clip_without_labels_is_a_negative_of_every_label() -> None:
    labels, logits = multilabel()
    labels[:15] = 0
    found = Predictions(labels, logits, NAMES)
    precision = average_precision_score(labels, logits)
    assert found.score("mAP") == pytest.approx(precision)
    assert found.score("aucroc") == pytest.approx(roc_auc_score(labels, logits))


def test_labels_that_every_clip_has_are_left_out_of_areas() -> None:
    labels, logits = multilabel()
    labels[:, 1] = 1
    found = Predictions(labels, logits, NAMES)
    part = Predictions(labels[:, [0, 2]], logits[:, [0, 2]], [NAMES[0], NAMES[2]])
    assert found.score("aucroc") == pytest.approx(part.score("aucroc"))
    assert found.score("d_prime") == pytest.approx(part.score("d_prime"))
    assert found.average_precision(np.ones(40))[1] == pytest.approx(1)


def test_weights_are_repetitions() -> None:
    labels, logits = multilabel(ties=True)
    counts = np.random.default_rng(1).integers(0, 4, size=40)
    rows = np.repeat(np.arange(40), counts)
    weighted = Predictions(labels, logits, NAMES)
    repeated = Predictions(labels[rows], logits[rows], NAMES)
    for metric in METRICS:
        assert weighted.score(metric, counts.astype(float)) == pytest.approx(repeated.score(metric))


@pytest.mark.parametrize("metric", METRICS)
def test_mixed_labels_give_the_same_bits_as_copies_of_them(metric: str) -> None:
    labels, logits = multilabel(0)
    found = Predictions(labels, logits, NAMES)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(labels))
        assert found.mixed(metric, order) == found.reordered(order).score(metric)


def test_chroma_ignores_octaves() -> None:
    labels = np.eye(3)[[0, 0, 1, 2]]
    logits = np.eye(3)[[2, 1, 1, 0]]
    found = Predictions(labels, logits, NAMES)
    assert found.score("chroma_acc") == 0.75
    assert found.score("pitch_acc") == 0.25


def test_labels_without_positive_clips_are_left_out() -> None:
    labels, logits = multilabel()
    without = labels.copy()
    without[:, 1] = 0
    found = Predictions(without, logits, NAMES)
    part = Predictions(labels[:, [0, 2]], logits[:, [0, 2]], NAMES)
    for metric in ("mAP", "aucroc", "d_prime"):
        assert found.score(metric) == pytest.approx(part.score(metric))
    assert np.isnan(Predictions(0 * labels, logits, NAMES).score("mAP"))


def test_d_prime_of_perfect_predictions_is_finite() -> None:
    labels = np.eye(2)[[0, 0, 1, 1, 1]]
    found = Predictions(labels, labels, ["a", "b"])
    assert found.score("aucroc") == 1
    assert found.score("d_prime") == pytest.approx(np.sqrt(2) * norm.ppf(1 - 1 / 12))
