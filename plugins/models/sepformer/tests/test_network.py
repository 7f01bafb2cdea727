"""Parts of the network against plain loops and torch's own layers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from brainbench_sepformer.network import CHUNK, CHUNK_HOP, DualPathBlock, SepFormer, in_chunks
from brainbench_sepformer.positions import position_table
from brainbench_sepformer.transformer import Attention, PositionEncoding, TransformerLayer
from torch import Tensor, nn

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError

pytestmark = pytest.mark.standin("sepformer")


def interleaved_chunks(frames: Tensor) -> Tensor:
    """Cut (feature, frame) into (chunk, 250, feature): two cuts without overlap, in turns."""
    features, count = frames.shape
    gap = CHUNK - (CHUNK_HOP + count % CHUNK) % CHUNK
    margin = torch.zeros(features, CHUNK_HOP)
    padded = torch.cat([margin, frames, torch.zeros(features, gap), margin], dim=1)
    cuts = [cut.reshape(features, -1, CHUNK) for cut in (padded[:, :-125], padded[:, 125:])]
    return torch.stack(cuts, dim=2).reshape(features, -1, CHUNK).permute(1, 2, 0)


@pytest.mark.parametrize(
    ("frames", "chunks"), [(1, 2), (99, 2), (125, 4), (126, 4), (250, 4), (1999, 18), (375, 6)]
)
def test_chunks(frames: int, chunks: int) -> None:
    torch.manual_seed(0)
    given = torch.randn(2, 3, frames)
    found = in_chunks(given)
    assert found.shape == (2, chunks, CHUNK, 3)
    for ours, one in zip(found, given, strict=True):
        torch.testing.assert_close(ours, interleaved_chunks(one), atol=0, rtol=0)


def test_positions() -> None:
    table = position_table()[0]
    for place, feature in [(0, 0), (0, 1), (3, 10), (7, 255), (249, 0), (249, 101)]:
        angle = place / 10_000 ** (feature // 2 * 2 / 256)
        expected = math.cos(angle) if feature % 2 else math.sin(angle)
        assert math.isclose(table[place, feature].item(), expected, abs_tol=5e-5)


def test_too_many_positions() -> None:
    with pytest.raises(ContractError, match=r"at most 312 s .* got 2501 chunks"):
        PositionEncoding()(torch.zeros(1, 1, 2501, 256))


@torch.no_grad()
def test_attention() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(), nn.MultiheadAttention(256, 8, batch_first=True)
    nn.init.normal_(ours.in_proj_bias)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    sequences = torch.randn(2, 3, 11, 256)
    found = ours(sequences)
    for index in range(2):
        expected, _ = theirs(sequences[index], sequences[index], sequences[index])
        torch.testing.assert_close(found[index], expected)


@torch.no_grad()
def test_transformer_layer() -> None:
    torch.manual_seed(0)
    ours = TransformerLayer()
    theirs = nn.TransformerEncoderLayer(
        256, 8, 1024, dropout=0, batch_first=True, norm_first=True, layer_norm_eps=1e-6
    )
    renamed = {
        name.replace("self_att.att", "self_attn")
        .replace("pos_ffn.ffn.0", "linear1")
        .replace("pos_ffn.ffn.3", "linear2")
        .replace(".norm.", "."): value
        for name, value in ours.state_dict().items()
    }
    theirs.load_state_dict(renamed, strict=True)
    sequences = torch.randn(3, 11, 256)
    torch.testing.assert_close(ours(sequences[None])[0], theirs(sequences))


@torch.no_grad()
def test_across_chunks() -> None:
    """A place in a chunk attends to the same place in other chunks, and to no other place."""
    torch.manual_seed(0)
    block = DualPathBlock().eval()
    across = block.inter_mdl
    chunks = torch.randn(1, 4, CHUNK, 256)
    found = across(chunks.transpose(1, 2)).transpose(1, 2)
    alone = across(chunks[:, None, :, 7])[:, 0]
    torch.testing.assert_close(found[:, :, 7], alone)


def test_constants(standin: TorchModel) -> None:
    parts = list(standin.network.modules())
    assert {part.eps for part in parts if isinstance(part, nn.LayerNorm)} == {1e-6}
    assert {part.eps for part in parts if isinstance(part, nn.GroupNorm)} == {1e-8}


@torch.no_grad()
def test_encoder(standin: TorchModel) -> None:
    sound = np.random.default_rng(0).standard_normal(100).astype(np.float32)
    network = standin.network
    assert isinstance(network, SepFormer)
    filters = network.encoder.conv1d.weight[:, 0].numpy()
    frames = [filters @ sound[start : start + 16] for start in range(0, 85, 8)]
    expected = np.maximum(frames, 0).mean(0)
    found = standin.activations([sound], layers=["encoder"])["encoder"][0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
