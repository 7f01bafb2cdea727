"""What was planted is there, and a plain ridge regression finds it."""

from __future__ import annotations

import numpy as np
import pytest
from brainbench_simcortex.cortex import REGIONS, RELIABILITY, SESSIONS, noise_deviation
from brainbench_simcortex.features import LAYERS
from brainbench_simcortex.planted import DECOY, PlantedModel, planted_layers
from brainbench_simcortex.storage import read_responses
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.linear_model import RidgeCV

from brainbench_audio.data_source import LoadedDataset
from brainbench_audio.errors import ContractError


def correlation(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.floating]:
    """Column by column."""
    left, right = left - left.mean(axis=0), right - right.mean(axis=0)
    lengths = np.sqrt((left**2).sum(axis=0) * (right**2).sum(axis=0))
    values: NDArray[np.floating] = (left * right).sum(axis=0) / lengths
    return values


def test_the_signal_has_variance_one_and_lies_in_the_planted_layer(dataset: LoadedDataset) -> None:
    stored = read_responses(dataset.stimuli.files[0].parents[1])
    signal = stored["signal"].values.astype(np.float64)
    assert np.allclose(signal.std(axis=0), 1, atol=1e-5)
    layers = planted_layers()
    for layer in LAYERS:
        voxels = stored["planted_layer"].values == layer
        assert voxels.sum() > 40
        fit = np.linalg.lstsq(layers[layer], signal[:, voxels])[0]
        assert np.allclose(layers[layer] @ fit, signal[:, voxels], atol=1e-4)


def test_reliability_is_as_stated(dataset: LoadedDataset) -> None:
    responses = dataset.assembly.values.astype(np.float64)
    stated = dataset.assembly["reliability"].values
    assert stated.min() > RELIABILITY[0] - 0.01
    assert stated.max() < RELIABILITY[1] + 0.01
    pairs = [correlation(responses[..., a], responses[..., b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    single = np.mean(pairs, axis=0)
    spearman_brown = SESSIONS * single / (1 + (SESSIONS - 1) * single)
    assert abs((spearman_brown - stated).mean()) < 0.01
    assert np.abs(spearman_brown - stated).mean() < 0.06


def test_the_ceiling_of_the_true_signal_is_the_reliability(dataset: LoadedDataset) -> None:
    stored = read_responses(dataset.stimuli.files[0].parents[1])
    mean = stored["responses"].values.astype(np.float64).mean(axis=2)
    ceiling = correlation(stored["signal"].values.astype(np.float64), mean) ** 2
    stated = stored["reliability"].values
    assert abs((ceiling - stated).mean()) < 0.01
    assert np.abs(ceiling - stated).max() < 0.2


def test_noise_is_independent_of_session_and_voxel(dataset: LoadedDataset) -> None:
    stored = read_responses(dataset.stimuli.files[0].parents[1])
    noise = (stored["responses"] - stored["signal"]).values.astype(np.float64)
    expected = noise_deviation(stored["reliability"].values)
    assert np.allclose(noise.std(axis=(0, 2)), expected, rtol=0.2)
    assert abs(correlation(noise[..., 0], noise[..., 1]).mean()) < 0.02
    assert abs(correlation(noise[:, :-1, 0], noise[:, 1:, 0]).mean()) < 0.02


def test_the_model_reproduces_the_planted_layers_from_the_files(dataset: LoadedDataset) -> None:
    chosen = list(range(0, 165, 8))
    model = PlantedModel()
    found = model.activations(dataset.stimuli.waveforms(chosen, model.sample_rate))
    assert list(found) == list(model.layers) == [*LAYERS, DECOY]
    for layer, expected in planted_layers().items():
        assert found[layer].dtype == np.float32
        assert np.allclose(found[layer], expected[chosen], atol=1e-5)


def test_a_sound_alone_or_in_a_batch_gives_the_same(dataset: LoadedDataset) -> None:
    model = PlantedModel()
    waveforms = dataset.stimuli.waveforms([3, 4], model.sample_rate)
    both = model.activations(waveforms, ["category", DECOY])
    alone = model.activations(waveforms[1:], ["category", DECOY])
    assert list(both) == ["category", DECOY]
    for layer in both:
        assert np.array_equal(both[layer][1:], alone[layer])
    assert not np.allclose(both[DECOY][0], both[DECOY][1])


def test_an_unknown_layer_is_named(in_home: object) -> None:
    with pytest.raises(ContractError, match="conv1"):
        PlantedModel().activations([], ["conv1"])


def test_ridge_finds_the_planted_layer_and_reaches_the_ceiling(dataset: LoadedDataset) -> None:
    model = PlantedModel()
    waveforms = dataset.stimuli.waveforms(range(165), model.sample_rate)
    decoy = model.activations(waveforms, [DECOY])[DECOY]
    layers: dict[str, NDArray[np.floating]] = {**planted_layers(), DECOY: decoy}
    voxels = dataset.assembly.isel(voxel=slice(0, 600, 6)).mean("session")
    measured = voxels.values.astype(np.float64)
    scores = {
        name: predicted_r2(values, measured, np.asarray(dataset.folds))
        for name, values in layers.items()
    }
    names = np.array(list(scores))
    table = np.stack(list(scores.values()))
    planted = voxels["planted_layer"].values
    assert (names[table.argmax(axis=0)] == planted).mean() > 0.97
    own = table[[list(names).index(layer) for layer in planted], np.arange(len(planted))]
    for layer in LAYERS:
        chosen = planted == layer
        assert 0.88 < np.median(own[chosen] / voxels["reliability"].values[chosen]) < 1.02
    assert scores[DECOY].mean() < 0.02


@pytest.mark.parametrize(("region", "expected"), REGIONS.items())
def test_dissimilarities_find_the_planted_layer(
    dataset: LoadedDataset, region: str, expected: tuple[str, ...]
) -> None:
    chosen = dataset.assembly["region"].values == region
    measured = dataset.assembly.isel(voxel=chosen).mean("session").values
    pairs = np.triu_indices(165, 1)
    target = np.asarray(np.corrcoef(measured))[pairs]
    alike = {
        layer: spearmanr(np.asarray(np.corrcoef(values))[pairs], target).statistic
        for layer, values in planted_layers().items()
    }
    assert max(alike, key=lambda layer: alike[layer]) in expected
    assert alike[expected[0]] > 0.25


def predicted_r2(
    features: NDArray[np.floating], measured: NDArray[np.floating], folds: NDArray[np.integer]
) -> NDArray[np.floating]:
    """Squared correlation of held-out predictions and responses, 0 where it is negative."""
    predicted = np.zeros_like(measured)
    for fold in range(5):
        held_out = folds == fold
        ridge = RidgeCV(np.logspace(-1, 5, 13), alpha_per_target=True)
        ridge.fit(features[~held_out], measured[~held_out])
        predicted[held_out] = ridge.predict(features[held_out])
    values: NDArray[np.floating] = np.clip(correlation(predicted, measured), 0, None) ** 2
    return values


def test_cross_validated_distances_find_the_planted_layers(dataset: LoadedDataset) -> None:
    metric = pytest.importorskip("brainbench_rsa.metric").RSA(variant="crossnobis", permutations=0)
    regions = {"Anterior": "category", "Posterior": "pitch", "Lateral": "syllables"}
    for region, layer in regions.items():
        voxels = dataset.assembly["region"].values == region
        found = metric(planted_layers(), dataset.assembly[:, voxels], dataset.folds)
        assert found.layer == layer
        assert found.value > 0.7 * found.ceiling
