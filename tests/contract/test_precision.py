"""Mixed precision: every family is near its float32, because front ends stay in float32."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from brainbench_audio.activations.precision import PRECISIONS, computing_in
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.testing.behaviour import Waveform, distances, noise, silence
from brainbench_audio.testing.standin import standin_model

from .families import BIG, FAMILIES, untrained

LIMITS = {"bfloat16": 0.02, "float16": 0.003}
"""Largest distance of a layer from float32, in its standard deviations; in docs/how-to/gpu.md."""
# crepe-tiny and resemblyzer have no stand-in weights; those of encodecmae-ec-base make each frame
# attend to one other alone, and which one it is depends on the last digit
INITIAL_WEIGHTS = ("crepe-tiny", "encodecmae-ec-base", "resemblyzer")
FAST = ("beats-iter1", "metricgan", "zerospeech2020")


def sounds(model: TorchModel) -> list[Waveform]:
    """Return noise that swells, a faint one, and a loud tone that stops."""
    samples = max(model.card.shortest, model.sample_rate // 5)
    time = np.arange(samples) / model.sample_rate
    swelling = noise(samples, 1) * np.linspace(0, 3, samples, dtype=np.float32)
    tone = 0.9 * np.sin(2 * np.pi * 440 * time) * (time < time[-1] / 2)
    return [swelling, 1e-3 * noise(samples, 2), tone.astype(np.float32)]


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("identifier", FAST)
def test_half_precision_is_near(identifier: str, dtype: str) -> None:
    model = untrained(identifier)
    found = distances(model, dtype, sounds(model))
    assert all(0 < distance < LIMITS[dtype] for distance in found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize("identifier", FAMILIES)
def test_half_precision_of_every_family_is_near(identifier: str) -> None:
    made_up = untrained if identifier in INITIAL_WEIGHTS else standin_model
    model = made_up(identifier)
    for dtype, limit in LIMITS.items():
        found = distances(model, dtype, sounds(model))
        assert all(distance < limit for distance in found.values()), (dtype, found)


@pytest.mark.parametrize(
    "identifier",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in BIG)) for name in FAMILIES],
)
def test_silence_is_finite_in_float16(identifier: str) -> None:
    model = untrained(identifier)
    model.place("cpu", "float16")
    quiet = silence(max(model.card.shortest, model.sample_rate // 20))
    assert all(np.isfinite(values).all() for values in model.activations([quiet]).values())


@pytest.mark.parametrize(("supported", "enabled"), [(True, True), (False, False), (None, True)])
def test_without_bfloat16_in_onednn_torch_computes_alone(
    supported: bool | None, enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None: a build without oneDNN, which has no such operator."""
    operators = SimpleNamespace()
    if supported is not None:
        operators._is_mkldnn_bf16_supported = lambda: supported
    monkeypatch.setattr(torch.ops, "mkldnn", operators)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", True)
    with computing_in(torch.device("cpu"), PRECISIONS["bfloat16"]):
        assert torch.backends.mkldnn.enabled == enabled
    assert torch.backends.mkldnn.enabled


def test_float16_leaves_torch_s_settings_as_they_were() -> None:
    before = torch.backends.mkldnn.enabled
    model = untrained("metricgan")
    model.place("cpu", "float16")
    model.activations([noise(1600)])
    assert torch.backends.mkldnn.enabled == before
