"""Encoding models of continuous sound as a metric of brainbench-audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainbench_audio.registry import hookimpl

if TYPE_CHECKING:
    from brainbench_audio.cards import MetricCard


@hookimpl
def brainbench_metrics() -> list[MetricCard]:
    """Return the card of the metric `encoding`."""
    from .cards import CARDS

    return CARDS
