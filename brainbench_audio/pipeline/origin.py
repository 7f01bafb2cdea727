"""What a score says of where it comes from: model, data, metric, code and machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.weights_status import unverified
from brainbench_audio.interfaces import Benchmark
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.keys import PairKeys
from brainbench_audio.provenance import environment
from brainbench_audio.registry.discovery import plugins
from brainbench_audio.scores.score import ONLY_LAYERS, Score

# of a model's card, what reports say
_MODEL_FIELDS = (
    *("label", "family", "parameters", "sample_rate", "layers"),
    *("training_data", "licence", "source"),
)


def provenance_of(
    score: Score,
    keys: PairKeys,
    benchmark: Benchmark,
    *,
    activations: Mapping[str, Any] | None,
    seconds: float,
) -> dict[str, Any]:
    """Return the provenance of a score that was just computed.

    Parameters
    ----------
    score : Score
        With what its metric says.
    keys : PairKeys
    benchmark : Benchmark
    activations : mapping or None
        What decided the activations, and what they were computed in; None: they are not kept.
    seconds : float
        That the score took.
    """
    identity = keys.identity
    provenance: dict[str, Any] = {
        "model": identity.id,
        "identity": identity.record,
        "benchmark": keys.benchmark,
        "key": keys.score,
        "seconds": seconds,
        "stimuli": keys.heard,
        "citations": _citations(keys, benchmark),
        "cards": _cards(keys, benchmark),
        "plugins": _plugin_versions(),
        **environment(),
        **identity.provenance,
        **score.provenance,
    }
    if identity.whole:
        provenance[ONLY_LAYERS] = list(identity.layers)
    if isinstance(benchmark, ComposedBenchmark):
        provenance["inputs"] = keys.inputs
        provenance["folds"] = benchmark.folds.source
        if benchmark.given is not None:
            provenance["given"] = benchmark.given.identity.record
        if benchmark.second is not None:
            provenance["second"] = benchmark.second.fingerprint
    if weights := provenance.get("weights"):
        provenance["weights"] = {**weights, **_unverified(identity, weights)}
    if activations is not None:
        provenance["activations"] = dict(activations)
    return provenance


def _unverified(identity: Identity, weights: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the weights files that nobody vouches for now; loading may have been long ago."""
    if identity.card is None or not (names := unverified(identity.card, weights.get("files", {}))):
        return {}
    return {"unverified": names}


def _citations(keys: PairKeys, benchmark: Benchmark) -> dict[str, str]:
    citations = {}
    if keys.identity.card is not None:
        citations["model"] = keys.identity.card.citation
    if isinstance(benchmark, ComposedBenchmark):
        citations["data"] = benchmark.card.dataset.citation
        citations["metric"] = benchmark.card.metric.citation
        if benchmark.given is not None and benchmark.given.identity.card is not None:
            citations["given"] = benchmark.given.identity.card.citation
        if benchmark.second is not None:
            citations["second"] = benchmark.second.card.dataset.citation
    return citations


def _cards(keys: PairKeys, benchmark: Benchmark) -> dict[str, dict[str, Any]]:
    """Return what reports say of a model and a benchmark that no plugin describes to them."""
    told: dict[str, tuple[Any, tuple[str, ...]]] = {"model": (keys.identity.card, _MODEL_FIELDS)}
    if isinstance(benchmark, ComposedBenchmark):
        told["data"] = (benchmark.card.dataset, ("description", "licence", "source"))
        told["metric"] = (benchmark.card.metric, ("description", "unit"))
    return {
        name: {field: _plain(getattr(card, field)) for field in fields}
        for name, (card, fields) in told.items()
        if card is not None
    }


def _plain(value: Any) -> Any:
    """Return what comes back of a value that is kept as JSON."""
    return list(value) if isinstance(value, tuple) else value


def _plugin_versions() -> dict[str, str]:
    return {plugin.distribution: plugin.version for plugin in plugins() if not plugin.failure}
