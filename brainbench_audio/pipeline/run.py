"""Scores one pair of model and benchmark; what is scored is kept, and found again."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from brainbench_audio.activations.extraction import extracted, plan_extraction
from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.lazy import LazyModel, is_as_called
from brainbench_audio.activations.object_state import NO_FINGERPRINT
from brainbench_audio.errors import BrainbenchError, CacheError, ContractError
from brainbench_audio.files import locked
from brainbench_audio.interfaces import Benchmark, Model
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.identifying import given_model, identified, record_identity
from brainbench_audio.pipeline.keys import PairKeys
from brainbench_audio.pipeline.loading import Loadable, load_benchmark
from brainbench_audio.pipeline.origin import provenance_of
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import find_score, find_summary, keep_score, stored_file

_log = logging.getLogger(__name__)


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
        if not (callable(loaded) and hasattr(loaded, "stimuli")):
            raise ContractError(
                f"{loaded!r} is no benchmark: give an id, such as 'SimCortex-rsa', or what "
                f"load_benchmark returns."
            )
        for data in loaded.data if isinstance(loaded, ComposedBenchmark) else [loaded]:
            data.stimuli.look_again()
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
    plan = plan_extraction(keys.identity, benchmark.stimuli)
    heard = {"key": plan.key, "layers": list(plan.layers), "computed_in": [], **plan.fields}
    if isinstance(benchmark, ComposedBenchmark):
        with (
            extracted(model, benchmark.stimuli, plan, anew=hear_anew) as activations,
            benchmark.second_layers(model, anew=hear_anew) as second,
        ):
            benchmark.tell_copies(model.sample_rate)
            score = benchmark.compare(activations, second)
            heard |= {"key": activations.key, "computed_in": activations.computed_in()}
    else:
        score = benchmark(model)
    origin = provenance_of(
        score,
        keys,
        benchmark,
        activations=heard if plan.fields else None,
        seconds=round(_since(started), 3),
    )
    return score.with_provenance(origin)


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


def benchmark_name(benchmark: Benchmark) -> str:
    """Return the id on a benchmark's card, else the name of its class."""
    card = getattr(benchmark, "card", None)
    return card.id if card is not None else type(benchmark).__name__
