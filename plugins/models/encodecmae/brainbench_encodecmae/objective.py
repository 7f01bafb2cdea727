"""What pretraining minimises: codes of frames, predicted from the half that is heard."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from .network import EncodecMAE

WEIGHTS = (
    0.22407463,
    0.1759858,
    0.14499009,
    0.12150037,
    0.10315603,
    0.08831368,
    0.07608274,
    0.06589669,
)
"""Of the eight quantizers in the loss, the coarsest first; their sum is 1."""
MASKED_SHARE = 0.9
"""Of masked frames in the loss; the others have the rest."""


@dataclass(frozen=True)
class Batch:
    """Clips of one training step, padded at their end to the longest.

    Attributes
    ----------
    waveforms : Tensor
        (clip, sample) at 24 kHz.
    frames : Tensor
        (clip, frame, band): what the front end gives for each clip alone, then padded with 0, in
        the normalised domain.
    lengths : Tensor
        int64 (clip,): frames of each clip, at most those that ``frames`` has of it.
    """

    waveforms: Tensor
    frames: Tensor
    lengths: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on another device; from pinned memory nobody waits for the copy."""
        every = self.waveforms, self.frames, self.lengths
        return Batch(*(values.to(device, non_blocking=True) for values in every))

    def pinned(self) -> Batch:
        """Return the batch in memory that a GPU copies from by itself."""
        every = self.waveforms, self.frames, self.lengths
        return Batch(*(values.pin_memory() for values in every))


@dataclass(frozen=True)
class Prediction:
    """What the network makes of a batch.

    Attributes
    ----------
    logits : Tensor
        (clip, frame, quantizer, code).
    decoder_input, decoded : Tensor
        (clip, frame, width): 0 where nothing was heard; the decoder's output.
    """

    logits: Tensor
    decoder_input: Tensor
    decoded: Tensor


@dataclass(frozen=True)
class Loss:
    """Cross-entropy in nats, weighted over quantizers.

    Attributes
    ----------
    total : Tensor
        ``0.9 masked + 0.1 unmasked``.
    masked, unmasked : Tensor
        Means over masked and over all other frames.
    masked_parts, unmasked_parts : Tensor
        (quantizer,): what each quantizer adds to the two.
    """

    total: Tensor
    masked: Tensor
    unmasked: Tensor
    masked_parts: Tensor
    unmasked_parts: Tensor


def predict(network: EncodecMAE, batch: Batch, mask: Tensor) -> Prediction:
    """Predict all codes of a batch from the frames that are not masked.

    Frames get their positions, masked ones and padding are dropped, the others are encoded, mapped
    and put back to where they were, zeros elsewhere, and decoded with positions of the decoder's
    own. Neither stack attends to padding.

    Parameters
    ----------
    network : EncodecMAE
    batch : Batch
    mask : Tensor
        bool (clip, frame): frames that are not heard.
    """
    heard = torch.arange(batch.frames.shape[1], device=mask.device) < batch.lengths.unsqueeze(1)
    visible = heard & ~mask
    counts = visible.sum(1)
    # frames that are heard, in their order, then the others
    order = (~visible).byte().argsort(dim=1, stable=True)[:, : int(counts.max())]
    kept = torch.arange(order.shape[1], device=mask.device) < counts.unsqueeze(1)
    placed = network.masker(network.wav_encoder.post_net(batch.frames))
    where = order.unsqueeze(-1).expand(-1, -1, placed.shape[2])
    encoded = network.visible_encoder(placed.gather(1, where), _unless_all(kept))[-1]
    mapped = network.visible_encoder.post_net(encoded) * kept.unsqueeze(-1)
    # in mixed precision positions are float32, products are not
    spread = torch.zeros_like(placed).scatter(1, where, mapped.to(placed.dtype))
    decoded = network.decoder(spread, _unless_all(heard))[-1]
    return Prediction(network.head(decoded), spread, decoded)


def loss(logits: Tensor, codes: Tensor, mask: Tensor) -> Loss:
    """Return how badly codes are predicted.

    ``0.9 sum_(masked frames, q) w_q CE / masked frames + 0.1 (the same of all other frames)``. The
    others include padding, as in the published training; neither number of frames counts as less
    than 1. Of predictions and codes the longer are cut to the shorter.

    Parameters
    ----------
    logits : Tensor
        (clip, frame, quantizer, code).
    codes : Tensor
        int64 (quantizer, clip, frame).
    mask : Tensor
        bool (clip, frame).
    """
    frames = min(logits.shape[1], codes.shape[2])
    logits, mask = logits[:, :frames], mask[:, :frames]
    targets = codes[:, :, :frames].permute(1, 2, 0)
    errors = cross_entropy(logits.flatten(0, 2), targets.flatten(), reduction="none")
    weights = quantizer_weights(len(codes)).to(errors.device)
    weighted = errors.view(targets.shape) * weights
    masked_parts = weighted[mask].sum(0) / mask.sum().clamp_min(1)
    unmasked_parts = weighted[~mask].sum(0) / (~mask).sum().clamp_min(1)
    masked, unmasked = masked_parts.sum(), unmasked_parts.sum()
    total = MASKED_SHARE * masked + (1 - MASKED_SHARE) * unmasked
    return Loss(total, masked, unmasked, masked_parts, unmasked_parts)


def quantizer_weights(quantizers: int) -> Tensor:
    """Return the weights of so many quantizers: the first of `WEIGHTS`, scaled to a sum of 1."""
    weights = torch.tensor(WEIGHTS[:quantizers])
    return weights if quantizers == len(WEIGHTS) else weights / weights.sum()


def fitted_mask(mask: Tensor, frames: int) -> Tensor:
    """Return a mask with so many frames, those beyond its end not masked."""
    return pad(mask, (0, frames - mask.shape[1]))


def _unless_all(kept: Tensor) -> Tensor | None:
    """Return None for a mask that leaves nothing out: attention is faster without one."""
    return None if bool(kept.all()) else kept
