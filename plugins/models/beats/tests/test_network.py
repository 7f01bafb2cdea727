"""Parts of the network against plain loops that follow the formulas."""

from __future__ import annotations

import math

import torch
from brainbench_beats.attention import BUCKETS, GatedAttention, distance_buckets, position_bias
from brainbench_beats.network import PositionConvolution, TransformerLayer
from torch import Tensor, nn

HEADS, WIDTH, POSITIONS = 3, 24, 11


def bucket(distance: int) -> int:
    length = abs(distance)
    if length >= 80:
        length = min(159, 80 + int(80 * math.log(length / 80) / math.log(10)))
    return length + (160 if distance > 0 else 0)


def test_buckets() -> None:
    found = distance_buckets(1000)
    assert found[0].tolist() == [bucket(distance) for distance in range(1000)]
    assert found[:, 0].tolist() == [bucket(-distance) for distance in range(1000)]
    assert (found.min(), found.max()) == (0, BUCKETS - 1)


def plain_attention(attention: GatedAttention, sequence: Tensor, bias: Tensor) -> Tensor:
    """Return (position, width) for one sequence, head by head and query by query."""
    size = WIDTH // HEADS
    outputs = torch.empty(len(sequence), WIDTH)
    for head in range(HEADS):
        own = slice(head * size, (head + 1) * size)
        query, key, value = (
            part(sequence)[:, own]
            for part in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        for place, one in enumerate(query):
            eight = attention.grep_linear(one)
            a, b = torch.sigmoid(eight[:4].sum()), torch.sigmoid(eight[4:].sum())
            gate = a * (b * attention.grep_a[0, head, 0, 0] - 1) + 2
            weights = torch.softmax(key @ one / math.sqrt(size) + gate * bias[head, place], dim=0)
            outputs[place, own] = weights @ value
    plain: Tensor = attention.out_proj(outputs)
    return plain


@torch.no_grad()
def test_attention() -> None:
    torch.manual_seed(0)
    table = nn.Embedding(BUCKETS, HEADS)
    attention = GatedAttention(WIDTH, HEADS, table)
    nn.init.normal_(attention.grep_a)
    sequences = torch.randn(2, POSITIONS, WIDTH)
    bias = position_bias(table, POSITIONS)
    assert bias[1, 2, 7] == table.weight[bucket(5), 1]
    for ours, sequence in zip(attention(sequences, bias), sequences, strict=True):
        torch.testing.assert_close(ours, plain_attention(attention, sequence, bias))


@torch.no_grad()
def test_position_convolution() -> None:
    torch.manual_seed(0)
    ours = PositionConvolution()
    nn.init.normal_(ours.weight_g)
    theirs = nn.Conv1d(768, 768, 128, padding=64, groups=16)
    theirs.bias.copy_(ours.bias)  # type: ignore[union-attr]
    theirs = nn.utils.parametrizations.weight_norm(theirs, dim=2)
    theirs.parametrizations.weight.original0.copy_(ours.weight_g)
    theirs.parametrizations.weight.original1.copy_(ours.weight_v)
    sequence = torch.randn(1, 768, 20)
    torch.testing.assert_close(ours(sequence), theirs(sequence)[..., :20], atol=1e-5, rtol=1e-5)


def test_constants() -> None:
    layer = TransformerLayer(nn.Embedding(BUCKETS, 12))
    assert math.isclose(layer.alpha, 2.2133638, rel_tol=1e-7)
    assert {part.eps for part in layer.modules() if isinstance(part, nn.LayerNorm)} == {1e-5}
