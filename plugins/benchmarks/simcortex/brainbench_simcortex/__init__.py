"""SimCortex: synthetic sounds and a simulated auditory cortex, to check metrics and pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainbench_audio.registry import hookimpl

if TYPE_CHECKING:
    from brainbench_audio.cards import DatasetCard


@hookimpl
def brainbench_benchmarks() -> list[DatasetCard]:
    """Return the card of SimCortex."""
    from .cards import CARDS

    return CARDS
