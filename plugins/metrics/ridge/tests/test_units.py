"""The unit of the features: `-ridge-scaled` does not depend on it, `-ridge` says where it does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from brainbench_ridge.metric import Ridge

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.errors import DataError
from brainbench_audio.scores.score import Score

STIMULI = tuple(f"sound-{number}" for number in range(40))
FOLDS = Folds(STIMULI, tuple(number % 5 for number in range(40)), "made up")
Array = npt.NDArray[np.float64]


def powers() -> tuple[Array, Array]:
    """Features of very unequal size, as powers in bands have, and responses with noise."""
    generator = np.random.default_rng(0)
    features = np.exp(generator.standard_normal((40, 12)) + np.linspace(0, -3, 12))
    responses = features @ generator.standard_normal((12, 8))
    responses /= responses.std(axis=0)
    return features, responses + 0.7 * generator.standard_normal((40, 8))


def score(features: Array, responses: Array, variant: str | None = None) -> Score:
    names = [f"c{number}" for number in range(responses.shape[1])]
    target = build(responses, STIMULI, "component", {"component": names})
    return Ridge(variant=variant)({"power": features}, target, FOLDS)


@pytest.mark.parametrize("unit", [1e-30, 1e-7, 1e4, 1e30])
def test_scaled_does_not_depend_on_the_unit(unit: float) -> None:
    features, responses = powers()
    expected = score(features, responses, "scaled")
    found = score(features * unit, responses, "scaled")
    assert expected.value > 0.3
    assert found.value == pytest.approx(expected.value, abs=1e-9)
    np.testing.assert_allclose(found.raw["r2"], expected.raw["r2"], atol=1e-9)
    np.testing.assert_array_equal(found.raw["penalty"], expected.raw["penalty"])


def test_scaled_is_plain_ridge_on_features_scaled_by_hand() -> None:
    features, responses = powers()
    found = score(features, responses, "scaled")
    # the training parts differ a little in size, so by hand it is the penalty that changes
    folds = np.asarray(FOLDS)
    for fold in range(5):
        training = features[folds != fold]
        centred = training - training.mean(axis=0)
        size = np.mean(np.sum(centred**2, axis=1))
        answer = responses[folds != fold]
        for target in range(8):
            penalty = float(found.raw["penalty"][fold, target]) * size
            kernel = centred.T @ centred + penalty * np.eye(12)
            weights = np.linalg.solve(kernel, centred.T @ (answer - answer.mean(axis=0))[:, target])
            predicted = (features[folds == fold] - training.mean(axis=0)) @ weights
            predicted += answer[:, target].mean()
            np.testing.assert_allclose(
                found.raw["prediction"][folds == fold, target], predicted, atol=1e-5
            )


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_plain_ridge_says_that_penalties_do_not_fit_the_unit(
    unit: float, caplog: pytest.LogCaptureFixture
) -> None:
    features, responses = powers()
    found = score(features * unit, responses)
    assert found.n["component_stuck"] > 4
    assert found.raw["stuck"].dims == ("layer", "component")
    message = caplog.messages[0]
    assert f"{found.n['component_stuck']} of 8 components" in message
    assert "layer power" in message
    assert "-ridge-scaled" in message


@pytest.mark.parametrize("unit", [1e80, 1e-80])
def test_what_cannot_be_squared_is_refused(unit: float) -> None:
    features, responses = powers()
    responses[:, 3] *= unit
    with pytest.raises(DataError, match=r"target 3 are \de[+-](80|79) at most, too large"):
        score(features, responses)


def test_a_layer_that_is_too_large_is_refused() -> None:
    features, responses = powers()
    with pytest.raises(DataError, match=r"'power' holds activations up to \de\+\d\d, too large"):
        score(features * 1e80, responses)


def test_a_layer_that_loses_by_its_unit_is_named(caplog: pytest.LogCaptureFixture) -> None:
    features, responses = powers()
    names = [f"c{number}" for number in range(8)]
    target = build(responses, STIMULI, "component", {"component": names})
    noise = np.random.default_rng(2).standard_normal((40, 5))
    found = Ridge()({"noise": noise, "tiny": features * 1e-12}, target, FOLDS)
    assert found.n["component_stuck"] == 8
    assert "in layer tiny;" in caplog.messages[0]


def test_nothing_is_said_where_penalties_fit(caplog: pytest.LogCaptureFixture) -> None:
    features, responses = powers()
    for variant in (None, "scaled", "zscored"):
        found = score(features, responses, variant)
        assert found.n["component_stuck"] == 0
    # nor where there is nothing left to gain, or nothing at all
    exact = score(features, features[:, :3])
    assert exact.value > 0.99
    generator = np.random.default_rng(1)
    noise = score(generator.standard_normal((40, 5)), generator.standard_normal((40, 60)))
    assert (noise.raw["r2"] == 0).any()
    assert exact.n["component_stuck"] == noise.n["component_stuck"] == 0
    assert not caplog.records
