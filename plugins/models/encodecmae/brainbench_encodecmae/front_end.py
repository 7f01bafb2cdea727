"""From waveforms to frames: Kaldi-style spectra, or EnCodec's encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brainbench_audio.activations.kaldi import LogMel, PowerSpectrum, log_floored
from brainbench_audio.activations.precision import in_float32

from .configuration import SAMPLE_RATE, FrontEnd
from .encodec import CHANNELS, EncodecEncoder


class MelFrontEnd(nn.Module):
    """Normalised logarithms of the power in triangular mel bands.

    ``(ln max(sum_k w_k |X_k|**2, eps) - mean) / deviation``, see `LogMel`.
    """

    def __init__(self, settings: FrontEnd) -> None:
        super().__init__()
        self.settings = settings
        self.features = settings.mel_bands
        self.log_mel = LogMel(SAMPLE_RATE, self.features, *_frames(settings), settings.window)

    @in_float32
    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the frames (batch, frame, band) of waveforms (batch, sample)."""
        return _normalised(self.log_mel(waveforms), self.settings)


class SpectrogramFrontEnd(nn.Module):
    """Normalised logarithms of power; in place of the 0 Hz bin, of the frame's energy, at least 0.

    As Kaldi does it, energy is that of the frame without its mean, before pre-emphasis.
    """

    def __init__(self, settings: FrontEnd) -> None:
        super().__init__()
        self.settings = settings
        self.spectrum = PowerSpectrum(*_frames(settings), settings.window)
        self.features = self.spectrum.bins

    @in_float32
    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the frames (batch, frame, bin) of waveforms (batch, sample)."""
        power, energy = self.spectrum(waveforms)
        loudness = log_floored(energy).clamp_min(0.0).unsqueeze(-1)
        return _normalised(
            torch.cat([loudness, log_floored(power[..., 1:])], dim=-1), self.settings
        )


class EncodecFrontEnd(nn.Module):
    """Frames of EnCodec's encoder, before they are quantized."""

    def __init__(self) -> None:
        super().__init__()
        self.features = CHANNELS
        self.model = EncodecEncoder()

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the frames (batch, frame, 128) of waveforms (batch, sample)."""
        frames: Tensor = self.model(waveforms)
        return frames


class WaveformEncoder(nn.Module):
    """Front end and the linear map of its frames to the width of the transformer."""

    def __init__(self, settings: FrontEnd, width: int) -> None:
        super().__init__()
        self.encoder = _front_end(settings)
        self.post_net = nn.Linear(self.encoder.features, width)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the frames (batch, frame, width) of waveforms (batch, sample)."""
        frames: Tensor = self.post_net(self.encoder(waveforms))
        return frames


def _front_end(settings: FrontEnd) -> MelFrontEnd | SpectrogramFrontEnd | EncodecFrontEnd:
    if settings.kind == "mel":
        return MelFrontEnd(settings)
    if settings.kind == "spectrogram":
        return SpectrogramFrontEnd(settings)
    return EncodecFrontEnd()


def _frames(settings: FrontEnd) -> tuple[int, int]:
    """Return the samples of a frame, and from one frame to the next."""
    length = int(SAMPLE_RATE * settings.frame_length / 1000)
    return length, int(SAMPLE_RATE * settings.frame_shift / 1000)


def _normalised(logarithms: Tensor, settings: FrontEnd) -> Tensor:
    return (logarithms - settings.mean) / settings.deviation
