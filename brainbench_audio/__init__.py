"""Scores how brain-like an audio model is, and how good it is at listening.

>>> from brainbench_audio import list_ids
>>> "ridge" in list_ids("metric")
True

The whole public interface: `score`, `load_model`, `load_benchmark`, `load_metric`, `list_ids`.
Importing this package imports neither torch nor any plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from brainbench_audio.interfaces import Benchmark, Metric, Model
    from brainbench_audio.scores.score import Score

__all__ = ["list_ids", "load_benchmark", "load_metric", "load_model", "score"]


def score(model: Model | str, benchmark: Benchmark | str, *, recompute: bool = False) -> Score:
    """Score a model on a benchmark; see `pipeline.run.run`."""
    from brainbench_audio.pipeline.run import run

    return run(model, benchmark, recompute=recompute).score


def load_model(identifier: str, **options: Any) -> Model:
    """Load a model by id; see `pipeline.loading.load_model`."""
    from brainbench_audio.pipeline import loading

    return loading.load_model(identifier, **options)


def load_benchmark(identifier: str, **options: Any) -> Benchmark:
    """Load a benchmark by id; see `pipeline.loading.load_benchmark`."""
    from brainbench_audio.pipeline import loading

    return loading.load_benchmark(identifier, **options)


def load_metric(identifier: str, **options: Any) -> Metric:
    """Load a metric by id; see `pipeline.loading.load_metric`."""
    from brainbench_audio.pipeline import loading

    return loading.load_metric(identifier, **options)


def list_ids(kind: Literal["model", "benchmark", "metric"]) -> list[str]:
    """Return all ids of a kind; see `registry.lookup.list_ids`."""
    from brainbench_audio.registry import lookup

    return lookup.list_ids(kind)
