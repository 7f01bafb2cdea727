"""The three hooks of a plugin. A plugin implements those it has something for."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from brainbench_audio.cards import DatasetCard, MetricCard, ModelCard

PROJECT = "brainbench_audio"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def brainbench_models() -> Sequence[ModelCard]:  # type: ignore[empty-body]
    """Return the cards of the plugin's models."""


@hookspec
def brainbench_benchmarks() -> Sequence[DatasetCard]:  # type: ignore[empty-body]
    """Return the cards of the plugin's data sets; each fitting metric makes a benchmark."""


@hookspec
def brainbench_metrics() -> Sequence[MetricCard]:  # type: ignore[empty-body]
    """Return the cards of the plugin's metrics."""
