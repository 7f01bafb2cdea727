"""Scores one pair of model and benchmark; what is scored is kept, and found again."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from brainbench_audio.activations.extraction import extracted, plan_extraction
from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.lazy import LazyModel, is_as_called
from brainbench_audio.activations.object_state import NO_FINGERPRINT
from brainbench_audio.activations.weights_status import unverified
from brainbench_audio.errors import BrainbenchError, CacheError
from brainbench_audio.files import locked
from brainbench_audio.interfaces import Benchmark, Model
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.identifying import given_model, identified, record_identity
from brainbench_audio.pipeline.keys import PairKeys
from brainbench_audio.pipeline.loading import Loadable, load_benchmark
from brainbench_audio.provenance import environment
from brainbench_audio.registry.discovery import plugins
from brainbench_audio.scores.score import ONLY_LAYERS, Score
from brainbench_audio.scores.store import find_score, find_summary, keep_score, stored_file

_log = logging.getLogger(__name__)

# of a model's card, what reports say
_MODEL_FIELDS = (
    *("label", "family", "parameters", "sample_rate", "layers"),
    *("training_data", "licence", "source"),
)


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
    unkept : str
        Why it is not kept.
    version : str
        Of the model.
    model_key, benchmark_key : str
        `Loadable.key` of what was asked for; empty for loaded objects.
    """

    model: str
    benchmark: str
    score: Score
    cached: bool
    seconds: float
    stem: Path | None = None
    unkept: str = ""
    version: str = ""
    model_key: str = ""
    benchmark_key: str = ""

    @property
    def file(self) -> Path | None:
        """The stored score's file; None if it is not kept."""
        return None if self.stem is None else stored_file(self.stem)

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


@dataclass(frozen=True)
class Failure:
    """A pair that could not be scored.

    Attributes
    ----------
    model, benchmark : Loadable
    cause : str
        ``model``, ``benchmark`` or ``pair``: which of them failed.
    message : str
        For people.
    trace : str
        The traceback; empty where nothing was raised.
    """

    model: Loadable
    benchmark: Loadable
    cause: str
    message: str
    trace: str = field(default="", repr=False)

    @property
    def model_key(self) -> str:
        """Key of the model."""
        return self.model.key

    @property
    def benchmark_key(self) -> str:
        """Key of the benchmark."""
        return self.benchmark.key

    @classmethod
    def of(cls, model: Loadable, benchmark: Loadable, cause: str, error: BaseException) -> Failure:
        """Describe an error."""
        trace = "".join(traceback.format_exception(error))
        return cls(model, benchmark, cause, described(error), trace)


def described(error: BaseException) -> str:
    """Return what an error says; one that nobody raised on purpose says what it is."""
    if isinstance(error, BrainbenchError):
        return str(error)
    return f"unexpected {error!r}; --debug shows where"


def run(
    model: Model | str,
    benchmark: Benchmark | str,
    *,
    layers: Sequence[str] | None = None,
    recompute: bool = False,
) -> Run:
    """Score one pair.

    Parameters
    ----------
    model, benchmark : object or str
        An id is loaded.
    layers : sequence of str, optional
        Only these layers of the model count.
    recompute : bool
        Leave the stored score and the stored activations aside, and replace them.

    Raises
    ------
    BrainbenchError
        See `load_model`, `load_benchmark` and `ComposedBenchmark`.
    """
    started = time.perf_counter()
    lazy = identified(Loadable(model) if isinstance(model, str) else model)
    if not isinstance(model, str) and is_as_called(model, lazy.identity):
        record_identity(lazy.identity)
    lazy = lazy.of_layers(layers)
    if isinstance(benchmark, str):
        loaded: Benchmark = load_benchmark(benchmark, given=given_model(benchmark))
    else:
        loaded = benchmark
        loaded.stimuli.look_again()
    keys = keys_of(lazy.identity, loaded)
    scored = score_pair(lazy, loaded, keys, recompute=recompute, hear_anew=recompute)
    return replace(scored, seconds=time.perf_counter() - started)


def keys_of(identity: Identity, benchmark: Benchmark) -> PairKeys:
    """Return the keys of a model and a benchmark as they are now."""
    return PairKeys(
        identity=identity,
        heard=benchmark.stimuli.at_rate(identity.sample_rate).fingerprint,
        benchmark=benchmark_name(benchmark),
        inputs=getattr(benchmark, "fingerprint", None),
    )


