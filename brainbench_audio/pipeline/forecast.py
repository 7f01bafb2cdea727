"""What a run will take, told from shapes before anything is loaded: states, memory, disk, time.

Whether a score or activations are stored is decided by keys, which are known of every model that
was loaded here before with the same weights and source, see `pipeline.identifying`.

The numbers are rough. Memory and disk follow from counts of parameters, features and sounds; time
from nine models and one metric (ridge) on one processor core, right within a factor of six.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from brainbench_audio import settings
from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.store import is_complete
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.errors import BrainbenchError
from brainbench_audio.pipeline.identifying import known_identity
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.pipeline.needs import needed_data, needed_weights
from brainbench_audio.pipeline.plan import Pair, Workload
from brainbench_audio.pipeline.targets import Target
from brainbench_audio.registry.ids import BenchmarkId, ModelId
from brainbench_audio.registry.lookup import find_metric, find_model, load_attribute
from brainbench_audio.scores.store import is_stored

STORED, SCORE, EXTRACT, UNKNOWN = "stored", "activations stored", "extract", "unknown until loaded"
NEEDS_DATA = "needs data"
# of a Python process with torch and xarray
_PROCESS_BYTES = 500 << 20
_FLOAT, _DOUBLE = 4, 8
# Seconds on one core: for a second of sound, with and without a million parameters; for a layer,
# and for a thousand responses (stimulus x voxel) of a layer.
_SOUND_SECONDS, _PARAMETER_SECONDS = 0.15, 2e-3
_LAYER_SECONDS, _RESPONSE_SECONDS = 0.05, 4e-4
# options that leave the activations of a model as they are
_HARMLESS = {"device", "trust_remote_code"}


@dataclass(frozen=True)
class Forecast:
    """What is known about a pair before it is scored.

    Attributes
    ----------
    model, benchmark : str
        Ids.
    state : str
        ``stored``, ``activations stored``, ``extract``, ``unknown until loaded`` or ``needs data``.
    least, memory : int
        Bytes: what weights, responses and the largest layer take for certain, and a rough guess at
        all that one process will take.
    disk : int
        Bytes of activations to be written; benchmarks that share them tell it once.
    seconds : float
        Of one processor core, likewise.
    data : str
        The data set that has to be fetched or made first, with its size; empty: none.
    weights : tuple of WeightsFile
        That have to be fetched first.
    """

    model: str
    benchmark: str
    state: str
    least: int = 0
    memory: int = 0
    disk: int = 0
    seconds: float = 0.0
    data: str = ""
    weights: tuple[WeightsFile, ...] = ()


def without_data(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Forecast]]:
    """Return the pairs whose data are here, and a forecast for each of the others.

    Nothing is told of a pair whose benchmark names a model that was never loaded here.
    """
    absent: dict[str, str | None] = {}
    labels: dict[str, str] = {}
    there, waiting = [], []
    for model, benchmark in pairs:
        given = BenchmarkId.parse(benchmark.id).given
        if given and known_identity(Loadable(given)) is None:
            waiting.append(Forecast(ModelId.parse(model.id).label, benchmark.id, UNKNOWN))
            continue
        if benchmark.key not in absent:
            absent[benchmark.key] = needed_data(benchmark)
        data = absent[benchmark.key]
        if data is None:
            there.append((model, benchmark))
        else:
            if model.id not in labels:
                labels[model.id] = ModelId.parse(model.id).label
            waiting.append(Forecast(labels[model.id], benchmark.id, NEEDS_DATA, data=data))
    return there, waiting


def with_weights(forecasts: Sequence[Forecast], pairs: Sequence[Pair]) -> list[Forecast]:
    """Return forecasts with the weights that have to be fetched."""
    models = {model.key: model for model, _ in pairs}
    needed = {ModelId.parse(one.id).label: needed_weights(one) for one in models.values()}
    return [replace(each, weights=needed.get(each.model, ())) for each in forecasts]


def forecast(work: Workload, *, recompute: bool = False) -> list[Forecast]:
    """Return a forecast for each pair of a workload; no model is loaded, no array read.

    Parameters
    ----------
    work : Workload
    recompute : bool
        Stored scores and activations are left aside, and replaced.
    """
    known: dict[str, tuple[ModelCard | None, Identity | None]] = {}
    counted: set[tuple[str, str]] = set()
    forecasts = []
    for model, target in work.pairs:
        if model.key not in known:
            known[model.key] = _card(model), _identity(model)
        card, identity = known[model.key]
        if card is None and identity is not None:
            card = identity.card
        if card is None:
            forecasts.append(Forecast(ModelId.parse(model.id).label, target.id, UNKNOWN))
            continue
        state = EXTRACT if recompute else _state(identity, target)
        extract = state == EXTRACT and (model.key, target.stimuli) not in counted
        if extract:
            counted.add((model.key, target.stimuli))
        sized = _sized(card, target, state, extract=extract)
        # what is replaced is removed first
        replaced = recompute and _is_heard(identity, target)
        forecasts.append(replace(sized, disk=0) if replaced else sized)
    return forecasts


def _identity(model: Loadable) -> Identity | None:
    try:
        identity = known_identity(model, guess=True)
        return identity and identity.of_layers(model.layers)
    except BrainbenchError:  # whoever loads it says what is wrong
        return None


def workers_that_fit(forecasts: Sequence[Forecast], workers: int, memory: int) -> int:
    """Return how many pairs fit into memory at a time, at most ``workers``.

    Parameters
    ----------
    forecasts : sequence of Forecast
    workers : int
        Wanted.
    memory : int
        Bytes that all of them together may take.

    Raises
    ------
    BrainbenchError
        Not even one at a time fits, or the activations do not fit on the disk; with the numbers.
    """
    waiting = [each for each in forecasts if each.state in (SCORE, EXTRACT)]
    if not waiting:
        return workers
    largest = max(waiting, key=lambda each: each.least)
    if largest.least > memory:
        raise BrainbenchError(
            f"{largest.model} x {largest.benchmark} takes {_gb(largest.least)} of memory at least, "
            f"and {_gb(memory)} is free: nothing was started. Leave it out, or use a larger "
            f"machine or container."
        )
    disk, free = sum(each.disk for each in waiting), _free_disk()
    if disk > free:
        raise BrainbenchError(
            f"The activations take {_gb(disk)}, and {_gb(free)} of disk are free at "
            f"{activations_folder()}: nothing was started. Free some space (`brainbench cache "
            f"clear`), choose another folder with BRAINBENCH_HOME, or score fewer models at a time."
        )
    sizes = sorted((each.memory for each in waiting), reverse=True)
    while workers > 1 and sum(sizes[:workers]) > memory:
        workers -= 1
    return workers


def _card(model: Loadable) -> ModelCard | None:
    """Return the card a model will have; None if its layers or weights are known when loaded."""
    wanted = ModelId.parse(model.id)
    if wanted.file is not None or wanted.scheme or set(model.options) - _HARMLESS:
        return None
    card = find_model(wanted).card
    if not card.layers:
        return None
    widths = dict(zip(card.layers, card.dims, strict=False))
    chosen = [layer for layer in card.layers if model.layers is None or layer in model.layers]
    dims = tuple(widths[layer] for layer in chosen if layer in widths)
    return replace(card, id=wanted.label, layers=tuple(chosen), dims=dims)


def _state(identity: Identity | None, target: Target) -> str:
    """Return what is there of a pair; of a model that was never loaded here, nothing."""
    if identity is None:
        return EXTRACT
    keys = target.keys(identity)
    if keys.stem is not None and is_stored(keys.stem):
        return STORED
    return SCORE if _is_heard(identity, target) else EXTRACT


def _is_heard(identity: Identity | None, target: Target) -> bool:
    """Return whether a model's activations are stored."""
    key = None if identity is None else target.keys(identity).activations
    return key is not None and is_complete(activations_folder(), key)


