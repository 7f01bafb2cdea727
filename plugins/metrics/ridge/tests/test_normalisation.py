"""A normalised score is that of a perfect linear model, 1, within a tenth; or it is withheld."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from brainbench_ridge.metric import Ridge
from brainbench_ridge.normalisation import learned_share
from brainbench_ridge.solver import nested_ridge
from brainbench_ridge.targets import Targets

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.scores.score import WITHHELD, Score

sys.path.insert(0, str(Path(__file__).parent))
from bias import World

TENTH = 0.11


@pytest.mark.parametrize("variant", [None, "corrected"])
@pytest.mark.parametrize("reliability", [0.06, 0.3, 0.9])
def test_a_perfect_linear_model_gets_1_or_nothing(reliability: float, variant: str | None) -> None:
    world = World(40, 6, 4, reliability, voxels=60)
    scores = [world.score(seed, variant) for seed in range(4)]
    given = [one.normalised for one in scores if one.normalised is not None]
    assert len(given) == (4 if reliability == 0.9 else 0)
    if given:
        assert np.mean(given) == pytest.approx(1, abs=TENTH)
    for one in scores:
        assert (WITHHELD in one.provenance) == (one.normalised is None)


@pytest.mark.slow
@pytest.mark.parametrize("variant", [None, "corrected"])
@pytest.mark.parametrize(("stimuli", "features"), [(40, 6), (165, 1), (165, 6), (165, 100)])
def test_whatever_is_given_is_right(stimuli: int, features: int, variant: str | None) -> None:
    for reliability in (0.06, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9):
        world = World(stimuli, features, 3, reliability)
        scores = [world.score(seed, variant) for seed in range(6)]
        given = [one.normalised for one in scores if one.normalised is not None]
        if given:
            spread = np.std([one.value / (one.ceiling or 1.0) for one in scores], ddof=1)
            allowed = TENTH + 2 * spread / np.sqrt(len(given))
            assert abs(np.mean(given) - 1) < allowed, (reliability, np.mean(given), spread)


def test_the_ceiling_is_that_of_the_world_and_never_beyond_0_and_1() -> None:
    ceilings = [World(40, 6, 4, 0.5, voxels=60).score(seed).ceiling or 0.0 for seed in range(4)]
    assert np.mean(ceilings) == pytest.approx(0.5, abs=0.05)
    generator = np.random.default_rng(0)
    for seed in range(4):
        noise = np.random.default_rng(seed).standard_normal((12, 2, 2))
        noise[:, 0, 1] = -0.9 * noise[:, 0, 0]  # opposed sessions: Spearman-Brown gives -18
        score = _components(noise, generator.standard_normal((12, 3)))
        assert score.ceiling is not None
        assert 0 <= score.ceiling <= 1


def test_the_reason_is_stored_and_told(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)
    score = World(40, 6, 4, 0.4, voxels=300).score(0)
    reason = score.provenance[WITHHELD]
    assert "-ridge-corrected" in reason
    assert reason in caplog.text
    score.to_netcdf(tmp_path / "score.nc")
    assert Score.from_netcdf(tmp_path / "score.nc").normalised is None


def _with_gaps(again: dict[str, int]) -> xr.DataArray:
    """Return three sessions of listeners, the last two of which are of their first sounds only."""
    generator = np.random.default_rng(4)
    responses = np.repeat(_FEATURES[:, :3, None], 3, axis=2)
    responses = np.concatenate([responses] * len(again), axis=1)
    responses += 0.6 * generator.standard_normal(responses.shape)
    for place, sounds in enumerate(again.values()):
        responses[sounds:, 3 * place : 3 * place + 3, 1:] = np.nan
    names = [f"s{number}" for number in range(len(responses))]
    return build(responses, names, "voxel", {"subject": np.repeat([*again], 3).tolist()})


_FEATURES = np.random.default_rng(5).standard_normal((60, 6))
_FOLDS = np.arange(60) % 5


def test_a_ceiling_whose_error_is_not_known_is_not_divided_by() -> None:
    layers, metric = {"one": _FEATURES}, Ridge(permutations=0)
    assert metric(layers, _with_gaps({"a": 60, "b": 60}), _FOLDS).normalised is not None
    # without the tenth that has one of these, there are too few to correlate
    few = metric(layers, _with_gaps({"a": 3, "b": 60}), _FOLDS)
    assert few.ceiling is not None
    assert few.normalised is None
    assert "standard error is not known" in few.provenance[WITHHELD]
    none = metric(layers, _with_gaps({"a": 0, "b": 60}), _FOLDS)
    assert (none.ceiling, none.normalised) == (None, None)
    assert none.provenance[WITHHELD].startswith("No two sessions can be compared of 1 of 2 list")


def test_a_corrected_score_is_that_of_the_listeners_who_have_one() -> None:
    layers, metric = {"one": _FEATURES}, Ridge(permutations=0, variant="corrected")
    both = metric(layers, _with_gaps({"b": 60, "a": 0}), _FOLDS)
    assert list(both.parts) == ["b"]
    assert both.normalised == both.value
    alone = metric(layers, _with_gaps({"b": 60}), _FOLDS)
    assert WITHHELD not in alone.provenance


def test_squared_weights_are_those_of_the_predictions() -> None:
    generator = np.random.default_rng(1)
    features, responses = generator.standard_normal((30, 5)), generator.standard_normal((30, 3))
    responses += features[:, :3]
    folds = np.arange(30) % 5
    fit = nested_ridge({"one": features}, responses, folds)
    expected = np.zeros((5, 3))
    for fold in range(5):
        train, test = features[folds != fold], features[folds == fold]
        mean = train.mean(axis=0)
        centring = np.eye(24) - 1 / 24
        for target in range(3):
            kernel = (train - mean).T @ (train - mean) + fit.penalty[fold, target] * np.eye(5)
            weights = (test - mean) @ np.linalg.solve(kernel, (train - mean).T) @ centring + 1 / 24
            expected[fold, target] = (weights**2).sum()
    np.testing.assert_allclose(fit.squared_weights, expected)


def test_the_learned_share_is_the_reliability_of_predictions() -> None:
    generator = np.random.default_rng(2)
    features = generator.standard_normal((60, 6))
    signal = features @ generator.standard_normal((6, 40))
    signal /= signal.std(axis=0)
    names = [f"s{number}" for number in range(60)]
    folds = np.arange(60) % 5
    predictions, shares = [], []
    for _ in range(2):
        responses = signal[:, :, None] + 2 * generator.standard_normal((60, 40, 4))
        target = build(responses, names, "voxel", {"subject": ["a"] * 40})
        targets = Targets.from_assembly(target)
        fit = nested_ridge({"one": features}, targets.responses, folds)
        predictions.append(fit.predictions)
        shares.append(np.median(learned_share(fit, targets)))
    twice = [np.corrcoef(x, y)[0, 1] for x, y in zip(*map(np.transpose, predictions), strict=True)]
    assert np.mean(shares) == pytest.approx(np.median(twice), abs=0.06)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_the_unit_of_the_responses_does_not_matter(unit: float) -> None:
    generator = np.random.default_rng(3)
    features = generator.standard_normal((60, 3))
    responses = (features @ generator.standard_normal((3, 6)))[:, :, None]
    responses = responses + generator.standard_normal((60, 6, 3))
    plain = _components(responses, features)
    scaled = _components((responses * unit).astype(np.float32), features)
    assert plain.normalised is not None
    assert scaled.normalised == pytest.approx(plain.normalised, abs=1e-5)


def _components(responses: np.ndarray, features: np.ndarray) -> Score:
    names = [f"s{number}" for number in range(len(responses))]
    labels = [f"c{number}" for number in range(responses.shape[1])]
    target = build(responses, names, "component", {"component": labels})
    return Ridge()({"one": features}, target, np.arange(len(responses)) % 4)
