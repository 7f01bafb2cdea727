"""The two steps of a pair, alike in one process and on a cluster: hear the sounds, then score.

The first step runs the model and leaves its activations in the store; what it hands on is small.
The second step needs no network any more, so it may run anywhere the store can be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import xarray as xr

from brainbench_audio.activations.extraction import extract_share, extracted
from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.lazy import LazyModel
from brainbench_audio.errors import BrainbenchError
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.identifying import given_model, identified
from brainbench_audio.pipeline.loading import Loadable, load_benchmark
from brainbench_audio.pipeline.loading_models import load_identified
from brainbench_audio.pipeline.run import Failure, Run, score_pair, stored_run
from brainbench_audio.pipeline.targets import Target, heard_at_rates
from brainbench_audio.progress import stage
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.scores.store import is_stored
from brainbench_audio.stimuli.stimulus_set import StimulusSet

_SHELF_BYTES = 1 << 30


@dataclass(frozen=True)
class Hearing:
    """One model is to hear one set of sounds.

    Attributes
    ----------
    model : Loadable
    targets : tuple of Target
        The benchmarks that wait for it, all with the same stimuli.
    recompute : bool
        Stored scores and activations do not count.
    isolate : str or None
        ``full`` or ``shared``: in an environment of the plugin's own, see `pipeline.isolation`.
    """

    model: Loadable
    targets: tuple[Target, ...]
    recompute: bool = False
    isolate: str | None = None

    @property
    def key(self) -> str:
        """Hash of model and sounds."""
        return f"{self.model.key}-{self.targets[0].stimuli}"


@dataclass(frozen=True)
class Heard:
    """What scoring needs to know of a model, without its network.

    Attributes
    ----------
    model : Loadable
    identity : Identity
    isolate : str or None
        Where it ran.
    seconds : float
        That hearing took.
    """

    model: Loadable
    identity: Identity
    isolate: str | None = None
    seconds: float = 0.0

    def lazily(self) -> LazyModel:
        """Return the model, which is loaded only if its activations are gone."""
        if self.isolate:
            return LazyModel(self.identity)
        return LazyModel(self.identity, partial(load_identified, self.model.id, self.model.options))


class Workbench:
    """What a process keeps loaded while it works: the last model, and benchmarks up to 1 GB."""

    def __init__(self) -> None:
        self._model: tuple[str, LazyModel] | None = None
        self._benchmarks: dict[str, ComposedBenchmark] = {}

    def model(self, wanted: Loadable) -> LazyModel:
        """Return a model; the one before is let go first."""
        if self._model is None or self._model[0] != wanted.key:
            self._model = None
            self._model = wanted.key, identified(wanted)
        return self._model[1]

    def release_model(self) -> None:
        """Let the model go: what comes now does without."""
        self._model = None

    def benchmark(self, wanted: Loadable) -> ComposedBenchmark:
        """Return a benchmark; those asked for longest ago make room."""
        benchmark = self._benchmarks.pop(wanted.key, None)
        if benchmark is None:
            benchmark = load_benchmark(wanted.id, given=given_model(wanted.id), **wanted.options)
        self._benchmarks[wanted.key] = benchmark
        while len(self._benchmarks) > 1 and self._bytes() > _SHELF_BYTES:
            del self._benchmarks[next(iter(self._benchmarks))]
        return benchmark

    def _bytes(self) -> int:
        kept = self._benchmarks.values()
        return sum(data.assembly.nbytes for each in kept for data in each.data)


def hear(
    bench: Workbench,
    hearing: Hearing,
    elsewhere: Callable[[Hearing, StimulusSet], Heard] | None = None,
) -> Heard | Failure:
    """Put a model's activations into the store, unless all that wait for them are scored already.

    Errors come back as a `Failure` of the first waiting pair; `score_heard` hands it on to all.
    ``elsewhere`` does the work in another process.
    """
    try:
        first = hearing.targets[0].benchmark
        heard = _hear(bench, hearing, lambda: bench.benchmark(first).stimuli, elsewhere)
        for other in _second_hearings(bench, hearing, heard.identity):
            sounds = partial(_second_stimuli, bench, other.targets[0].benchmark)
            with suppress(BrainbenchError):  # whoever scores the pair says it, too
                _hear(bench, other, sounds, elsewhere)
        _let_given_hear(bench, hearing, heard.identity)
        return heard
    except Exception as error:  # one failing model never stops the others
        return Failure.of(hearing.model, hearing.targets[0].benchmark, "model", error)


def _let_given_hear(bench: Workbench, hearing: Hearing, identity: Identity) -> None:
    """Put into the store what the given models of some benchmarks hear, if they are to be scored.

    It is done here, whatever ``isolate`` says. What fails is told by whoever scores the pair.
    """
    for target in hearing.targets:
        if all_scored(identity, [target]) and not hearing.recompute:
            continue
        with suppress(BrainbenchError):
            benchmark = bench.benchmark(target.benchmark)
            if benchmark.given is not None and benchmark.given.identity.kept:
                with extracted(benchmark.given, benchmark.stimuli):
                    pass


def _hear(
    bench: Workbench,
    hearing: Hearing,
    stimuli: Callable[[], StimulusSet],
    elsewhere: Callable[[Hearing, StimulusSet], Heard] | None,
) -> Heard:
    if elsewhere is None:
        return heard_by(bench.model(hearing.model), hearing, stimuli)
    with stage("hear", hearing.model.id):
        return elsewhere(hearing, stimuli())


def _second_hearings(bench: Workbench, hearing: Hearing, identity: Identity) -> Iterator[Hearing]:
    """Yield what the model hears of second data sets of benchmarks that are to be scored."""
    done = {hearing.targets[0].stimuli}
    for target in hearing.targets:
        if not BenchmarkId.parse(target.benchmark.id).second:
            continue
        if all_scored(identity, [target]) and not hearing.recompute:
            continue
        stimuli = _second_stimuli(bench, target.benchmark)
        if stimuli.fingerprint not in done:
            done.add(stimuli.fingerprint)
            heard = heard_at_rates(stimuli)
            place = replace(target, stimuli=stimuli.fingerprint, heard=heard)
            yield replace(hearing, targets=(place,))


def _second_stimuli(bench: Workbench, wanted: Loadable) -> StimulusSet:
    """Return the sounds of the second data set of a benchmark that has one."""
    second = bench.benchmark(wanted).second
    assert second is not None
    return second.stimuli


def heard_by(model: LazyModel, hearing: Hearing, stimuli: Callable[[], StimulusSet]) -> Heard:
    """Do the same, and raise what goes wrong; the sounds are asked for only if one is to be heard.

    Raises
    ------
    ContractError, DataError, CacheError
        See `extracted`.
    """
    started = time.perf_counter()
    wanted = hearing.recompute or not all_scored(model.identity, hearing.targets)
    if model.identity.kept and wanted:
        with stage("hear", model.identity.id), extracted(model, stimuli(), anew=hearing.recompute):
            pass
    return Heard(hearing.model, model.identity, seconds=time.perf_counter() - started)


def hear_share(bench: Workbench, hearing: Hearing, number: int, of: int) -> None:
    """Put a share of a model's activations into the store, unless nobody waits for them.

    Raises
    ------
    BrainbenchError
        See `extract_share`, `load_model` and `load_benchmark`.
    """
    model = bench.model(hearing.model)
    if model.identity.kept and not all_scored(model.identity, hearing.targets):
        stimuli = bench.benchmark(hearing.targets[0].benchmark).stimuli
        with stage("hear", model.identity.id):
            extract_share(model, stimuli, number, of)


def score_heard(
    bench: Workbench, heard: Heard | Failure, target: Target, *, recompute: bool = False
) -> Run | Failure:
    """Score a model that has been heard on one benchmark; errors come back as a `Failure`.

    The raw part of a score that was stored stays in the store, see `Run.whole`.
    """
    if isinstance(heard, Failure):
        return replace(heard, benchmark=target.benchmark)
    started = time.perf_counter()
    keys = target.keys(heard.identity)
    try:
        if heard.identity.kept:
            bench.release_model()
            model = heard.lazily()
        else:
            model = bench.model(heard.model)
        run = None if recompute else stored_run(keys)
        if run is None:
            with stage("score", f"{heard.identity.id} on {target.id}"):
                benchmark = bench.benchmark(target.benchmark)
                run = score_pair(model, benchmark, keys, recompute=recompute)
    except Exception as error:  # one failing pair never stops the others
        return Failure.of(heard.model, target.benchmark, "pair", error)
    run = replace(
        run,
        seconds=time.perf_counter() - started,
        model_key=heard.model.key,
        benchmark_key=target.benchmark.key,
    )
    if run.stem is None:
        return run
    return replace(run, score=replace(run.score, raw=xr.Dataset()))


def with_hearing(run: Run | Failure, seconds: float) -> Run | Failure:
    """Add the time of hearing to the first pair that it was done for."""
    return replace(run, seconds=run.seconds + seconds) if isinstance(run, Run) else run


def all_scored(identity: Identity, targets: Sequence[Target]) -> bool:
    """Return whether a model's scores on some benchmarks are all stored."""
    stems = [target.keys(identity).stem for target in targets]
    return all(stem is not None and is_stored(stem) for stem in stems)
