"""Partial least squares and Procrustes maps as metrics of brainbench-audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainbench_audio.registry import hookimpl

if TYPE_CHECKING:
    from brainbench_audio.cards import MetricCard


@hookimpl
def brainbench_metrics() -> list[MetricCard]:
    """Return the cards of the metrics `pls` and `procrustes`."""
    from .cards import CARDS

    return CARDS
