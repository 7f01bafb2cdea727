"""The network against plain loops that follow the formulas."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from brainbench_dasheng.front_end import LogMel
from brainbench_dasheng.network import Block, DashengNetwork, Size
from torch import Tensor, nn
from torch.nn import functional

SMALL = Size(width=24, depth=2, heads=3)

Float64 = npt.NDArray[np.float64]


def plain_attention(block: Block, piece: Tensor) -> Tensor:
    """Return (token, width) for one piece, head by head."""
    width = piece.shape[-1]
    size = width // block.attn.heads
    both = block.attn.qkv(piece)
    heads = []
    for start in range(0, width, size):
        query, key, value = (
            both[:, offset + start : offset + start + size] for offset in (0, width, 2 * width)
        )
        heads.append(torch.softmax(query @ key.T / math.sqrt(size), dim=-1) @ value)
    return cast(Tensor, block.attn.proj(torch.cat(heads, dim=-1)))


def plain_blocks(network: DashengNetwork, waveform: Tensor) -> Tensor:
    """Return what the last block gives, (token, width), piece by piece."""
    image = network.init_bn(network.log_mel(waveform[None]))[0]
    weight, bias = network.patch_embed.proj.weight, network.patch_embed.proj.bias
    outputs = []
    whole = image.shape[1] // 4
    for first in range(0, whole, 252):
        piece = []
        for step, token in enumerate(range(first, min(first + 252, whole))):
            patch = image[:, 4 * token : 4 * token + 4]
            embedded = (weight[:, 0] * patch).sum(dim=(1, 2)) + bias
            place = network.time_pos_embed[0, :, 0, step] + network.freq_pos_embed[0, :, 0, 0]
            piece.append(embedded + place)
        tokens = torch.stack(piece)
        for block in cast(list[Block], network.blocks):
            tokens = tokens + plain_attention(block, block.norm1(tokens))
            hidden = functional.gelu(block.mlp.fc1(block.norm2(tokens)))
            tokens = tokens + block.mlp.fc2(hidden)
        outputs.append(tokens)
    return torch.cat(outputs)


@torch.inference_mode()
def test_blocks_and_pieces() -> None:
    torch.manual_seed(0)
    network = DashengNetwork(SMALL).eval()
    nn.init.normal_(network.time_pos_embed)
    network.init_bn[1].running_mean.uniform_(-10, 10)
    network.init_bn[1].running_var.uniform_(100, 400)
    waveform = 0.1 * torch.randn(13 * 16_000)
    expected = network.norm(plain_blocks(network, waveform))
    assert len(expected) == 325  # two pieces
    torch.testing.assert_close(network(waveform[None])[0], expected, atol=1e-4, rtol=1e-4)


def test_epsilons() -> None:
    network = DashengNetwork(SMALL)
    norms = [part for part in network.modules() if isinstance(part, nn.LayerNorm)]
    assert {part.eps for part in norms} == {1e-6}
    assert network.init_bn[1].eps == 1e-5


def plain_image(waveform: Float64) -> Float64:
    """Return (64, frame) in float64, frame by frame and channel by channel."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    padded = np.pad(waveform, 256, mode="reflect")
    frequency = np.arange(257) * 31.25
    mel = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 66)
    corners = 700 * (10 ** (mel / 2595) - 1)
    frames = []
    for start in range(0, len(padded) - 511, 160):
        power = np.abs(np.fft.rfft(window * padded[start : start + 512])) ** 2
        frames.append(
            [
                power @ np.interp(frequency, corners[band : band + 3], [0, 1, 0])
                for band in range(64)
            ]
        )
    decibels = 10 * np.log10(np.maximum(np.transpose(frames), 1e-10))
    return np.asarray(np.maximum(decibels, decibels.max() - 120))


def test_image() -> None:
    generator = np.random.default_rng(0)
    waveform = np.concatenate([0.9 * generator.standard_normal(3000), np.zeros(2000)])
    ours = LogMel()(torch.from_numpy(waveform).float()[None])[0].numpy()
    expected = plain_image(waveform)
    assert expected.min() == expected.max() - 120 > -100  # the silence is cut off
    np.testing.assert_allclose(ours, expected, atol=1e-3)
