"""The network: waveform to log spectrogram to two bidirectional LSTM layers to a spectral mask."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from brainbench_audio.activations.family import Family
from brainbench_audio.activations.precision import in_float32

WINDOW = 512
HOP = 256
BINS = WINDOW // 2 + 1
HIDDEN = 200
DEPTH = 2

_LINEAR_WIDTH = 300
_SLOPE = 0.3
_LARGEST_MASK = 1.2
# Keeps the gradient of the square root finite; 1e-7 in the magnitude of silence.
_POWER_FLOOR = 1e-14


class MetricGanGenerator(nn.Module):
    """The generator of MetricGAN+, with parameters named as in the published file.

    ``cells.0`` and ``cells.1`` put out the final cell states of the two LSTM layers, which are no
    output of any other module.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spectrogram = LogSpectrogram()
        self.blstm = nn.ModuleDict(
            {"rnn": nn.LSTM(BINS, HIDDEN, num_layers=DEPTH, batch_first=True, bidirectional=True)}
        )
        self.cells = nn.ModuleList(nn.Identity() for _ in range(DEPTH))
        self.linear1 = nn.Linear(2 * HIDDEN, _LINEAR_WIDTH)
        self.activation = nn.LeakyReLU(_SLOPE)
        self.linear2 = nn.Linear(_LINEAR_WIDTH, BINS)
        self.Learnable_sigmoid = LearnableSigmoid()
        self._initialise()

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the mask (batch, frame, 257), between 0 and 1.2.

        Parameters
        ----------
        waveforms : Tensor
            (batch, sample), 16 kHz, in [-1, 1]; not level-invariant.
        """
        sequence, (_, states) = self.blstm["rnn"](self.spectrogram(waveforms))
        # (layer and direction, batch, 200) to one (batch, forward 200 and backward 200) a layer
        for cell, state in zip(self.cells, states.unflatten(0, (DEPTH, 2)), strict=True):
            cell(state.transpose(0, 1).flatten(1))
        hidden = self.activation(self.linear1(sequence))
        return cast(Tensor, self.Learnable_sigmoid(self.linear2(hidden)))

    def _initialise(self) -> None:
        """Draw initial weights as the published model's training does."""
        for name, parameter in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
            elif "weight_hh" in name:
                nn.init.orthogonal_(parameter)
            elif "weight" in name:
                nn.init.xavier_uniform_(parameter)


class LogSpectrogram(nn.Module):
    """Logarithm of one plus the magnitude, ``log(1 + sqrt(re² + im² + 1e-14))``.

    Frames of 32 ms every 16 ms under a periodic Hamming window; the first is centred on the first
    sample, and what lies outside of the sound is zero.
    """

    def __init__(self) -> None:
        super().__init__()
        self.window: Tensor
        self.register_buffer("window", torch.hamming_window(WINDOW), persistent=False)

    @in_float32
    def forward(self, waveforms: Tensor) -> Tensor:
        """Return (batch, frame, 257); see `MetricGanGenerator.forward`."""
        spectrum = torch.stft(
            waveforms,
            WINDOW,
            HOP,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        power = torch.view_as_real(spectrum).square().sum(-1)
        return (power + _POWER_FLOOR).sqrt().log1p().transpose(1, 2)


class LearnableSigmoid(nn.Module):
    """``1.2 sigmoid(slope x)``, with one slope a frequency."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.ones(BINS))

    def forward(self, values: Tensor) -> Tensor:
        """Return (batch, frame, 257) for values of that shape."""
        return _LARGEST_MASK * torch.sigmoid(self.slope * values)


READ_OUTS = {
    "lstm1_cell": "cells.0",
    "lstm2_cell": "cells.1",
    # After the rectification, which the reference does in place.
    "linear1": "activation",
    "linear2": "linear2",
}
# cell states are final ones: forward after the last frame, then backward after the first; linear
# layers are means over frames, the second before the sigmoid
FAMILY = Family(build=lambda _card: MetricGanGenerator(), read_outs=lambda _card: READ_OUTS)
