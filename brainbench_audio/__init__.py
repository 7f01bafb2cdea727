"""Scores how brain-like an audio model is, and how good it is at listening.

>>> from brainbench_audio import list_ids
>>> "ridge" in list_ids("metric")
True

The whole public interface is in `__all__`: what the command line does, as functions.
Importing this package imports neither torch nor any plugin: each name is looked up when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainbench_audio.activations.own_modules import wrap
    from brainbench_audio.api.explain import explain
    from brainbench_audio.api.hierarchy import hierarchy
    from brainbench_audio.api.scoring import score
    from brainbench_audio.api.stored import (
        compare,
        correlate,
        export,
        figure,
        results,
        write_report,
    )
    from brainbench_audio.pipeline.loading import load_benchmark, load_dataset, load_metric
    from brainbench_audio.pipeline.loading_models import load_model
    from brainbench_audio.registry.lookup import list_ids

__all__ = [
    "compare",
    "correlate",
    "explain",
    "export",
    "figure",
    "hierarchy",
    "list_ids",
    "load_benchmark",
    "load_dataset",
    "load_metric",
    "load_model",
    "results",
    "score",
    "wrap",
    "write_report",
]

_MODULES = {
    "activations.own_modules": ("wrap",),
    "api.explain": ("explain",),
    "api.hierarchy": ("hierarchy",),
    "api.scoring": ("score",),
    "api.stored": ("compare", "correlate", "export", "figure", "results", "write_report"),
    "pipeline.loading": ("load_benchmark", "load_dataset", "load_metric"),
    "pipeline.loading_models": ("load_model",),
    "registry.lookup": ("list_ids",),
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
