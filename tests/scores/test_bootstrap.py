"""Errors and intervals over subjects, stimuli or both."""

from __future__ import annotations

import numpy as np
import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.scores.bootstrap import (
    bootstrap_subjects,
    checked_draws,
    drawn_means,
    uncertainty,
)
from brainbench_audio.scores.statistics import mean_interval, percentile_interval, standard_error

PARTS = np.array([0.2, 0.4, 0.9])


def draw_parts(counts: np.ndarray) -> np.ndarray:
    """Return parts that depend on how often the first stimulus is drawn."""
    assert counts.shape[1] == 8
    return PARTS + 0.1 * counts[:, :1]


def test_subjects_alone_need_no_draws() -> None:
    def never(_: np.ndarray) -> np.ndarray:
        raise AssertionError("no bootstrap was asked for")

    for bootstrap in (None, 0):
        found = uncertainty(PARTS, never, stimuli=8, subjects=True, bootstrap=bootstrap)
        assert (found.error, found.interval) == (standard_error(PARTS), mean_interval(PARTS))
        assert found.draws.size == 0
    none = uncertainty(PARTS[:1], never, stimuli=8, subjects=True, bootstrap=0)
    assert (none.error, none.interval) == (None, None)


@pytest.mark.parametrize(("parts", "subjects"), [(PARTS, False), (PARTS[:1], True)])
def test_without_subjects_stimuli_are_drawn(parts: np.ndarray, subjects: bool) -> None:
    def draws(counts: np.ndarray) -> np.ndarray:
        return draw_parts(counts)[:, : parts.size]

    found = uncertainty(parts, draws, stimuli=8, subjects=subjects, seed=4)
    assert found.draws.shape == (1000,)
    assert found.interval == percentile_interval(found.draws)
    assert found.error == pytest.approx(found.draws.std(ddof=1))
    assert found.attributes == {"seed": 4, "bootstrap": 1000}


def test_both_are_drawn_when_asked() -> None:
    found = uncertainty(PARTS, draw_parts, stimuli=8, subjects=True, bootstrap=500, seed=1)
    assert found.interval == percentile_interval(found.draws)
    assert found.attributes["subject_interval"] == mean_interval(PARTS)
    assert found.attributes["subject_error"] == standard_error(PARTS)
    stimuli = uncertainty(PARTS, draw_parts, stimuli=8, subjects=False, bootstrap=500, seed=1)
    assert found.error is not None
    assert stimuli.error is not None
    assert found.error > stimuli.error


def test_subjects_are_drawn_as_a_plain_loop_does() -> None:
    drawn = np.random.default_rng(0).standard_normal((6, 4))
    chosen = bootstrap_subjects(6, 4, seed=9)
    rows = zip(drawn, chosen, strict=True)
    expected = [np.mean([row[subject] for subject in subjects]) for row, subjects in rows]
    np.testing.assert_allclose(drawn_means(drawn, seed=9), expected)
    drawn[2, 1] = np.nan
    assert np.isnan(drawn_means(drawn, seed=9)).tolist() == [
        row == 2 and 1 in chosen[2] for row in range(6)
    ]


def test_undefined_draws_do_not_count() -> None:
    def draws(counts: np.ndarray) -> np.ndarray:
        found = draw_parts(counts)
        found[::2] = np.nan
        return found

    found = uncertainty(PARTS, draws, stimuli=8, subjects=True, bootstrap=40)
    assert np.isnan(found.draws).sum() == 20
    assert found.error == pytest.approx(np.nanstd(found.draws, ddof=1))
    lost = uncertainty(PARTS, lambda c: draw_parts(c) * np.nan, stimuli=8, subjects=False)
    assert (lost.error, lost.interval) == (None, None)


@pytest.mark.parametrize("wrong", [1, -1])
def test_draws_are_checked(wrong: int) -> None:
    with pytest.raises(DataError, match=f"at least 2 draws .* got {wrong}"):
        checked_draws(wrong)
    assert [checked_draws(number) for number in (None, 0, 2)] == [None, 0, 2]
