"""An audiobook of an hour and a half, and the responses of 77 listeners to it (fMRI)."""

from __future__ import annotations

from brainbench_audio.cards import DatasetCard
from brainbench_audio.registry import hookimpl


@hookimpl
def brainbench_benchmarks() -> list[DatasetCard]:
    """Return the card of the data set."""
    from brainbench_littleprince.cards import CARDS

    return CARDS
