"""Modules of the published checkpoints that only pretraining uses: targets, decoder, head.

They hold their parameters, so that checkpoints load to the last name.
"""

from __future__ import annotations

from torch import Tensor, nn

from .encodec import CODES, EncodecEncoder, ResidualQuantizer
from .transformer import PositionalEncoding, Transformer


class Tokenizer(nn.Module):
    """EnCodec, whose codes are the targets: its quantizer and, unless it is the front end, encoder.

    Parameters
    ----------
    own_encoder : bool
        False where the front end is EnCodec's encoder already; there is one copy only.
    """

    def __init__(self, *, own_encoder: bool) -> None:
        super().__init__()
        self.model = nn.ModuleDict({"vq": ResidualQuantizer()})
        if own_encoder:
            self.encodec_encoder = EncodecEncoder()

    def forward(self, waveforms: Tensor, codebooks: int) -> Tensor:
        """Return the codes (codebook, batch, frame) of waveforms (batch, sample)."""
        codes: Tensor = self.model["vq"](self.encodec_encoder(waveforms), codebooks)
        return codes


class Decoder(Transformer):
    """A shallow transformer with positions of its own."""

    def __init__(self, blocks: int, width: int, inner: int, heads: int, hidden: int) -> None:
        super().__init__(blocks, width, inner, heads, hidden)
        self.positional_encoder = PositionalEncoding()

    def forward(self, frames: Tensor, heard: Tensor | None = None) -> list[Tensor]:
        """Return each block's output; see `Transformer.forward`."""
        return super().forward(self.positional_encoder(frames), heard)


class Head(nn.Module):
    """Linear map to the logits of each codebook's codes."""

    def __init__(self, width: int, codebooks: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, codebooks * CODES)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the logits (batch, frame, codebook, code) of frames (batch, frame, width)."""
        logits: Tensor = self.layer(frames)
        return logits.view(*frames.shape[:2], -1, CODES)
