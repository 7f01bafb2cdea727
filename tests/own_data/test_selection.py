"""Selection of voxels against a plain loop, and on the components of real voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from scipy import stats

from brainbench_audio.errors import DataError
from brainbench_audio.own_data.selection import (
    percent_signal_change,
    reliability,
    selected_voxels,
    sound_p,
)


def plain(responses: np.ndarray, silence: np.ndarray | None) -> list[bool]:
    """One voxel after the other, by the formulas of the papers."""
    kept = []
    for voxel in range(responses.shape[1]):
        own = responses[:, voxel]
        mean = own.mean(axis=1)
        if silence is None:
            t = mean.mean() / (mean.std(ddof=1) / np.sqrt(len(mean)))
            p = stats.t.sf(t, len(mean) - 1)
        else:
            rest = silence[:, voxel]
            parts = mean.var(ddof=1) / len(mean), rest.var(ddof=1) / len(rest)
            t = (mean.mean() - rest.mean()) / np.sqrt(sum(parts))
            freedom = sum(parts) ** 2 / (
                parts[0] ** 2 / (len(mean) - 1) + parts[1] ** 2 / (len(rest) - 1)
            )
            p = stats.t.sf(t, freedom)
        v12, v3 = own[:, :2].mean(axis=1), own[:, 2]
        unit = v3 / np.linalg.norm(v3)
        r = 1 - np.linalg.norm(v12 - unit * (unit @ v12)) / np.linalg.norm(v12)
        kept.append(bool(p < 0.001 and r > 0.3))
    return kept


@pytest.mark.parametrize("with_silence", [False, True])
def test_it_is_the_plain_loop(with_silence: bool) -> None:
    generator = np.random.default_rng(0)
    true = generator.standard_normal((30, 200)) + generator.uniform(-1, 2, 200)
    noise = generator.uniform(0.2, 3, 200)[:, None] * generator.standard_normal((30, 200, 3))
    silence = 0.5 * generator.standard_normal((12, 200)) if with_silence else None
    responses = true[:, :, None] + noise
    kept = selected_voxels(responses, silence)
    assert kept.tolist() == plain(responses, silence)
    assert 0.1 < kept.mean() < 0.9


def test_noise_is_kept_as_rarely_as_promised() -> None:
    noise = np.random.default_rng(0).standard_normal((165, 20_000))
    assert (sound_p(noise) < 0.01).mean() == pytest.approx(0.01, abs=0.003)
    quiet = np.random.default_rng(1).standard_normal((20, 20_000)) * 3
    assert (sound_p(noise, quiet) < 0.01).mean() == pytest.approx(0.01, abs=0.003)
    assert not selected_voxels(noise.reshape(165, -1, 4)).any()


def test_a_voxel_that_lacks_a_session_or_is_zero_is_not_kept() -> None:
    responses = np.tile(np.linspace(1, 2, 20)[:, None, None], (1, 3, 3))
    responses[:, 1, 2] = np.nan
    responses[:, 2] = 0
    assert selected_voxels(responses + np.array([1e-3, 0, 0])[:, None]).tolist()[1:] == [
        *(False, False)
    ]
    assert np.isnan(reliability(responses[:, 2, :1], responses[:, 2, 1:2])).all()
    with pytest.raises(DataError, match="there is one session"):
        selected_voxels(responses[:, :, :1])


def test_percent_signal_change_needs_a_signal() -> None:
    estimates, silence = np.array([[110.0, 5.0]]), np.array([[100.0, 0.0]])
    np.testing.assert_array_equal(percent_signal_change(estimates, silence), [[10, np.nan]])
    with pytest.raises(DataError, match="relative to silence already"):
        percent_signal_change(estimates, -silence)


def test_percent_signal_change_keeps_its_bits_beside_voxels_that_lack_a_trial() -> None:
    """Checksums of data count them, in whatever order a file has its numbers in memory."""
    generator = np.random.default_rng(0)
    block = np.asfortranarray(100 + generator.standard_normal((60, 300, 1)))
    estimates, silence = block[:, :, 0], block[list(range(20, 60))][:, :, 0]
    baseline = silence.mean(axis=0)
    expected = 100 * (estimates - baseline) / baseline
    np.testing.assert_array_equal(percent_signal_change(estimates, silence), expected)
    silence[3, 0] = np.nan
    changed = percent_signal_change(estimates, silence)
    np.testing.assert_array_equal(changed[:, 1:], expected[:, 1:])


def test_trials_of_silence_that_are_missing_are_left_out() -> None:
    """One empty trial made all responses of its voxel NaN."""
    generator = np.random.default_rng(0)
    estimates = 100 + generator.standard_normal((30, 6))
    silence = 99.5 + generator.standard_normal((5, 6))
    silence[1] = np.nan
    silence[3, 2] = silence[4, 2] = np.nan
    silence[:, 4] = np.nan
    silence[1:, 5] = np.nan
    changed, p = percent_signal_change(estimates, silence), sound_p(estimates, silence)
    for voxel in (0, 1, 2, 3, 5):
        rest = silence[~np.isnan(silence[:, voxel]), voxel]
        own = estimates[:, voxel]
        expected = 100 * (own - rest.mean()) / rest.mean()
        np.testing.assert_allclose(changed[:, voxel], expected, rtol=1e-10)
        if voxel != 5:  # a single trial has no spread
            test = stats.ttest_ind(own, rest, equal_var=False, alternative="greater")
            assert p[voxel] == pytest.approx(test.pvalue, rel=1e-10)
    assert np.isnan(changed[:, 4]).all()
    assert np.isnan(p[4:]).all()
    with pytest.raises(DataError, match="No row of silence has a number"):
        percent_signal_change(estimates, np.full((2, 6), np.nan))


@pytest.mark.data
def test_voxels_of_auditory_cortex_are_kept_and_noise_is_not(data_folder: Path) -> None:
    """The part of NH2015 that six components explain, with noise of known size in each session."""
    content = scipy.io.loadmat(data_folder / "natsound165" / "components.mat")
    signal = (content["R"] @ content["W"])[:, ::20]
    generator = np.random.default_rng(0)
    size = signal.std(axis=0)
    sessions = generator.standard_normal((*signal.shape, 3)) * size[:, None]
    # all of these voxels were selected from others by the authors
    assert selected_voxels(signal[:, :, None] + 0.5 * sessions).mean() > 0.95
    assert selected_voxels(sessions).mean() < 0.01
