"""Hours of stories, and the responses of nine listeners to them (fMRI)."""

from __future__ import annotations

from brainbench_audio.cards import DatasetCard
from brainbench_audio.registry import hookimpl


@hookimpl
def brainbench_benchmarks() -> list[DatasetCard]:
    """Return the card of the data set."""
    from brainbench_lebel2023.cards import CARDS

    return CARDS
