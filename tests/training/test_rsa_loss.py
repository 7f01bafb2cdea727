"""The differentiable loss beside the metric `rsa`, scipy and numerical gradients."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
import xarray as xr

from brainbench_audio import load_metric
from brainbench_audio.errors import ContractError
from brainbench_audio.pipeline.loading import load_benchmark
from brainbench_audio.testing.dummies import SAMPLE_RATE, DummyModel
from brainbench_audio.training import rsa_loss as module
from brainbench_audio.training.rsa_loss import correlation_distances, rsa_loss, soft_ranks

METHODS = ("pearson", "soft-rank")


def features(stimuli: int = 12, width: int = 7, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(stimuli, width, generator=generator, dtype=torch.float64)


def metric_value(layer: np.ndarray, responses: np.ndarray) -> float:
    names = [f"sound{row}" for row in range(len(responses))]
    components = [f"c{column}" for column in range(responses.shape[1])]
    target = xr.DataArray(
        responses, {"stimulus": names, "component": components}, ("stimulus", "component")
    )
    folds = np.arange(len(responses)) % 3
    return load_metric("rsa", permutations=0)({"layer": layer}, target, folds).value


@pytest.mark.parametrize("constant", [False, True])
def test_a_low_temperature_gives_the_value_of_the_metric(constant: bool) -> None:
    layer, responses = features(), features(width=6, seed=1)
    if constant:
        layer[:, 2] = 0.1
    target = correlation_distances(responses)
    loss = rsa_loss(layer, target, method="soft-rank", temperature=1e-9)
    expected = metric_value(layer.numpy(), responses.numpy())
    assert float(loss) == pytest.approx(1 - expected, abs=1e-12)


def test_the_distances_are_those_of_the_metric() -> None:
    rdm = pytest.importorskip("brainbench_rsa.rdm").rdm
    layer = 3 + 10 * features()
    for zscore in (True, False):
        found = correlation_distances(layer, zscore=zscore)
        np.testing.assert_allclose(found, rdm(layer.numpy(), zscore=zscore), atol=1e-12)


@pytest.mark.parametrize("unit", [1e-25, 1e-13, 1e25])
def test_the_unit_of_the_features_does_not_matter(unit: float) -> None:
    layer = features().float()
    found = correlation_distances(layer * unit)
    np.testing.assert_allclose(found, correlation_distances(layer), atol=1e-5)


def test_pearson_is_that_of_scipy_and_takes_square_targets() -> None:
    layer, target = features(), correlation_distances(features(seed=1))
    expected = 1 - scipy.stats.pearsonr(correlation_distances(layer), target).statistic
    assert float(rsa_loss(layer, target)) == pytest.approx(expected, abs=1e-12)
    square = torch.zeros(12, 12, dtype=torch.float64)
    square[tuple(torch.triu_indices(12, 12, 1))] = target
    assert float(rsa_loss(layer, square + square.T)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("zscore", [True, False])
def test_gradients(method: str, zscore: bool) -> None:
    target = correlation_distances(features(6, seed=1))

    def loss(layer: torch.Tensor) -> torch.Tensor:
        return rsa_loss(layer, target, method=method, temperature=0.2, zscore=zscore)

    assert torch.autograd.gradcheck(loss, features(6, 4).requires_grad_())


def test_ranks_in_bands_are_those_of_the_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    values, weights = features(1, 50)[0], features(1, 50, seed=1)[0]
    values[7] = values[9]

    def both() -> tuple[torch.Tensor, torch.Tensor]:
        leaf = values.clone().requires_grad_()
        ranks = soft_ranks(leaf, 0.3)
        (ranks * weights).sum().backward()
        assert leaf.grad is not None
        return ranks.detach(), leaf.grad

    whole = both()
    monkeypatch.setattr(module, "_BAND_ENTRIES", 120)
    torch.testing.assert_close(both(), whole)
    leaf = values.clone().requires_grad_()
    plain = 0.5 + torch.sigmoid((leaf[:, None] - leaf[None, :]) / 0.3).sum(1)
    (plain * weights).sum().backward()
    torch.testing.assert_close(whole, (plain.detach(), leaf.grad))
    np.testing.assert_allclose(soft_ranks(values, 1e-9), scipy.stats.rankdata(values))


@pytest.mark.parametrize("method", METHODS)
def test_descent_raises_the_alignment(method: str) -> None:
    sounds, responses = features(20, 10), features(20, 6, seed=1)
    network = torch.nn.Linear(10, 8, dtype=torch.float64)
    with torch.no_grad():
        network.weight.copy_(features(8, 10, seed=2))
    target = correlation_distances(responses)
    optimiser = torch.optim.Adam(network.parameters(), 0.03)
    before = metric_value(network(sounds).detach().numpy(), responses.numpy())
    for _ in range(60):
        optimiser.zero_grad()
        rsa_loss(network(sounds), target, method=method).backward()
        optimiser.step()
    after = metric_value(network(sounds).detach().numpy(), responses.numpy())
    assert after > before + 0.3


@pytest.mark.parametrize("method", METHODS)
def test_dead_features_and_stimuli_leave_finite_gradients(method: str) -> None:
    target = correlation_distances(features(8, seed=1))
    stimulus, feature = features(8, 5).float(), features(8, 5).float()
    stimulus[3] = 0.0
    feature[:, 1] = 2.5
    for layer, zscore, dead in ((stimulus, False, (3,)), (feature, True, (slice(None), 1))):
        layer.requires_grad_()
        rsa_loss(layer, target, method=method, zscore=zscore).backward()
        assert layer.grad is not None
        assert layer.grad.isfinite().all()
        assert layer.grad.abs().sum() > 0
        assert not layer.grad[dead].any()


def test_a_collapsed_layer_does_not_stop_a_training() -> None:
    layer = torch.ones(8, 5, requires_grad=True)
    loss = rsa_loss(layer, correlation_distances(features(8, seed=1)))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1)
    assert layer.grad is not None
    assert layer.grad.isfinite().all()


def test_wrong_arguments() -> None:
    target = correlation_distances(features())
    with pytest.raises(ContractError, match="average over time"):
        rsa_loss(torch.zeros(12, 3, 4), target)
    with pytest.raises(ContractError, match=r"expected \(11, 11\)"):
        rsa_loss(features(11), target)
    with pytest.raises(ContractError, match="choose pearson or soft-rank"):
        rsa_loss(features(), target, method="kendall")
    with pytest.raises(ContractError, match="has to be positive"):
        rsa_loss(features(), target, method="soft-rank", temperature=0)


@pytest.mark.parametrize("method", METHODS)
def test_targets_that_are_no_distances_are_refused(method: str) -> None:
    pairs = correlation_distances(features(seed=1))
    square = torch.zeros(12, 12, dtype=torch.float64)
    one, other = torch.triu_indices(12, 12, offset=1)
    square[one, other] = square[other, one] = pairs
    loss = float(rsa_loss(features(), square, method=method))
    assert loss == float(rsa_loss(features(), pairs, method=method))
    # what half precision made of it
    rounded = square + 1e-3 * torch.randn(12, 12, generator=torch.Generator().manual_seed(0))
    assert float(rsa_loss(features(), rounded, method=method)) == pytest.approx(loss, abs=0.01)
    gap = square.clone()
    gap[0, 3] = gap[3, 0] = float("nan")
    for target, told in (
        (1 - square, "give 1 - similarity"),
        (square.tril(), "not symmetric"),
        (square.triu(), "not symmetric"),
        (gap, "NaN or infinite"),
        (torch.where(pairs == pairs.max(), torch.inf, pairs), "NaN or infinite"),
    ):
        with pytest.raises(ContractError, match=told):
            rsa_loss(features(), target, method=method)


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
def test_real_sounds_and_components() -> None:
    benchmark = load_benchmark("NH2015comp-rsa", permutations=0)
    waveforms = benchmark.stimuli.waveforms(range(len(benchmark.stimuli)), SAMPLE_RATE)
    layer = DummyModel().activations(waveforms)["log_bands"]
    expected = benchmark.compare({"layer": layer}).value
    target = correlation_distances(torch.as_tensor(benchmark.assembly.values))
    features = torch.as_tensor(layer, dtype=torch.float64)
    loss = rsa_loss(features, target, method="soft-rank", temperature=1e-10)
    # the metric rounds distances to 13 decimals
    assert float(loss) == pytest.approx(1 - expected, abs=1e-6)
