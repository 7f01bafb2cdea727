"""Parts of the networks against plain loops and torch's own layers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from brainbench_cochdnn.cochcnn9 import SameConvolution, pad_same
from brainbench_cochdnn.cochresnet50 import Bottleneck
from torch import nn


@pytest.mark.parametrize("size", [1, 5, 211, 390])
@pytest.mark.parametrize("kernel", [1, 2, 5, 14])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding(size: int, kernel: int, stride: int) -> None:
    image = torch.ones(1, 1, size, 1)
    padded = pad_same(image, (kernel, 1), stride, value=0.0)
    outputs = (padded.shape[2] - kernel) // stride + 1
    assert outputs == math.ceil(size / stride)
    column = padded[0, 0, :, 0]
    before = int(column.argmax())
    after = len(column) - before - size
    assert after - before in (0, 1)
    assert padded.shape[3] == 1


@torch.no_grad()
def test_convolution_with_same_padding() -> None:
    torch.manual_seed(0)
    ours = SameConvolution(2, 3, (2, 5), 2)
    image = torch.randn(1, 2, 7, 9)
    # frequency: 1 more row at the end; time: 2 columns before and after
    padded = np.pad(image[0].numpy(), ((0, 0), (0, 1), (2, 2)))
    expected = np.empty((3, 4, 5))
    for row in range(4):
        for column in range(5):
            window = padded[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 5]
            expected[:, row, column] = (ours.weight.numpy() * window).sum((1, 2, 3))
    np.testing.assert_allclose(ours(image)[0].numpy(), expected, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize(("before", "stride"), [(16, 1), (8, 1), (16, 2)])
def test_bottleneck(before: int, stride: int) -> None:
    torch.manual_seed(0)
    block = Bottleneck(before, 4, stride).eval()
    assert isinstance(block.downsample, nn.Sequential) == (before != 16 or stride == 2)
    x = torch.randn(2, before, 9, 7)
    y = x
    for number, (width, step) in enumerate([(0, 1), (1, stride), (0, 1)], start=1):
        weight = block.get_submodule(f"conv{number}").get_parameter("weight")
        y = nn.functional.conv2d(y, weight, stride=step, padding=width) / math.sqrt(1 + 1e-5)
        y = y.clamp_min(0) if number < 3 else y
    shortcut = x
    if isinstance(block.downsample, nn.Sequential):
        weight = block.downsample[0].get_parameter("weight")
        shortcut = nn.functional.conv2d(x, weight, stride=stride) / math.sqrt(1 + 1e-5)
    torch.testing.assert_close(block(x), (y + shortcut).clamp_min(0))
