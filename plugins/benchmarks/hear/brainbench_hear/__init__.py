"""Listening tasks in HEAR format: the six of the paper, and any other."""

from __future__ import annotations

from brainbench_audio.cards import DatasetCard
from brainbench_audio.registry import hookimpl
from brainbench_hear.cards import task_card

__all__ = ["task_card"]


@hookimpl
def brainbench_benchmarks() -> list[DatasetCard]:
    """Return the card of the six tasks."""
    from brainbench_hear.cards import CARD

    return [CARD]
