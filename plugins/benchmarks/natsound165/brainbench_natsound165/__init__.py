"""165 natural sounds and the responses of human auditory cortex to them."""

from __future__ import annotations

from brainbench_audio.cards import DatasetCard
from brainbench_audio.registry import hookimpl


@hookimpl
def brainbench_benchmarks() -> list[DatasetCard]:
    """Return the cards of the data sets."""
    from brainbench_natsound165.cards import CARDS

    return CARDS
