"""Resemblyzer's voice encoder: three LSTM layers and a linear one on mel power."""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor, nn

from brainbench_audio.activations.family import Family
from brainbench_audio.activations.mel import MagnitudeSpectrum, slaney_filters
from brainbench_audio.activations.precision import in_float32
from brainbench_audio.activations.weights import State

SAMPLE_RATE = 16_000
FRAME, HOP, BANDS = 400, 160, 40
UNITS, DEPTH = 256, 3
WINDOW = 160
"""Frames that the network hears at a time: 1.6 s."""
STEP = round(SAMPLE_RATE / 1.3 / HOP)
"""Frames from one window to the next: 1.3 windows a second."""
_LEAST_COVERED = 0.75


class VoiceEncoder(nn.Module):
    """Waveform to the activations of all layers, averaged over time.

    Mel power (not its logarithm) of frames of 25 ms every 10 ms, cut into windows of 1.6 s, each of
    which three LSTM layers read from its start. The linear layer takes the third one's last output.
    An LSTM layer is averaged over the frames of all windows, the linear one over windows. A sound
    of a single window is not padded, as Resemblyzer would: untrained weights forget it meanwhile.

    Parameters
    ----------
    windows_per_chunk : int
        Windows that go through the network at a time: bounds memory to about 1.5 MB for each.
    """

    filters: Tensor

    def __init__(self, windows_per_chunk: int = 64) -> None:
        super().__init__()
        self.windows_per_chunk = windows_per_chunk
        self.spectrum = MagnitudeSpectrum(torch.hann_window(FRAME), HOP)
        filters = slaney_filters(SAMPLE_RATE, FRAME, BANDS, 0.0, SAMPLE_RATE / 2)
        self.register_buffer("filters", filters.float(), persistent=False)
        self.lstm = nn.ModuleList(
            nn.LSTM(UNITS if depth else BANDS, UNITS, batch_first=True) for depth in range(DEPTH)
        )
        self.linear = nn.Linear(UNITS, UNITS)
        layers = [*(f"lstm{depth}" for depth in range(1, DEPTH + 1)), "linear"]
        self.read_outs = nn.ModuleDict({layer: nn.Identity() for layer in layers})

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the mean of the linear layer (batch, 256) of waveforms (batch, sample)."""
        # One sound at a time: bounded memory, and rounding that does not depend on the batch.
        means = [self._means(waveform) for waveform in waveforms]
        for layer, read_out in self.read_outs.items():
            last: Tensor = read_out(torch.stack([mean[layer] for mean in means]))
        return last

    @in_float32
    def mel(self, waveform: Tensor) -> Tensor:
        """Return the mel power (frame, 40) of a waveform (sample,)."""
        power: Tensor = self.spectrum(waveform[None])[0] ** 2
        return (self.filters @ power).T

    def _means(self, waveform: Tensor) -> dict[str, Tensor]:
        starts = window_starts(len(waveform))
        if len(starts) > 1:
            missing = HOP * (starts[-1] + WINDOW) - len(waveform)
            waveform = nn.functional.pad(waveform, (0, max(0, missing)))
        mel = self.mel(waveform)
        windows = torch.stack([mel[start : start + WINDOW] for start in starts])
        sums: dict[str, Tensor] = {}
        for chunk in torch.split(windows, self.windows_per_chunk):
            x = chunk
            for depth, lstm in enumerate(self.lstm, start=1):
                x, _ = lstm(x)
                # half precision would lose most of a long sum
                _add(sums, f"lstm{depth}", x.float().mean(1).sum(0))
            _add(sums, "linear", self.linear(x[:, -1]).float().sum(0))
        return {layer: total / len(windows) for layer, total in sums.items()}


def _add(sums: dict[str, Tensor], layer: str, value: Tensor) -> None:
    sums[layer] = sums[layer] + value if layer in sums else value


def window_starts(samples: int) -> list[int]:
    """Return the first frame of each window of a sound.

    The last window is left out if less than three quarters of it are sound, unless it is the only
    one.

    Examples
    --------
    >>> window_starts(16_000), window_starts(32_000), window_starts(31_000)
    ([0], [0, 77], [0])
    """
    frames = math.ceil((samples + 1) / HOP)
    starts = list(range(0, max(1, frames - WINDOW + STEP + 1), STEP))
    covered = (samples - HOP * starts[-1]) / (HOP * WINDOW)
    return starts[:-1] if covered < _LEAST_COVERED and len(starts) > 1 else starts


def _rename(state: State) -> State:
    """Return a state in which each LSTM layer is a module of its own."""
    published = re.compile(r"^lstm\.(\w+)_l(\d)$")
    return {published.sub(r"lstm.\2.\1_l0", name): value for name, value in state.items()}


FAMILY = Family(
    build=lambda _card: VoiceEncoder(),
    read_outs=lambda card: {layer: f"read_outs.{layer}" for layer in card.layers},
    entries=("model_state",),
    # two numbers of the training's loss
    unused=r"similarity_(weight|bias)",
    rename=_rename,
)
