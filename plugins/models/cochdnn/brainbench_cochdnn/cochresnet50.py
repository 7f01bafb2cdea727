"""CochResNet50: a ResNet-50 with one input channel on a cochleagram."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from .heads import Heads, make_heads

BLOCKS = (3, 4, 6, 3)
_EXPANSION = 4


class Bottleneck(nn.Module):
    """``relu(x + f(x))`` with f three convolutions: 1 x 1, 3 x 3 with the stride, 1 x 1.

    Parameters
    ----------
    before, width : int
        Channels of the input, and of the 3 x 3 convolution; four times as many come out.
    stride : int
    """

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = _EXPANSION * width
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, after, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(after)
        self.downsample: nn.Module = nn.Identity()
        if before != after or stride > 1:
            shortcut = nn.Conv2d(before, after, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, 4 width, frequency / stride, time / stride), rounded up."""
        y: Tensor = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y)).relu()
        y = self.bn3(self.conv3(y)) + self.downsample(x)
        return y.relu()


class CochResNet50(nn.Module):
    """Cochleagram to layers; names are the published ones.

    Parameters
    ----------
    heads : mapping or int
        See `heads.make_heads`.
    width : int
        Channels of the first convolution, of which all other sizes are multiples.
    """

    def __init__(self, heads: Heads, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        before = width
        for number, blocks in enumerate(BLOCKS, start=1):
            own = width * 2 ** (number - 1)
            first = Bottleneck(before, own, stride=1 if number == 1 else 2)
            before = _EXPANSION * own
            rest = [Bottleneck(before, own, stride=1) for _ in range(blocks - 1)]
            self.add_module(f"layer{number}", nn.Sequential(first, *rest))
        self.fc = make_heads(before, heads)

    def stages(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield each layer, 4-D, of cochleagrams (batch, 1, 211, 390)."""
        x = self.bn1(self.conv1(image)).relu()
        yield "conv1_relu1", x
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=1)
        yield "maxpool1", x
        for number in range(1, len(BLOCKS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
            yield f"layer{number}", x
        yield "avgpool", x.mean((-2, -1), keepdim=True)
