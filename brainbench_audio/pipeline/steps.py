"""The two steps of a pair, alike in one process and on a cluster: hear the sounds, then score.

The first step runs the model and leaves its activations in the store; what it hands on is small.
The second step needs no network any more, so it may run anywhere the store can be read.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.activations.extraction import extracted, model_id, plan_extraction
from brainbench_audio.activations.store import Plan
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import BrainbenchError, CacheError
from brainbench_audio.files import hash_json
from brainbench_audio.interfaces import Model, ModelWithCard
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.loading import FileModel, load_benchmark, load_model
from brainbench_audio.pipeline.run import Run, joined_key, run
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.scores.store import is_stored, score_stem
from brainbench_audio.stimuli.stimulus_set import StimulusSet

_SHELF_BYTES = 1 << 30


@dataclass(frozen=True)
class Loadable:
    """What is to be loaded: an id and options for the plugin's loader, all JSON-able.

    Examples
    --------
    >>> Loadable("beats-iter1", {"device": "cpu"}).key == Loadable("beats-iter1").key
    False
    """

    id: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Hash of both."""
        return hash_json([self.id, dict(self.options)])


@dataclass(frozen=True)
class Target:
    """A benchmark as the plan knows it, once its data have been looked at.

    Attributes
    ----------
    benchmark : Loadable
    id : str
        As on its card.
    fingerprint : mapping
        See `ComposedBenchmark.fingerprint`.
    stimuli : str
        Fingerprint of the sounds; benchmarks with the same share activations.
    sounds : int
        Number of stimuli.
    duration : float
        Seconds of sound in all, from the length of some.
    columns, bytes : int
        Of the responses or labels: numbers a stimulus, and memory.
    """

    benchmark: Loadable
    id: str
    fingerprint: Mapping[str, Any]
    stimuli: str
    sounds: int
    duration: float
    columns: int
    bytes: int


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
    trace: str = ""

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


