"""Prediction and loss beside plain versions of themselves."""

from __future__ import annotations

import pytest
import torch
from brainbench_encodecmae.configuration import Configuration
from brainbench_encodecmae.network import EncodecMAE
from brainbench_encodecmae.objective import (
    WEIGHTS,
    Batch,
    fitted_mask,
    loss,
    predict,
    quantizer_weights,
)
from torch import Tensor

SIZES = Configuration(
    blocks=2, width=24, attention_width=24, heads=4, hidden=32, codebooks=2, tokenizer=False
)


@pytest.fixture(scope="module")
def network() -> EncodecMAE:
    torch.manual_seed(0)
    return EncodecMAE(SIZES)


def noisy_batch(lengths: list[int], frames: int) -> Batch:
    torch.manual_seed(1)
    padded = torch.randn(len(lengths), frames, 256)
    for row, length in zip(padded, lengths, strict=True):
        row[length:] = 0
    return Batch(torch.zeros(len(lengths), 320 * frames), padded, torch.tensor(lengths))


def plain_prediction(network: EncodecMAE, frames: Tensor, mask: Tensor) -> Tensor:
    """One clip, no padding: the heard frames are picked out and put back one by one."""
    placed = network.masker(network.wav_encoder.post_net(frames[None]))
    heard = [t for t in range(len(frames)) if not mask[t]]
    encoded = network.visible_encoder(placed[:, heard])[-1]
    decoded = torch.zeros_like(placed)
    for place, t in enumerate(heard):
        decoded[:, t] = network.visible_encoder.post_net(encoded[:, place])
    logits: Tensor = network.head(network.decoder(decoded)[-1])[0]
    return logits


@torch.no_grad()
def test_a_clip_does_not_depend_on_its_batch(network: EncodecMAE) -> None:
    lengths = [40, 31, 12]
    batch = noisy_batch(lengths, 40)
    mask = torch.rand(3, 40, generator=torch.Generator().manual_seed(2)) < 0.5
    for row, length in zip(mask, lengths, strict=True):
        row[length:] = False
    found = predict(network, batch, mask).logits
    assert found.shape == (3, 40, 2, 1024)
    for clip, length in enumerate(lengths):
        expected = plain_prediction(network, batch.frames[clip, :length], mask[clip, :length])
        torch.testing.assert_close(found[clip, :length], expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_masked_frames_are_not_heard(network: EncodecMAE) -> None:
    batch = noisy_batch([40, 40], 40)
    mask = torch.zeros(2, 40, dtype=torch.bool)
    mask[:, 5:25] = True
    changed = batch.frames.clone()
    changed[:, 5:25] = 7.0
    found = [
        predict(network, Batch(batch.waveforms, frames, batch.lengths), mask)
        for frames in (batch.frames, changed)
    ]
    assert torch.equal(found[0].logits, found[1].logits)
    assert not found[0].decoder_input[:, 5:25].any()


def test_the_loss_is_the_plain_one() -> None:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 7, 8, 1024, generator=random)
    codes = torch.randint(1024, (8, 2, 6), generator=random)
    mask = torch.rand(2, 7, generator=random) < 0.4
    sums, counts = {True: 0.0, False: 0.0}, {True: 0, False: 0}
    for clip in range(2):
        for t in range(6):  # the codes are one frame shorter
            masked = bool(mask[clip, t])
            counts[masked] += 1
            for q in range(8):
                logarithm = logits[clip, t, q].log_softmax(0)[codes[q, clip, t]].item()
                sums[masked] -= WEIGHTS[q] * logarithm
    found = loss(logits, codes, mask)
    assert found.masked.item() == pytest.approx(sums[True] / counts[True], rel=1e-5)
    assert found.unmasked.item() == pytest.approx(sums[False] / counts[False], rel=1e-5)
    total = 0.9 * sums[True] / counts[True] + 0.1 * sums[False] / counts[False]
    assert found.total.item() == pytest.approx(total, rel=1e-5)
    assert found.masked_parts.sum() == pytest.approx(found.masked.item(), rel=1e-6)


@pytest.mark.parametrize("value", [True, False])
def test_all_or_nothing_masked(value: bool) -> None:
    logits, codes = torch.zeros(1, 3, 8, 1024), torch.zeros(8, 1, 3, dtype=torch.int64)
    found = loss(logits, codes, torch.full((1, 3), value))
    chance = 6.931472
    assert found.masked.item() == pytest.approx(chance if value else 0, abs=1e-5)
    assert found.unmasked.item() == pytest.approx(0 if value else chance, abs=1e-5)


def test_weights() -> None:
    assert sum(WEIGHTS) == pytest.approx(1, abs=1e-6)
    assert quantizer_weights(1).tolist() == [1.0]
    assert torch.equal(quantizer_weights(8), torch.tensor(WEIGHTS))


def test_a_mask_for_more_frames() -> None:
    assert fitted_mask(torch.tensor([[True, True]]), 4).tolist() == [[True, True, False, False]]
