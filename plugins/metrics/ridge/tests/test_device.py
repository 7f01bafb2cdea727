"""The metric on a device: torch on the CPU stands in for a GPU."""

from __future__ import annotations

from typing import Any

import brainbench_ridge.metric
import brainbench_ridge.transfer
import brainbench_ridge.unique
import numpy as np
import pytest
import torch
import xarray as xr
from brainbench_ridge.memory import Memory
from brainbench_ridge.metric import Ridge
from brainbench_ridge.solver import nested_ridge
from brainbench_ridge.transfer import RidgeFrom
from brainbench_ridge.unique import UniqueRidge

from brainbench_audio import devices
from brainbench_audio.activations.footprint import _Held
from brainbench_audio.arrays import HOST, Arrays
from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.interfaces import SecondData
from brainbench_audio.scores.score import Score

DEVICE = Arrays(torch.device("cpu"))
STIMULI, TARGETS = 60, 90
FOLDS = np.random.default_rng(0).permutation(np.arange(STIMULI) % 5)


def problem(targets: int = TARGETS) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """Layers with fewer features than stimuli and noisy targets: no penalty goes towards 0."""
    generator = np.random.default_rng(1)
    latent = generator.standard_normal((STIMULI, 5))
    layers = {}
    for name, features in (("few", 8), ("some", 20), ("more", 30)):
        mixed = latent @ generator.standard_normal((5, features))
        noise = generator.standard_normal((STIMULI, features))
        layers[name] = (mixed + noise).astype(np.float32)
    responses = latent @ generator.standard_normal((5, targets))
    responses += generator.standard_normal((STIMULI, targets))
    responses[:, 3] = 1.0
    return layers, responses


def assembly(responses: np.ndarray[Any, Any], sessions: int = 1) -> xr.DataArray:
    names = [f"sound{number}" for number in range(STIMULI)]
    if sessions > 1:
        noise = np.random.default_rng(2).standard_normal((*responses.shape, sessions))
        responses = responses[:, :, np.newaxis] + noise
    subjects = [f"subject{place % 3}" for place in range(responses.shape[1])]
    return build(responses, names, "voxel", {"subject": subjects})