def score_pair(
    model: LazyModel,
    benchmark: Benchmark,
    keys: PairKeys,
    *,
    recompute: bool = False,
    hear_anew: bool = False,
) -> Run:
    """Take a pair's score from the store, or compute and keep it.

    Parameters
    ----------
    model : LazyModel
        Loaded only if a sound must be heard.
    benchmark : Benchmark
    keys : PairKeys
    recompute : bool
        Leave a stored score aside, and replace it.
    hear_anew : bool
        Leave stored activations aside as well.

    Raises
    ------
    BrainbenchError
        See `ComposedBenchmark`.
    """
    started = time.perf_counter()
    about: dict[str, Any] = {
        "model": keys.identity.id,
        "benchmark": keys.benchmark,
        "version": keys.identity.version,
    }
    stem = keys.stem
    if stem is None:
        score = compute_pair(model, benchmark, keys, hear_anew=hear_anew)
        unkept = keys.identity.unkept or "the benchmark has no fingerprint"
        if unkept != NO_FINGERPRINT:  # whose model has none has chosen so
            _log.warning(
                "the score of %s on %s is not kept: %s", about["model"], keys.benchmark, unkept
            )
        return Run(**about, score=score, cached=False, seconds=_since(started), unkept=unkept)
    # before the lock, as a store that may only be read has none
    if not recompute and (stored := find_score(stem)) is not None:
        return Run(**about, score=stored, cached=True, seconds=_since(started), stem=stem)
    with locked(stem):
        stored = None if recompute else find_score(stem)
        score = stored or compute_pair(model, benchmark, keys, hear_anew=hear_anew)
        if stored is None:
            keep_score(stem, score)
    cached = stored is not None
    return Run(**about, score=score, cached=cached, seconds=_since(started), stem=stem)


def compute_pair(
    model: LazyModel, benchmark: Benchmark, keys: PairKeys, *, hear_anew: bool = False
) -> Score:
    """Return the score of a pair, computed now, with its provenance; it is not kept.

    Raises
    ------
    BrainbenchError
        See `ComposedBenchmark`.
    """
    started = time.perf_counter()
    identity = keys.identity
    plan = plan_extraction(identity, benchmark.stimuli)
    heard = plan.key
    computed_in: list[str] = []
    if isinstance(benchmark, ComposedBenchmark):
        with extracted(model, benchmark.stimuli, plan, anew=hear_anew) as activations:
            score = benchmark.compare(activations)
            heard = activations.key
            computed_in = activations.computed_in()
    else:
        score = benchmark(model)
    provenance: dict[str, Any] = {
        "model": identity.id,
        "identity": identity.record,
        "benchmark": keys.benchmark,
        "key": keys.score,
        "seconds": round(_since(started), 3),
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
    if weights := provenance.get("weights"):
        provenance["weights"] = {**weights, **_unverified(identity, weights)}
    if plan.fields:
        provenance["activations"] = {
            "key": heard,
            "layers": list(plan.layers),
            "computed_in": computed_in,
            **plan.fields,
        }
    return score.with_provenance(provenance)


def _unverified(identity: Identity, weights: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the weights files that nobody vouches for now; loading may have been long ago."""
    if identity.card is None or not (names := unverified(identity.card, weights.get("files", {}))):
        return {}
    return {"unverified": names}


def stored_run(keys: PairKeys) -> Run | None:
    """Return a pair's stored score without its raw part; None if it is to be computed."""
    if keys.stem is None or (score := find_summary(keys.stem)) is None:
        return None
    return Run(
        model=keys.identity.id,
        benchmark=keys.benchmark,
        version=keys.identity.version,
        score=score,
        cached=True,
        seconds=0.0,
        stem=keys.stem,
    )


def _since(started: float) -> float:
    return time.perf_counter() - started


def _citations(keys: PairKeys, benchmark: Benchmark) -> dict[str, str]:
    citations = {}
    if keys.identity.card is not None:
        citations["model"] = keys.identity.card.citation
    if isinstance(benchmark, ComposedBenchmark):
        citations["data"] = benchmark.card.dataset.citation
        citations["metric"] = benchmark.card.metric.citation
        if benchmark.given is not None and benchmark.given.identity.card is not None:
            citations["given"] = benchmark.given.identity.card.citation
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


def benchmark_name(benchmark: Benchmark) -> str:
    """Return the id on a benchmark's card, else the name of its class."""
    card = getattr(benchmark, "card", None)
    return card.id if card is not None else type(benchmark).__name__
