"""Activations over time: where time runs in a layer, and what of a window counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio.activations.lazy import as_lazy
from brainbench_audio.activations.projection import Projected
from brainbench_audio.activations.read_outs import mean_over_time
from brainbench_audio.activations.time_axes import TimeAxis, find_time_axes
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError, ShortSound
from brainbench_audio.stimuli.stimulus_set import Moment
from brainbench_audio.testing.behaviour import noise
from brainbench_audio.testing.dummies import SAMPLE_RATE, dummy_card

MOMENT = Moment(frames=(0.45, 0.5), clip=(0.4, 0.5))


class Network(torch.nn.Module):
    """Frames of 80 samples: as they are, channels first, two bands each in both orders, a mean."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("frames", "channels", "patches", "bands", "image", "mean"):
            self.add_module(name, torch.nn.Identity())

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        frames = self.frames(waveforms.unfold(1, 80, 80).cumsum(dim=1))
        self.channels(frames.transpose(1, 2))
        self.patches(frames.unflatten(2, (2, 40)).flatten(1, 2))
        self.bands(frames.unflatten(2, (2, 40)).transpose(1, 2).flatten(1, 2))
        # as of networks that make one image of any sound
        self.image(torch.nn.functional.adaptive_avg_pool1d(frames.transpose(1, 2), 7))
        mean: torch.Tensor = self.mean(frames.mean(dim=1))
        return mean


class Picky(torch.nn.Module):
    """Takes sounds of one length."""

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        if waveforms.shape[1] != SAMPLE_RATE // 2:
            raise ValueError("half a second")
        return waveforms


def mean_of_channels(output: torch.Tensor) -> torch.Tensor:
    return output.mean(dim=2)


@pytest.fixture
def model() -> TorchModel:
    layers = {"frames": 80, "channels": 80, "patches": 40, "bands": 40, "image": 80, "mean": 80}
    card = dummy_card(layers=tuple(layers), dims=tuple(layers.values()), shortest=80)
    pooling = dict.fromkeys(layers, mean_over_time)
    pooling |= dict.fromkeys(("channels", "image"), mean_of_channels)
    return TorchModel(
        card, Network(), dict(zip(layers, layers, strict=True)), fingerprint=1, pooling=pooling
    )


def test_what_counts_of_a_window(model: TorchModel) -> None:
    windows = [noise(SAMPLE_RATE // 2, seed) for seed in range(3)]
    found = model.activations_over_time(windows, MOMENT)
    assert list(found) == list(model.layers)
    for row, window in enumerate(windows):
        frames = window.reshape(50, 80).cumsum(axis=0)
        # the last tenth of the frames, which have heard all before
        np.testing.assert_allclose(found["frames"][row], frames[45:].mean(axis=0), atol=1e-5)
        np.testing.assert_array_equal(found["channels"][row], found["frames"][row])
        bands = frames.reshape(100, 40)[90:]
        np.testing.assert_allclose(found["patches"][row], bands.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(found["bands"][row], bands.mean(axis=0), atol=1e-5)
    # layers without a time axis hear the clip alone
    clips = model.activations([window[3200:] for window in windows], layers=["mean", "image"])
    for layer, values in clips.items():
        np.testing.assert_array_equal(found[layer], values)
    some = model.activations_over_time(windows[1:2], MOMENT, layers=["mean", "frames"])
    assert list(some) == ["mean", "frames"]
    for layer, values in some.items():
        np.testing.assert_allclose(values[0], found[layer][1], atol=1e-6)


def test_at_least_one_frame_and_the_middle(model: TorchModel) -> None:
    window = noise(SAMPLE_RATE // 2)
    frames = window.reshape(50, 80).cumsum(axis=0)
    for span, expected in (((0.499, 0.5), frames[49]), ((0.0, 0.001), frames[0])):
        found = model.activations_over_time([window], Moment(span, (0.4, 0.5)), ["frames"])
        np.testing.assert_allclose(found["frames"][0], expected, atol=1e-5)
    found = model.activations_over_time([window], Moment((0.2, 0.3), (0.2, 0.3)), ["frames"])
    np.testing.assert_allclose(found["frames"][0], frames[20:30].mean(axis=0), atol=1e-5)


def test_what_is_found_by_listening_is_no_part_of_the_model(model: TorchModel) -> None:
    lazy = as_lazy(model)
    lazy.begin([noise(4000)], None, MOMENT)()
    assert model._axes() == {
        "frames": TimeAxis(1),
        "channels": TimeAxis(2),
        "patches": TimeAxis(1, 2),
        "bands": TimeAxis(1, 2, bands_first=True),
    }
    assert as_lazy(model).identity == lazy.identity


def test_own_activations_are_those_of_the_clip(model: TorchModel) -> None:
    class Own(TorchModel):
        def activations(self, waveforms: Any, layers: Any = None) -> dict[str, Any]:
            return {"frames": np.array([[len(one)] for one in waveforms], np.float32)}

    own = Own(dummy_card(layers=("frames",), dims=(1,)), Network(), {"frames": ""}, fingerprint=1)
    assert as_lazy(own).begin([noise(4000)], None, MOMENT)()["frames"].tolist() == [[800.0]]


def test_a_model_that_runs_ahead_hears_the_same(
    model: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = [noise(4000, seed) for seed in range(2)]
    expected = model.activations_over_time(windows, MOMENT)
    monkeypatch.setattr(TorchModel, "runs_ahead", True)
    lazy, few = as_lazy(model), Projected(model, 2)
    assert lazy.runs_ahead
    assert few.runs_ahead
    for layer, values in lazy.begin(windows, None, MOMENT)().items():
        np.testing.assert_array_equal(values, expected[layer])
    for layer, values in few.activations_over_time(windows, MOMENT).items():
        matrix = few._matrix(layer, expected[layer].shape[1])
        np.testing.assert_allclose(values, expected[layer] @ matrix, rtol=1e-4, atol=1e-6)


def test_errors_are_those_of_activations(model: TorchModel) -> None:
    with pytest.raises(ContractError, match="no layer 'other'"):
        model.activations_over_time([noise(4000)], MOMENT, ["other"])
    short = Moment((0.45, 0.5), (0.495, 0.5))
    with pytest.raises(ShortSound, match="has 40 samples"):
        model.activations_over_time([noise(4000)], short)
    picky = TorchModel(dummy_card(layers=("",), dims=(7,)), Picky(), {"": ""}, fingerprint=1)
    told = r"noises of 1 to 1\.5 s, and its network failed: ValueError\('half a second'\)\. Have"
    with pytest.raises(ContractError, match=told):
        picky.activations_over_time([noise(4000)], MOMENT)


def test_a_layer_with_two_axes_that_grow_has_no_time() -> None:
    def hear(sound: torch.Tensor) -> dict[str, torch.Tensor]:
        frames = sound.unfold(1, 300, 160)
        loud = frames.abs().mean(dim=2)
        both = loud[:, :, None] + loud[:, None]
        # with two tokens of a class, bands first: no place is where it would be
        tokens = torch.cat([loud[:, :2], loud, loud, loud], dim=1)[..., None]
        return {
            "attention": both,
            "frames": frames[:, None],
            "cut": frames[:, :9],
            "tokens": tokens,
        }

    assert find_time_axes(hear, 16_000) == {"frames": TimeAxis(2)}