@dataclass(frozen=True)
class Hearing:
    """One model is to hear one set of sounds.

    Attributes
    ----------
    model : Loadable
    targets : tuple of Target
        The benchmarks that wait for it, all with the same stimuli.
    recompute : bool
        Stored scores do not count.
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
        return hash_json([self.model.key, self.targets[0].stimuli])


@dataclass(frozen=True)
class Heard:
    """What scoring needs to know of a model, without its network.

    Attributes
    ----------
    model : Loadable
    layers : tuple of str
    sample_rate : int
    fingerprint : JSON-able
        None: its activations cannot be kept, or not be found again without it.
    card : ModelCard or None
        None for a model from a file.
    provenance : mapping
        What the model adds to the provenance of its scores.
    isolate : str or None
        Where it ran.
    seconds : float
        That hearing took.
    """

    model: Loadable
    layers: tuple[str, ...]
    sample_rate: int
    fingerprint: Any
    card: ModelCard | None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    isolate: str | None = None
    seconds: float = 0.0


class Absent:
    """Stands in for a model whose activations are stored, and loads it only if they are gone."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.layers = heard.layers
        self.sample_rate = heard.sample_rate
        self.fingerprint = heard.fingerprint
        self.provenance = heard.provenance
        self._loaded: Model | None = None

    def activations(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return the activations of the model itself.

        Raises
        ------
        CacheError
            The model runs in an environment of its own, or is another one by now.
        """
        lost = (
            f"Stored activations of {self.heard.model.id} were deleted or damaged while they were "
            f"being scored"
        )
        if self.heard.isolate:
            raise CacheError(f"{lost}: run it again.")
        if self._loaded is None:
            self._loaded = load_model(self.heard.model.id, **self.heard.model.options)
        if _own_fingerprint(self._loaded) != self.fingerprint:
            raise CacheError(f"{lost}, and the model was changed meanwhile: run it again.")
        return self._loaded.activations(waveforms, layers=layers)


class AbsentWithCard(Absent):
    """The same for a plugin's model."""

    def __init__(self, heard: Heard, card: ModelCard) -> None:
        super().__init__(heard)
        self.card = card


class Workbench:
    """What a process keeps loaded while it works: the last model, and benchmarks up to 1 GB."""

    def __init__(self) -> None:
        self._model: tuple[str, Model] | None = None
        self._benchmarks: dict[str, ComposedBenchmark] = {}

    def model(self, wanted: Loadable) -> Model:
        """Return a model; the one before is let go first."""
        if self._model is None or self._model[0] != wanted.key:
            self._model = None
            self._model = wanted.key, load_model(wanted.id, **wanted.options)
        return self._model[1]

    def release_model(self) -> None:
        """Let the model go: what comes now does without."""
        self._model = None

    def benchmark(self, wanted: Loadable) -> ComposedBenchmark:
        """Return a benchmark; those asked for longest ago make room."""
        found = self._benchmarks.pop(wanted.key, None)
        if found is None:
            found = load_benchmark(wanted.id, **wanted.options)
            # a score is the same however much memory it was made in
            found.options.pop("max_memory", None)
        self._benchmarks[wanted.key] = found
        while sum(kept.assembly.nbytes for kept in self._benchmarks.values()) > _SHELF_BYTES:
            if len(self._benchmarks) == 1:
                break
            del self._benchmarks[next(iter(self._benchmarks))]
        return found


def hear(bench: Workbench, hearing: Hearing) -> Heard | Failure:
    """Put a model's activations into the store, unless all that wait for them are scored already.

    Errors come back as a `Failure` of the first waiting pair; `score_heard` hands it on to all.
    """
    try:
        stimuli = bench.benchmark(hearing.targets[0].benchmark).stimuli
        if hearing.isolate:
            from brainbench_audio.pipeline.isolation import hear_isolated

            return hear_isolated(hearing, stimuli)
        return heard_by(bench.model(hearing.model), hearing, stimuli)
    except Exception as error:  # one failing model never stops the others
        return Failure.of(hearing.model, hearing.targets[0].benchmark, "model", error)


def heard_by(model: Model, hearing: Hearing, stimuli: StimulusSet) -> Heard:
    """Do the same with a model that is loaded, and raise what goes wrong.

    Raises
    ------
    ContractError, DataError, CacheError
        See `extracted`.
    """
    started = time.perf_counter()
    card = model.card if isinstance(model, ModelWithCard) else None
    plan = plan_extraction(model, stimuli)
    findable = plan is not None and (card is not None or isinstance(model, FileModel))
    if plan is not None and (hearing.recompute or not _all_scored(model_id(model), plan, hearing)):
        with extracted(model, stimuli):
            pass
    return Heard(
        model=hearing.model,
        layers=tuple(model.layers),
        sample_rate=model.sample_rate,
        fingerprint=_own_fingerprint(model) if findable else None,
        card=card,
        provenance=dict(getattr(model, "provenance", {})),
        seconds=time.perf_counter() - started,
    )


def score_heard(
    bench: Workbench, heard: Heard | Failure, target: Target, *, recompute: bool = False
) -> Run | Failure:
    """Score a model that has been heard on one benchmark; errors come back as a `Failure`.

    The raw part of a score that was stored stays in the store, see `Run.whole`.
    """
    if isinstance(heard, Failure):
        return replace(heard, benchmark=target.benchmark)
    started = time.perf_counter()
    try:
        if heard.fingerprint is None:
            model = bench.model(heard.model)
        else:
            bench.release_model()
            model = absent(heard)
        found = run(model, bench.benchmark(target.benchmark), recompute=recompute)
    except Exception as error:  # one failing pair never stops the others
        return Failure.of(heard.model, target.benchmark, "pair", error)
    found = replace(
        found,
        seconds=time.perf_counter() - started,
        model_key=heard.model.key,
        benchmark_key=target.benchmark.key,
    )
    if found.stem is None:
        return found
    return replace(found, score=replace(found.score, raw=xr.Dataset()))


def absent(heard: Heard) -> Model:
    """Return the stand-in of a model whose activations are stored."""
    if heard.card is not None:
        return AbsentWithCard(heard, heard.card)
    wanted = ModelId.parse(heard.model.id)
    return FileModel(Absent(heard), Path(wanted.file or "").expanduser(), wanted.name)


def _own_fingerprint(model: Model) -> Any:
    """Return a model's fingerprint; for one from a file without the file, see `absent`."""
    fingerprint = getattr(model, "fingerprint", None)
    return fingerprint[-1] if fingerprint and isinstance(model, FileModel) else fingerprint


def _all_scored(name: str, plan: Plan, hearing: Hearing) -> bool:
    return all(
        is_stored(score_stem(target.id, name, joined_key(plan.key, target.fingerprint)))
        for target in hearing.targets
    )
