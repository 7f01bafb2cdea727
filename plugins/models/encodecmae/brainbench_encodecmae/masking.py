"""Which frames of a clip the encoder does not hear in pretraining."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor

GAP = 15
"""Frames of a gap: 0.2 s."""


class TimeGapMask:
    """Gaps at random places until half of a clip is masked.

    Of a clip of n frames exactly ``int(n share)`` are masked. Gaps begin anywhere in
    ``0 … max(0, n - gap)``, with replacement, and may overlap. What is then too much is taken back
    from the beginning of the first gap drawn that begins before ``longest - gap``, where longest
    is the number of frames of the longest clip of the batch.

    Parameters
    ----------
    seed : int
        Of the starts. The stream is that of Python's ``random`` module after ``random.seed(seed)``,
        which the published training draws from.
    share : float
        Of the frames.
    gap : int
        Frames.

    Notes
    -----
    Pepino, Riera and Ferrer (2023), section 2.2, and their code.

    Examples
    --------
    >>> TimeGapMask(seed=0)([300, 225]).sum(1)
    tensor([150, 112])
    """

    def __init__(self, seed: int, share: float = 0.5, gap: int = GAP) -> None:
        self.share, self.gap = share, gap
        self.random = random.Random(seed)

    def __call__(self, lengths: Sequence[int]) -> Tensor:
        """Return what is masked, bool (clip, frame), of clips of so many frames each."""
        longest = max(lengths)
        mask = torch.zeros(len(lengths), longest, dtype=torch.bool)
        for row, length in zip(mask, lengths, strict=True):
            self._mask_clip(row, length, longest)
        return mask

    def _mask_clip(self, row: Tensor, length: int, longest: int) -> None:
        wanted, masked = int(length * self.share), 0
        starts = []
        while masked < wanted:
            starts.append(self.random.randint(0, max(0, length - self.gap)))
            # a clip shorter than a gap is masked to its own end, not into the padding
            row[starts[-1] : min(starts[-1] + self.gap, length)] = True
            masked = int(row.sum())
        surplus = masked - wanted
        if surplus:
            # every gap of a clip that fills the batch may begin at its very end: then the first one
            first = next((start for start in starts if start < longest - self.gap), starts[0])
            row[first : first + surplus] = False
