"""Scores pairs of model and benchmark: looks in the result store first, puts the result there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainbench_audio.activations.extraction import model_id, plan_extraction
from brainbench_audio.errors import CacheError
from brainbench_audio.files import hash_json, locked
from brainbench_audio.interfaces import Benchmark, Model, ModelWithCard
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.loading import load_benchmark, load_model
from brainbench_audio.provenance import environment
from brainbench_audio.registry.discovery import plugins
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import find_score, keep_score, score_stem


@dataclass(frozen=True)
class Run:
    """What came of one pair.

    Attributes
    ----------
    model, benchmark : str
        Ids.
    score : Score
    cached : bool
        Whether the score was in the store already.
    seconds : float
        That this call took.
    stem : Path or None
        Where the store keeps the score, see `scores.store.score_stem`; None: it is not kept.
    model_key, benchmark_key : str
        `Loadable.key` of what was asked for; empty for loaded objects.
    """

    model: str
    benchmark: str
    score: Score
    cached: bool
    seconds: float
    stem: Path | None = None
    model_key: str = ""
    benchmark_key: str = ""

    def whole(self) -> Score:
        """Return the score with its raw part, from the store if that is not at hand.

        Raises
        ------
        CacheError
            It is no longer in the store.
        """
        if self.stem is None or self.score.raw.variables:
            return self.score
        stored = find_score(self.stem)
        if stored is None:
            raise CacheError(f"The score {self.stem} is no longer in the store: score it again.")
        return stored


def run(model: Model | str, benchmark: Benchmark | str, *, recompute: bool = False) -> Run:
    """Score one pair.

    Parameters
    ----------
    model, benchmark : object or str
        An id is loaded.
    recompute : bool
        Leave a stored score aside, and replace it.

    Raises
    ------
    BrainbenchError
        See `load_model`, `load_benchmark` and `ComposedBenchmark`.
    """
    started = time.perf_counter()
    model = load_model(model) if isinstance(model, str) else model
    benchmark = load_benchmark(benchmark) if isinstance(benchmark, str) else benchmark
    key = score_key(model, benchmark)
    names = model_id(model), _benchmark_name(benchmark)
    if key is None:
        score = _computed(model, benchmark, None, started)
        return Run(*names, score, cached=False, seconds=time.perf_counter() - started)
    stem = score_stem(names[1], names[0], key)
    with locked(stem):
        stored = None if recompute else find_score(stem)
        score = stored or _computed(model, benchmark, key, started)
        if stored is None:
            keep_score(stem, score)
    seconds = time.perf_counter() - started
    return Run(*names, score, cached=stored is not None, seconds=seconds, stem=stem)


def score_key(model: Model, benchmark: Benchmark) -> str | None:
    """Return the key of a pair's score, a hash of all that decides it; None if that is unknown."""
    fingerprint = getattr(benchmark, "fingerprint", None)
    plan = plan_extraction(model, benchmark.stimuli)
    if plan is None or fingerprint is None:
        return None
    return joined_key(plan.key, fingerprint)


def joined_key(activations: str, benchmark: Mapping[str, Any]) -> str:
    """Return the key of a score from the key of the activations and a benchmark's fingerprint."""
    return hash_json([activations, dict(benchmark)])


def _computed(model: Model, benchmark: Benchmark, key: str | None, started: float) -> Score:
    score = benchmark(model)
    provenance: dict[str, Any] = {
        "model": model_id(model),
        "benchmark": _benchmark_name(benchmark),
        "key": key,
        "seconds": round(time.perf_counter() - started, 3),
        "stimuli": benchmark.stimuli.at_rate(model.sample_rate).fingerprint,
        "citations": _citations(model, benchmark),
        "plugins": _plugin_versions(),
        **environment(),
        **getattr(model, "provenance", {}),
        **score.provenance,
    }
    if isinstance(benchmark, ComposedBenchmark):
        provenance["inputs"] = benchmark.fingerprint
        provenance["folds"] = benchmark.folds.source
    if plan := plan_extraction(model, benchmark.stimuli):
        provenance["activations"] = {"key": plan.key, "layers": list(plan.layers), **plan.fields}
    return score.with_provenance(provenance)


def _citations(model: Model, benchmark: Benchmark) -> dict[str, str]:
    found = {}
    if isinstance(model, ModelWithCard):
        found["model"] = model.card.citation
    if isinstance(benchmark, ComposedBenchmark):
        found["data"] = benchmark.card.dataset.citation
        found["metric"] = benchmark.card.metric.citation
    return found


def _plugin_versions() -> dict[str, str]:
    return {plugin.distribution: plugin.version for plugin in plugins() if not plugin.failure}


def _benchmark_name(benchmark: Benchmark) -> str:
    card = getattr(benchmark, "card", None)
    return card.id if card is not None else type(benchmark).__name__
