"""Parts of the network against plain loops that follow the formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brainbench_metricgan.network import BINS, HIDDEN, LogSpectrogram, MetricGanGenerator
from torch import Tensor, nn

from brainbench_audio.activations.torch_model import TorchModel

pytestmark = pytest.mark.standin("metricgan")


def noise(samples: int) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(samples)


@pytest.mark.parametrize("samples", [1, 255, 256, 3000])
def test_spectrogram(samples: int) -> None:
    waveform = noise(samples)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(512) / 512)
    padded = np.concatenate([np.zeros(256), waveform, np.zeros(256)])
    expected = [
        np.log1p(np.abs(np.fft.rfft(window * padded[start : start + 512])))
        for start in range(0, samples + 1, 256)
    ]
    found = LogSpectrogram()(torch.from_numpy(waveform.astype(np.float32))[None])
    assert found.shape == (1, 1 + samples // 256, BINS)
    np.testing.assert_allclose(found[0], expected, atol=2e-6)


def states(rnn: nn.LSTM, layer: int, reverse: bool, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Return outputs (frame, 200) and the last cell state, frame by frame, gates written out."""
    end = f"l{layer}{'_reverse' if reverse else ''}"
    input_weight, weight, input_bias, bias = (
        getattr(rnn, f"{kind}_{end}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    hidden = cell = torch.zeros(HIDDEN)
    outputs = []
    for frame in reversed(frames) if reverse else frames:
        gates = input_weight @ frame + input_bias + weight @ hidden + bias
        enter, forget, new, leave = gates.chunk(4)
        cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        outputs.append(hidden)
    return torch.stack(outputs[::-1] if reverse else outputs), cell


@torch.no_grad()
def test_layers(standin: TorchModel) -> None:
    waveform = noise(3000).astype(np.float32)
    found = standin.activations([waveform])
    network = standin.network
    assert isinstance(network, MetricGanGenerator)
    rnn = network.blstm["rnn"]
    assert isinstance(rnn, nn.LSTM)
    sequence = network.spectrogram(torch.from_numpy(waveform)[None])[0]
    for layer in range(2):
        (ahead, first), (back, last) = (states(rnn, layer, way, sequence) for way in (False, True))
        sequence = torch.cat([ahead, back], dim=1)
        expected = torch.cat([first, last]).numpy()
        np.testing.assert_allclose(found[f"lstm{layer + 1}_cell"][0], expected, atol=1e-5)
    hidden = network.linear1(sequence)
    hidden = torch.where(hidden > 0, hidden, 0.3 * hidden)
    np.testing.assert_allclose(found["linear1"][0], hidden.mean(0), atol=1e-5)
    np.testing.assert_allclose(found["linear2"][0], network.linear2(hidden).mean(0), atol=1e-5)


@torch.no_grad()
def test_mask(standin: TorchModel) -> None:
    network = standin.network
    assert isinstance(network, MetricGanGenerator)
    mask = network(torch.from_numpy(noise(3000).astype(np.float32))[None])
    assert mask.shape == (1, 12, BINS)
    assert 0 < mask.min() < mask.max() < 1.2
    values = torch.linspace(-3, 3, BINS)
    expected = 1.2 / (1 + torch.exp(-network.Learnable_sigmoid.slope * values))
    torch.testing.assert_close(network.Learnable_sigmoid(values), expected)
