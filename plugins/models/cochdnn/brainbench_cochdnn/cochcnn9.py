"""CochCNN9: five convolutions and a fully connected layer on a cochleagram."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor, nn

from .heads import Heads, make_heads

CHANNELS = (96, 256, 512, 1024, 512)
_KERNELS = ((7, 14), (4, 8), (2, 5), (2, 5), (2, 5))
_STRIDES = (3, 2, 1, 1, 1)
_POOL, _POOL_STRIDE = (2, 5), 2
_POOLED = 5 * 9
"""Positions (frequency x time) that the last pool leaves of 211 x 390."""


class SameConvolution(nn.Conv2d):
    """A convolution without bias whose input is padded with zeros as in TensorFlow."""

    def __init__(self, before: int, after: int, kernel: tuple[int, int], stride: int) -> None:
        super().__init__(before, after, kernel, stride, bias=False)
        self._size, self._step = kernel, stride

    def forward(self, image: Tensor) -> Tensor:
        """Return (batch, channel, ceil(frequency / stride), ceil(time / stride))."""
        return super().forward(pad_same(image, self._size, self._step))


class CochCNN9(nn.Module):
    """Cochleagram to layers; kernels are (frequency, time), names are the published ones.

    Parameters
    ----------
    heads : mapping or int
        See `heads.make_heads`.
    channels : tuple of int
        Of the five convolutions.
    units : int
        Of the fully connected layer.
    """

    def __init__(
        self, heads: Heads, channels: tuple[int, ...] = CHANNELS, units: int = 4096
    ) -> None:
        super().__init__()
        before = 1
        for number, after in enumerate(channels):
            if number < 3:
                self.add_module(f"batchnorm{number}", nn.BatchNorm2d(before))
            convolution = SameConvolution(before, after, _KERNELS[number], _STRIDES[number])
            self.add_module(f"conv{number}", convolution)
            before = after
        self.fullyconnected = nn.Linear(before * _POOLED, units)
        self.classification = make_heads(units, heads)

    def stages(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield each layer of cochleagrams (batch, 1, 211, 390): 4-D, the last 2-D."""
        x = image
        for number in range(len(CHANNELS)):
            if number < 3:
                x = self.get_submodule(f"batchnorm{number}")(x)
            x = self.get_submodule(f"conv{number}")(x).relu()
            yield f"relu{number}", x
            if number < 2:
                padded = pad_same(x, _POOL, _POOL_STRIDE, -math.inf)
                x = nn.functional.max_pool2d(padded, _POOL, _POOL_STRIDE)
                yield f"maxpool{number}", x
        # the padding's zeros count in the mean
        x = nn.functional.avg_pool2d(pad_same(x, _POOL, _POOL_STRIDE), _POOL, _POOL_STRIDE)
        yield "avgpool", x
        yield "relufc", self.fullyconnected(x.flatten(1)).relu()


def pad_same(image: Tensor, kernel: tuple[int, int], stride: int, value: float = 0.0) -> Tensor:
    """Pad both axes of images so that a kernel fits ``ceil(size / stride)`` times.

    An odd number of rows or columns is longer at the end.
    """
    sides: list[int] = []
    for size, width in zip(reversed(image.shape[-2:]), reversed(kernel), strict=True):
        total = max((math.ceil(size / stride) - 1) * stride + width - size, 0)
        sides += [total // 2, total - total // 2]
    return nn.functional.pad(image, sides, value=value)