@pytest.fixture
def on_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch on the CPU is the GPU that is asked for."""

    def arrays_on(device: str, *, large: bool) -> Arrays:
        assert not large
        return DEVICE if device == "cuda" else HOST

    for module in (brainbench_ridge.metric, brainbench_ridge.unique, brainbench_ridge.transfer):
        monkeypatch.setattr(module, "arrays_on", arrays_on)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"zscore": True, "block": 40, "group": 2},
        {"unit": True, "profile": False, "leaders": np.arange(TARGETS) // 5 * 5},
        {"apart": 50, "penalties": (1.0,)},
    ],
    ids=["plain", "zscored, in pieces", "scaled, led", "apart, one penalty"],
)
def test_layers_and_penalties_are_those_of_the_cpu(options: dict[str, Any]) -> None:
    layers, responses = problem()
    here = nested_ridge(layers, responses, FOLDS, **options)
    there = nested_ridge(layers, responses, FOLDS, **options, arrays=DEVICE)
    # where penalties hardly change predictions, rounding decides where the walk ends
    clear = here.penalty > 1e-6
    assert clear.mean() > 0.95
    np.testing.assert_array_equal(there.penalty[clear], here.penalty[clear])
    np.testing.assert_array_equal(there.layer, here.layer)
    np.testing.assert_array_equal(there.stuck, here.stuck)
    for name in ("r2", "predictions", "correlations", "squared_weights", "layer_r2", "left_out"):
        one, other = getattr(here, name), getattr(there, name)
        if one is not None:
            compared = clear.all(axis=0) if name == "left_out" else slice(None)
            expected, found = one[..., compared], other[..., compared]
            np.testing.assert_allclose(found, expected, atol=1e-9 * np.abs(one).max(), err_msg=name)


@pytest.mark.usefixtures("on_device")
@pytest.mark.parametrize("variant", [None, "corrected", "unique", "from"])
def test_scores_are_those_of_the_cpu_and_say_where_they_were_computed(variant: str | None) -> None:
    layers, responses = problem()
    target = assembly(responses, sessions=2)

    def score(device: str) -> Score:
        if variant == "unique":
            given = {"few": layers["few"]}
            return UniqueRidge(device=device)({"more": layers["more"]}, target, FOLDS, given)
        if variant == "from":
            same = np.eye(STIMULI, dtype=bool)[::-1]
            second = SecondData(layers, target[::-1], FOLDS[::-1], same)
            return RidgeFrom(Ridge(variant="scaled", device=device))(layers, target, FOLDS, second)
        return Ridge(variant=variant, device=device)(layers, target, FOLDS)

    here, there = score("cpu"), score("cuda")
    assert there.value == pytest.approx(here.value, abs=1e-9)
    assert there.error == pytest.approx(here.error, rel=1e-5)
    assert there.layer == here.layer
    assert "metric_device" not in here.provenance
    assert there.provenance["metric_device"] == DEVICE.label


@pytest.mark.usefixtures("on_device")
def test_memory_of_a_device_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    layers, responses = problem(targets=1200)
    target, layer = assembly(responses), {"some": layers["some"]}

    def peak(free: int) -> tuple[int, Score]:
        monkeypatch.setattr(devices, "free_memory", lambda device: free)
        with _Held(torch.nn.Module()) as held:
            score = Ridge(device="cuda")(layer, target, FOLDS)
        return held.peak, score

    limit = 5 * 10**6
    wide, every = peak(1 << 40)
    assert wide > 1.4 * limit
    taken, some = peak(2 * limit)  # half of what is free
    assert taken < limit
    np.testing.assert_allclose(some.raw["r2"], every.raw["r2"], atol=1e-9)
    with pytest.raises(DataError, match=r"MB at least, and half of the GPU's free memory is 0 MB"):
        peak(2 * 10**5)


def test_a_device_and_its_limit_share_the_work() -> None:
    """Blocks go to the device; what is kept for all targets stays here."""
    room = Memory(165, 26_000, 13, 5, None, 40 * 10**9)
    assert room.share() == (32_768, 5)
    assert Memory(165, 26_000, 13, 5, None, 400 * 10**6).share()[0] < 26_000
    with pytest.raises(DataError, match=r"26000 targets take \d+ MB at least, and max_memory is"):
        Memory(165, 26_000, 13, 5, 10**6, 40 * 10**9).share()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.26 GiB"),
            r"^Memory of the cpu ran out in ridge regression\. End what else runs on it, allow",
        ),
        (
            torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors"),
            r"^The cpu device failed in ridge regression \(CUDA error: unspecified launch f",
        ),
    ],
)
@pytest.mark.usefixtures("on_device")
def test_a_device_that_fails_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def failing(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(torch, "matmul", failing)
    layers, responses = problem()
    with pytest.raises(ContractError, match=told):
        Ridge(device="cuda")(layers, assembly(responses), FOLDS)


def test_auto_asks_for_a_gpu_where_the_problem_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def arrays_on(device: str, *, large: bool) -> Arrays:
        asked.append((device, large))
        return HOST

    monkeypatch.setattr(brainbench_ridge.metric, "arrays_on", arrays_on)
    layers, responses = problem(6)
    Ridge(device="auto", permutations=19)(layers, assembly(responses), FOLDS)
    monkeypatch.setattr(brainbench_ridge.metric, "LARGE", 3 * 5 * 20)  # one target is constant
    Ridge(device="auto", permutations=19)(layers, assembly(responses), FOLDS)
    assert asked == [("auto", False), ("auto", True)]
    with pytest.raises(ContractError, match="computes on cpu, cuda, auto, not on 'mps'"):
        Ridge(device="mps")
