"""A plugin as small as can be; the tests install it into folders of their own."""

from collections.abc import Sequence

from brainbench_audio.cards import DatasetCard, MetricCard, ModelCard
from brainbench_audio.registry import hookimpl


@hookimpl
def brainbench_models() -> Sequence[ModelCard]:
    from .cards import MODELS

    return MODELS


@hookimpl
def brainbench_benchmarks() -> Sequence[DatasetCard]:
    from .cards import DATASETS

    return DATASETS


@hookimpl
def brainbench_metrics() -> Sequence[MetricCard]:
    from .cards import METRICS

    return METRICS