def _sized(card: ModelCard, target: Target, state: str, *, extract: bool) -> Forecast:
    if state not in (SCORE, EXTRACT):
        return Forecast(card.id, target.id, state)
    # rows of all sounds are read where only some categories count
    read = target.sounds if target.step is None else target.rows
    largest = _FLOAT * read * max(card.dims, default=0)
    least, memory = target.bytes + largest, _scoring(card, target, largest)
    responses = target.rows * target.columns / 1000
    seconds = len(card.layers) * (_LAYER_SECONDS + _RESPONSE_SECONDS * responses)
    disk = 0
    if extract:
        weights = _FLOAT * card.parameters
        least = max(least, weights)
        memory = max(memory, 2 * weights)  # the file and the network
        disk = _FLOAT * target.sounds * sum(card.dims)
        parameters = card.parameters / 1e6
        seconds += target.duration * (_SOUND_SECONDS + _PARAMETER_SECONDS * parameters)
    return Forecast(card.id, target.id, state, least, _PROCESS_BYTES + memory, disk, seconds)


def _scoring(card: ModelCard, target: Target, largest: int) -> int:
    """Return about how many bytes a metric takes, responses and layers included."""
    features = max(card.dims, default=0)
    with suppress(BrainbenchError):  # whoever loads the metric says what is wrong
        metric = find_metric(BenchmarkId.parse(target.id).measure)[0].card
        if metric.memory is not None:
            needed = load_attribute(metric.memory)(
                target.rows, target.columns, features, target.step, **target.benchmark.options
            )
            return target.bytes + largest + int(needed)
    kernels = 0 if target.step else _DOUBLE * target.rows**2 * len(card.layers)
    # responses as doubles, predictions and labels; a layer as it is read and as it is scored
    return 3 * _DOUBLE * target.rows * target.columns + 3 * largest + kernels


def _free_disk() -> int:
    folder = settings.cache_home()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
