"""The captioner: recurrent layers over a log-mel image, and a decoder that says 22 words.

Parameters have their published names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brainbench_audio.activations.family import Family
from brainbench_audio.activations.mel import MagnitudeSpectrum, normalise_peaks, slaney_filters
from brainbench_audio.activations.precision import in_float32

from .cards import HOP, WIDTH, WINDOW, WORDS

BANDS = 64
STEPS = 22
"""Words of the longest caption."""

_SAMPLE_RATE = 44_100
_OFFSET = torch.finfo(torch.float64).eps


class LogMel(nn.Module):
    """``ln(M |STFT x| + 2.2e-16)`` of sounds at a peak of 1, ``M`` being `slaney_filters`.

    The STFT has 23 ms periodic Hann windows that overlap by half.
    """

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = MagnitudeSpectrum(torch.hann_window(WINDOW), HOP)
        filters = slaney_filters(_SAMPLE_RATE, WINDOW, BANDS, 0.0, _SAMPLE_RATE / 2)
        self.register_buffer("filters", filters.float(), persistent=False)

    @in_float32
    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the image (batch, frame, 64) of sounds (batch, sample) at 44.1 kHz."""
        spectrum = self.spectrum(normalise_peaks(waveforms))
        return (torch.matmul(self.filters, spectrum) + _OFFSET).log().transpose(1, 2)


class Encoder(nn.Module):
    """Three GRUs in both directions; what the second and the third put out is added to its input.

    `states` are what each puts out last, (batch, 2 width): the forward direction after the last
    frame, the backward direction after the first, both before the addition.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gru_1 = nn.GRU(BANDS, width, batch_first=True, bidirectional=True)
        self.gru_2 = nn.GRU(2 * width, width, batch_first=True, bidirectional=True)
        self.gru_3 = nn.GRU(2 * width, width, batch_first=True, bidirectional=True)
        self.states = nn.ModuleList(nn.Identity() for _ in range(3))

    def forward(self, image: Tensor) -> Tensor:
        """Return the last frame (batch, 2 width) of (batch, frame, band)."""
        first, second, third = self.states
        frames, state = self.gru_1(image)
        first(_side_by_side(state))
        more, state = self.gru_2(frames)
        second(_side_by_side(state))
        frames = frames + more
        more, state = self.gru_3(frames)
        third(_side_by_side(state))
        last: Tensor = frames[:, -1] + more[:, -1]
        return last


class Decoder(nn.Module):
    """A GRU that gets the same input at each of 22 steps, and a classifier of words.

    `state` is what the GRU puts out last, (batch, width).
    """

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.rnn = nn.GRU(2 * width, width, batch_first=True)
        self.classifier = nn.Linear(width, words)
        self.state = nn.Identity()

    def forward(self, summary: Tensor) -> Tensor:
        """Return logits (batch, step, word) of (batch, 2 width)."""
        frames, state = self.rnn(summary[:, None].expand(-1, STEPS, -1))
        self.state(_side_by_side(state))
        logits: Tensor = self.classifier(frames)
        return logits


class CaptionNetwork(nn.Module):
    """Takes sounds (batch, sample), returns logits (batch, step, word).

    Parameters
    ----------
    width : int
        Units of each direction of each GRU.
    words : int
    """

    def __init__(self, width: int = WIDTH, words: int = WORDS) -> None:
        super().__init__()
        self.log_mel = LogMel()
        self.encoder = Encoder(width)
        self.decoder = Decoder(width, words)

    def forward(self, waveforms: Tensor) -> Tensor:
        logits: Tensor = self.decoder(self.encoder(self.log_mel(waveforms)))
        return logits


def _side_by_side(state: Tensor) -> Tensor:
    """Return (batch, direction * width) of (direction, batch, width)."""
    return state.transpose(0, 1).flatten(1)


READ_OUTS = {
    "gru1": "encoder.states.0",
    "gru2": "encoder.states.1",
    "gru3": "encoder.states.2",
    "decoder_gru": "decoder.state",
    "classifier": "decoder.classifier",
}
# layers of GRUs are last states, the classifier's is the mean over the words
FAMILY = Family(build=lambda _card: CaptionNetwork(), read_outs=lambda _card: READ_OUTS)
