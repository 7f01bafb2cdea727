"""R² corrected for noise, beside a plain loop of its formula."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from brainbench_ridge.cards import RIDGE as CARD
from brainbench_ridge.correction import Correction, median_reliability
from brainbench_ridge.loader import load
from brainbench_ridge.metric import Ridge
from brainbench_ridge.solver import nested_ridge

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.scores.score import WITHHELD, Score

from .plain_loop import PENALTIES, plain_ridge, predict, r_squared, search

FloatArray = npt.NDArray[np.float64]
FOLDS = np.arange(40) % 5
SUBJECTS = ["subject-0"] * 4 + ["subject-1"] * 3
METRIC = Ridge(variant="corrected")


def made_up(noise: float = 1.5) -> tuple[dict[str, FloatArray], FloatArray]:
    """Two layers, and (stimulus, target, session) responses to the one or the other, or none."""
    generator = np.random.default_rng(3)
    first, second = generator.standard_normal((2, 40, 12))
    clean = np.stack([first[:, 0], second[:, 1], first[:, 2] + first[:, 3]] * 2, axis=1)
    clean = np.hstack([clean, np.zeros((40, 1))])
    sessions = clean[:, :, None] + noise * generator.standard_normal((40, 7, 3))
    return {"first": first, "second": second}, sessions


def voxels(sessions: FloatArray) -> xr.DataArray:
    names = [f"stim{number}" for number in range(len(sessions))]
    return build(sessions, names, "voxel", {"subject": SUBJECTS[: sessions.shape[1]]})


def plain_reliability(columns: list[FloatArray], floor: float) -> float:
    pairs = [np.corrcoef(one, other)[0, 1] for one, other in combinations(columns, 2)]
    r, k = float(np.median(pairs)), len(columns)
    return max(k * r / (1 + (k - 1) * r), floor) if r > 0 else floor


def plain_corrected(layers: dict[str, FloatArray], sessions: FloatArray) -> float:
    """Return the corrected R² of a voxel with responses (stimulus, session), all of them there."""
    features = list(layers.values())
    mean = sessions.mean(axis=1)
    found = plain_ridge(layers, mean, FOLDS)
    predictions = []
    for session in sessions.T:
        predicted = np.empty(40)
        for fold, layer in enumerate(found.layers):
            test, x = fold == FOLDS, features[layer]
            penalty, _ = search([x[~test]], session[~test], FOLDS[~test], PENALTIES, False)
            predicted[test] = predict(x[~test], session[~test], x[test], penalty, False)
        predictions.append(predicted)
    measured = plain_reliability(list(sessions.T), 0.182)
    return r_squared(found.predictions, mean) / (measured * plain_reliability(predictions, 0.183))


def test_equal_to_a_plain_loop() -> None:
    layers, sessions = made_up()
    score = METRIC(layers, voxels(sessions), FOLDS)
    corrected = score.raw["r2_corrected"].values
    expected = [plain_corrected(layers, sessions[:, voxel]) for voxel in (0, 1, 6)]
    np.testing.assert_allclose(corrected[[0, 1, 6]], expected, rtol=1e-9)
    parts = [np.median(corrected[:4]), np.median(corrected[4:])]
    assert list(score.parts.values()) == pytest.approx(parts)
    assert score.value == pytest.approx(np.mean(parts))
    assert score.ceiling == 1.0
    # one voxel in seven is noise
    assert score.normalised is None
    assert "14% of the voxels" in score.provenance[WITHHELD]


def test_raw_holds_both(tmp_path: Path) -> None:
    layers, sessions = made_up()
    plain, score = (metric(layers, voxels(sessions), FOLDS) for metric in (Ridge(), METRIC))
    for name in ("r2", "layer_score", "chosen_layer", "prediction"):
        np.testing.assert_allclose(score.raw[name], plain.raw[name], rtol=1e-12)
    assert (score.raw["r2_corrected"] >= score.raw["r2"]).all()
    product = score.raw["measured_reliability"].clip(0.182) * score.raw[
        "predicted_reliability"
    ].clip(0.183)
    np.testing.assert_allclose(score.raw["r2_corrected"], score.raw["r2"] / product)
    assert score.layer == plain.layer
    score.to_netcdf(tmp_path / "score.nc")
    xr.testing.assert_identical(Score.from_netcdf(tmp_path / "score.nc").raw, score.raw)


def test_noise_is_corrected_for() -> None:
    generator = np.random.default_rng(0)
    features = generator.standard_normal((165, 6))
    clean = features @ generator.standard_normal((6, 60))
    clean /= clean.std(axis=0)
    folds = np.arange(165) % 5
    found = []
    for noise in (0.0, 1.0, 2.0):
        sessions = clean[:, :, None] + noise * generator.standard_normal((165, 60, 3))
        names = [f"stim{number}" for number in range(165)]
        target = build(sessions, names, "voxel", {"subject": ["subject-0"] * 60})
        score = Ridge(variant="corrected")({"one": features}, target, folds)
        assert score.normalised == score.value
        found.append((float(score.raw["r2"].median()), score.value))
    assert found[0][1] == pytest.approx(1, abs=1e-3)
    assert found[1][0] < 0.8
    assert found[2][0] < 0.5
    assert found[1][1] == pytest.approx(1, abs=0.05)
    assert found[2][1] == pytest.approx(1, abs=0.1)


def test_missing_sessions_are_left_out_and_counted() -> None:
    layers, sessions = made_up()
    sessions[3, 0, 2] = np.nan  # two sessions are complete
    sessions[:, 1, 1:] = np.nan  # one
    sessions[5, 4:, 0] = sessions[6, 4:, 1] = np.nan  # one for all of the second subject
    score = METRIC(layers, voxels(sessions), FOLDS)
    assert (
        np.isnan(score.raw["r2_corrected"].values).tolist()
        == [False, True] + [False] * 2 + [True] * 3
    )
    assert score.n["voxel"] == 3
    assert score.n["voxel_dropped"] == 0
    assert score.n["voxel_without_ceiling"] == 4
    assert (score.n["subject"], score.n["subject_dropped"]) == (1, 1)
    assert list(score.parts) == ["subject-0"]
    first = Correction.of(
        score.raw["r2"].values[:1],
        # of all three, each pair over the stimuli that both have
        median_reliability(sessions[:, :1]),
        score.raw["predicted_reliability"].values[:1],
    )
    assert float(score.raw["r2_corrected"][0]) == pytest.approx(first.r2[0])
    sessions[:, :, 1:] = np.nan
    with pytest.raises(DataError, match="None of the 4 voxels has two complete sessions"):
        METRIC(layers, voxels(sessions), FOLDS)
    with pytest.raises(DataError, match="without sessions"):
        METRIC(layers, voxels(sessions[:, :, 0]), FOLDS)


def test_floors_and_counts_of_a_correction() -> None:
    nan = float("nan")
    found = Correction.of(
        np.array([0.5, 0.5, 0.5, 0.0, 0.5]),
        np.array([0.1, 0.9, 0.9, 0.9, nan]),
        np.array([0.9, -0.4, 0.5, nan, 0.9]),
    )
    expected = [0.5 / (0.182 * 0.9), 0.5 / (0.9 * 0.183), 0.5 / 0.45, 0.0, nan]
    np.testing.assert_allclose(found.r2, expected)
    assert found.at_floor.tolist() == [True, True, False, True, False]


def test_reliability_of_sessions_that_contradict_each_other() -> None:
    generator = np.random.default_rng(1)
    x, noise = generator.standard_normal((2, 30))
    # correlations of about -0.9, -0.9 and 0.7: Spearman-Brown of their median would be above 1
    opposed = np.stack([x, -x + 0.4 * noise, -x - 0.4 * noise], axis=1)[:, None]
    assert median_reliability(opposed).tolist() == [0.0]
    constant = np.stack([x, x, np.ones(30)], axis=1)[:, None]
    assert median_reliability(constant).tolist() == pytest.approx([1.0])
    assert np.isnan(median_reliability(opposed[:, :, :1])).all()


def test_one_subject_has_an_error() -> None:
    layers, sessions = made_up()
    target = voxels(sessions[:, :4])
    score = Ridge(variant="corrected")(layers, target, FOLDS)
    assert score.error is not None
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]


def test_followers_take_the_layers_of_their_leaders() -> None:
    layers, sessions = made_up()
    targets, leaders = sessions[:, :, 0], np.array([0, 1, 1, 3, 3, 5, 5])
    for profile in (True, False):
        alone = nested_ridge(layers, targets, FOLDS, profile=profile)
        led = nested_ridge(layers, targets, FOLDS, leaders=leaders, block=2, profile=profile)
        np.testing.assert_array_equal(led.layer, alone.layer[:, leaders])
        own = leaders == np.arange(7)
        np.testing.assert_allclose(led.predictions[:, own], alone.predictions[:, own])
        assert (led.layer[:, ~own] != alone.layer[:, ~own]).any()
    for wrong in ([0, 1], [0, 1, 2, 3, 4, 5, 7]):
        with pytest.raises(ContractError, match="Leaders"):
            nested_ridge(layers, targets, FOLDS, leaders=wrong)


def test_the_card_demands_sessions() -> None:
    assert CARD.required("corrected") == {"responses", "sessions"}
    assert load(CARD, "corrected", bootstrap=10) == Ridge(variant="corrected", bootstrap=10)
