"""CREPE: six convolutions and a classifier of pitch on 64 ms of waveform."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from brainbench_audio.activations.family import Family

FRAME = 1024
HOP = 160
PITCHES = 360
TINY = (128, 16, 16, 16, 32, 64)
_SIZES = ((512, 4), *((64, 1),) * 5)
"""Kernel and stride, in samples, of each convolution."""
_PADDINGS = ((254, 254), *((31, 32),) * 5)
_FLATTEST = 1e-10


class CrepeNetwork(nn.Module):
    """Waveform to the activations of all layers, averaged over time.

    Frames of 64 ms every 10 ms, centred on their times (the sound is padded with 32 ms of zeros at
    either end), each brought to mean 0 and variance 1: level is lost. Six times convolution, ReLU,
    batch norm and a max-pool that halves the samples; then one linear layer. Parameters have
    torchcrepe's names.

    A frame depends on its 64 ms alone, so where sounds of a batch share most frames, as windows of
    continuous sound do, each goes through the network once. Else sounds are heard one at a time,
    and rounding does not depend on the batch.

    The axis that the convolutions run along is time within a frame, so a layer is the mean over it
    and over the frames.

    Parameters
    ----------
    channels : tuple of int
        Of the six convolutions.
    frames_per_chunk : int
        Frames that go through the network at a time: bounds memory to about 0.4 MB for each.
    """

    def __init__(self, channels: tuple[int, ...] = TINY, frames_per_chunk: int = 256) -> None:
        super().__init__()
        self.frames_per_chunk = frames_per_chunk
        for number, (size, stride) in enumerate(_SIZES, start=1):
            before = channels[number - 2] if number > 1 else 1
            after = channels[number - 1]
            convolution = nn.Conv2d(before, after, (size, 1), stride=(stride, 1))
            self.add_module(f"conv{number}", convolution)
            # the eps of the TensorFlow original
            self.add_module(f"conv{number}_BN", nn.BatchNorm2d(after, eps=1e-3))
        positions = FRAME // 4 // 2 ** len(channels)
        self.classifier = nn.Linear(positions * channels[-1], PITCHES)
        layers = [*(f"conv{number}" for number in range(1, 7)), "classifier"]
        self.read_outs = nn.ModuleDict({layer: nn.Identity() for layer in layers})

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the mean logits (batch, 360) of waveforms (batch, sample)."""
        frames, counts = _distinct(cut(waveforms))
        shares = counts / counts.sum(dim=1, keepdim=True)
        if 2 * len(frames) <= counts.sum():
            means = [self._means(frames, shares)]
        else:
            alone = shares.new_full((1, 1 + waveforms.shape[1] // HOP), 1.0)
            alone /= alone.shape[1]
            means = [self._means(cut(waveform), alone) for waveform in waveforms]
        for layer, read_out in self.read_outs.items():
            logits: Tensor = read_out(torch.cat([mean[layer] for mean in means]))
        return logits

    def stages(self, frames: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield each layer of frames (frame, 1024): (frame, channel, sample), then the logits."""
        x = frames.unsqueeze(1)
        for number, padding in enumerate(_PADDINGS, start=1):
            layer = f"conv{number}"
            # in one dimension this takes half as long as in the two of the published weights
            weight = self.get_parameter(f"{layer}.weight").squeeze(-1)
            bias = self.get_parameter(f"{layer}.bias")
            stride = _SIZES[number - 1][1]
            x = nn.functional.conv1d(nn.functional.pad(x, padding), weight, bias, stride)
            x = self.get_submodule(f"{layer}_BN")(x.relu().unsqueeze(-1)).squeeze(-1)
            yield layer, x
            x = nn.functional.max_pool1d(x, 2)
        yield "classifier", self.classifier(x.transpose(1, 2).flatten(1))

    def _means(self, frames: Tensor, shares: Tensor) -> dict[str, Tensor]:
        """Return each layer (sound, feature) of frames, which have shares (sound, frame) of it."""
        sums: dict[str, Tensor] = {}
        size = self.frames_per_chunk
        pieces = zip(torch.split(frames, size), torch.split(shares, size, dim=1), strict=True)
        for chunk, share in pieces:
            for layer, values in self.stages(chunk):
                exact = values.float()  # half precision would lose most of a long sum
                each = exact.mean(-1) if exact.dim() == 3 else exact
                # not as a matrix product, which half precision may be asked of
                total = torch.stack([(one[:, None] * each).sum(0) for one in share])
                sums[layer] = sums[layer] + total if layer in sums else total
        return sums


def _distinct(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Return the frames that differ, (frame, sample), and how often each sound has them.

    Parameters
    ----------
    frames : Tensor
        (sound, frame, sample).

    Returns
    -------
    two Tensors
        The second is (sound, frame).

    Examples
    --------
    >>> _distinct(torch.tensor([[[1.0], [2.0]], [[2.0], [3.0]]]))[1]
    tensor([[1., 1., 0.],
            [0., 1., 1.]])
    """
    sounds, each, _ = frames.shape
    if sounds == 1:
        return frames[0], frames.new_ones(1, each)
    distinct, places = torch.unique(frames.flatten(0, 1), dim=0, return_inverse=True)
    counts = frames.new_zeros(sounds, len(distinct))
    ones = frames.new_ones(sounds, each)
    return distinct, counts.scatter_add_(1, places.reshape(sounds, each), ones)


def cut(waveforms: Tensor) -> Tensor:
    """Cut waveforms (..., sample) into normalised frames (..., 1 + sample // 160, 1024).

    ``(x - mean x) / max(std x, 1e-10)`` for each frame, std being that of a sample (N - 1).

    Examples
    --------
    >>> cut(torch.zeros(320)).shape
    torch.Size([3, 1024])
    """
    frames = nn.functional.pad(waveforms, (FRAME // 2, FRAME // 2)).unfold(-1, FRAME, HOP)
    centred = frames - frames.mean(-1, keepdim=True)
    return centred / centred.std(-1, keepdim=True).clamp_min(_FLATTEST)


FAMILY = Family(
    build=lambda _card: CrepeNetwork(),
    read_outs=lambda card: {layer: f"read_outs.{layer}" for layer in card.layers},
)
