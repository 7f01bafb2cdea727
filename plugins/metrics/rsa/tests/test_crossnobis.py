"""Cross-validated distances between sessions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from brainbench_rsa import crossnobis
from brainbench_rsa.crossnobis import cross_products, distances, noise_covariance
from brainbench_rsa.metric import RSA
from brainbench_rsa.rdm import euclidean, rdm
from scipy.linalg import LinAlgError
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.covariance import LedoitWolf

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import DataError, UnknownId
from brainbench_audio.registry.lookup import find_benchmark
from brainbench_audio.scores.influence import stored_influence

FOLDS = np.arange(40) % 5


def measured(seed: int, *, signal: float = 1.0, sessions: int = 3, targets: int = 12) -> np.ndarray:
    """Responses (stimulus, target, session) with noise that targets share."""
    rng = np.random.default_rng(seed)
    pattern = rng.standard_normal((40, 5)) @ rng.standard_normal((5, targets))
    mix = rng.standard_normal((targets, targets)) / np.sqrt(targets) + np.eye(targets)
    noise = np.einsum("ips,pq->iqs", rng.standard_normal((40, targets, sessions)), mix)
    return signal * pattern[:, :, None] + 2 * noise


def plain(responses: np.ndarray, folds: np.ndarray) -> list[float]:
    """The formula, pair by pair and session by session."""
    stimuli, targets, sessions = responses.shape
    found = []
    for i, j in combinations(range(stimuli), 2):
        others = responses[(folds != folds[i]) & (folds != folds[j])]
        left = others - others.mean(axis=2, keepdims=True)
        left = left - left.mean(axis=0)
        rows = np.concatenate([left[:, :, session] for session in range(sessions)])
        noise = LedoitWolf(assume_centered=True).fit(rows).covariance_ * sessions / (sessions - 1)
        summed = 0.0
        for m in range(sessions):
            rest = np.delete(responses, m, axis=2).mean(axis=2)
            step = np.linalg.solve(noise, rest[i] - rest[j])
            summed += float((responses[i, :, m] - responses[j, :, m]) @ step)
        found.append(summed / sessions / targets)
    return found


@pytest.mark.parametrize(("sessions", "targets"), [(2, 60), (4, 5), (3, 90)])
def test_equal_to_a_plain_loop(sessions: int, targets: int) -> None:
    responses = measured(0, sessions=sessions, targets=targets)[:20]
    # sessions differ in their mean, which no distance depends on
    responses = responses + 100 * np.arange(sessions)
    folds = np.random.default_rng(1).permutation(FOLDS[:20])
    np.testing.assert_allclose(distances(responses, folds), plain(responses, folds), atol=1e-9)


def test_the_same_whether_targets_or_measurements_are_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    responses = 1e-13 * (measured(2, targets=130) + 50)
    few = distances(responses, FOLDS)
    monkeypatch.setattr(crossnobis, "_is_small", lambda *_: True)
    np.testing.assert_allclose(distances(responses, FOLDS), few, atol=1e-9)


def test_unbiased_where_sessions_are_noise_alone() -> None:
    means = [distances(measured(seed, signal=0.0, sessions=2), FOLDS).mean() for seed in range(60)]
    error = np.std(means) / np.sqrt(len(means))
    assert abs(np.mean(means)) < 3 * error
    # with the covariance of the same stimuli it would be well above 0
    biased = []
    for seed in range(60):
        responses = measured(seed, signal=0.0, sessions=2)
        factor = np.linalg.cholesky(noise_covariance(responses))
        whitened = np.linalg.solve(factor, np.moveaxis(responses, 1, 0).reshape(12, -1))
        products = cross_products(whitened.T @ whitened, 2)
        own = np.diag(products)
        both = own[:, None] + own - 2 * products
        biased.append(both[np.triu_indices(40, 1)].mean() / 12)
    assert np.mean(biased) > 6 * error


def test_nearer_to_the_noiseless_distances_than_correlation() -> None:
    truth = distances(measured(3, signal=1e4), FOLDS)
    noisy = measured(3, signal=0.7)
    found = spearmanr(distances(noisy, FOLDS), truth).statistic
    assert found > spearmanr(rdm(noisy.mean(axis=2), zscore=True), truth).statistic + 0.05


def test_distances_of_layers_are_euclidean_in_any_unit() -> None:
    features = np.random.default_rng(4).standard_normal((20, 7)) * np.arange(7) + 3
    for zscore in (True, False):
        wanted = features / features.std(axis=0).clip(1e-9) if zscore else features
        expected = pdist(wanted, "sqeuclidean")
        for unit in (1e-30, 1.0, 1e30):
            found = euclidean(unit * features, zscore=zscore)
            np.testing.assert_allclose(found, expected / expected.mean(), atol=1e-12)
    assert not euclidean(np.ones((5, 3))).any()


def target(values: np.ndarray, **coordinates: list[str]) -> xr.DataArray:
    names = [f"sound-{number}" for number in range(len(values))]
    return build(values, names, "voxel", coordinates)


def test_the_metric_compares_them_with_layers() -> None:
    responses = measured(5, targets=24)
    responses[3, 2, 1] = np.nan
    subjects = [f"subject-{number // 8}" for number in range(24)]
    layers = {
        name: np.random.default_rng(seed).standard_normal((40, 9))
        for seed, name in enumerate(("one", "two"))
    }
    layers["like"] = np.nan_to_num(responses).mean(axis=2)
    found = RSA(variant="crossnobis")(layers, target(responses, subject=subjects), FOLDS)
    assert found.layer == "like"
    assert found.n["voxel"] == 23
    assert found.n["voxel_dropped"] == 1
    whole = np.arange(8) + 8
    scaled = layers["like"] / layers["like"].std(axis=0)
    expected = spearmanr(pdist(scaled, "sqeuclidean"), distances(responses[:, whole], FOLDS))
    assert found.parts["subject-1"] == pytest.approx(expected.statistic)
    assert found.p is not None
    assert found.p < 0.05
    assert found.interval is not None
    assert found.ceiling is not None


def test_what_has_no_sessions_or_folds_or_noise_is_refused() -> None:
    metric = RSA(variant="crossnobis")
    layers = {"one": np.random.default_rng(0).standard_normal((40, 9))}
    responses = measured(6)
    with pytest.raises(DataError, match="two sessions at least"):
        metric(layers, target(responses[:, :, 0]), FOLDS)
    with pytest.raises(DataError, match="2 folds"):
        metric(layers, target(responses), FOLDS % 2)
    with pytest.raises(DataError, match="1 of 40 stimuli have no fold"):
        metric(layers, target(responses), np.where(np.arange(40) == 3, np.nan, FOLDS))
    with pytest.raises(DataError, match="39 stimuli do not fit 40"):
        metric(layers, target(responses), FOLDS[1:])
    with pytest.raises(DataError, match="one label a stimulus"):
        metric(layers, target(responses), FOLDS[:, np.newaxis])
    same = np.repeat(responses[:, :, :1], 3, axis=2)
    with pytest.raises(DataError, match="vary between sessions"):
        metric(layers, target(same), FOLDS)
    with pytest.raises(LinAlgError):
        noise_covariance(same + 0.1)
    with pytest.raises(UnknownId, match="rsa-crossnobis needs sessions, which NH2015comp"):
        find_benchmark("NH2015comp-rsa-crossnobis")


def world(seed: int, signal: float = 1.0) -> tuple[list[dict[str, np.ndarray]], xr.DataArray]:
    """Two equally good models and responses in three noisy sessions to sounds drawn anew."""
    fixed = np.random.default_rng(20)
    tuning, seen = fixed.standard_normal((5, 12)), fixed.standard_normal((5, 10))
    mix = fixed.standard_normal((12, 12)) / np.sqrt(12) + np.eye(12)
    rng = np.random.default_rng([seed, 80])
    heard = rng.standard_normal((80, 5))
    noise = 2 * np.einsum("ips,pq->iqs", rng.standard_normal((80, 12, 3)), mix)
    responses = signal * (heard @ tuning)[:, :, None] + noise
    models = [{"layer": heard @ seen + rng.standard_normal((80, 10))} for _ in range(2)]
    return models, build(responses, [f"sound {place}" for place in range(80)], "voxel", {})


@pytest.mark.parametrize("noise", [1.0, 2.0])
def test_a_perfect_model_scores_between_the_bounds_of_the_ceiling(noise: float) -> None:
    """Its features are the responses without noise; with more subjects the bounds close in."""
    tuning = np.random.default_rng(20).standard_normal((5, 12))
    tuning /= np.linalg.norm(tuning, axis=0)  # no voxel responds more than others
    width = []
    for subjects in (3, 9):
        found = []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            perfect = rng.standard_normal((40, 5)) @ tuning
            each = perfect[:, :, None] + noise * rng.standard_normal((subjects, 40, 12, 3))
            who = np.repeat([f"subject-{number}" for number in range(subjects)], 12).tolist()
            metric = RSA(variant="crossnobis", permutations=0)
            score = metric({"perfect": perfect}, target(np.hstack(each), subject=who), FOLDS)
            assert score.ceiling is not None
            found.append((score.ceiling, score.value, float(score.raw["ceiling_upper"].mean())))
        low, value, high = np.mean(found, axis=0)
        assert low < value < high
        width.append(high - low)
    assert width[1] < 0.6 * width[0]


@pytest.mark.slow
def test_error_rates() -> None:
    """Limits are three Monte-Carlo errors from .05; docs/methods.md has the rates of 300 worlds."""
    times, folds = 150, np.arange(80) % 5
    limit = 0.05 + 3 * np.sqrt(0.05 * 0.95 / times)
    values, intervals, differ, chance = [], [], [], []
    for seed in range(times):
        models, responses = world(seed)
        plain = RSA(variant="crossnobis", permutations=0)
        first, second = (plain(model, responses, folds) for model in models)
        values.append(first.value)
        intervals.append(first.interval)
        owed = [stored_influence(one.raw, one.parts, one.value) for one in (first, second)]
        differ.append((owed[0] - owed[1]).estimate().p)
        tested = RSA(variant="crossnobis", permutations=99)
        chance.append(tested(models[0], world(seed + 5000, 0.0)[1], folds).p)
    low, high = np.array(intervals).T
    missed = (np.mean(values) < low) | (np.mean(values) > high)
    assert missed.mean() <= limit
    assert np.mean(np.array(differ) < 0.05) <= limit
    assert np.mean(np.array(chance) <= 0.05) <= limit
