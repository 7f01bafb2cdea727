"""What every data set holds to: itself, and what metrics make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import (
    align,
    content_hash,
    mean_over_sessions,
    stimulus_names,
    validate,
)
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import checksum
from brainbench_audio.errors import BrainbenchError, DataError
from brainbench_audio.interfaces import Dataset
from brainbench_audio.pipeline.loading import load_dataset, load_metric
from brainbench_audio.pipeline.resampling import Resampling
from brainbench_audio.registry.ids import split_data
from brainbench_audio.registry.lookup import benchmark_cards, data_source, list_ids
from brainbench_audio.scores.score import Score
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_audio.testing.conformance.alignment import responses_follow_the_sounds
from brainbench_audio.testing.conformance.cards import subject
from brainbench_audio.testing.conformance.check import (
    Check,
    Doubtful,
    Failed,
    NotChecked,
    require,
)
from brainbench_audio.testing.conformance.imports import offline, unchanged

_FLAGS = frozenset(
    {"responses", "continuous", "multivariate", "sessions", "subjects", "task", "words"}
)
_TARGETS = 6
EXACT, NOISE = 0.95, 0.35


def dataset_checks(card: DatasetCard) -> Iterator[Check]:
    """Yield the checks of a data set, as far as its data are on this machine."""
    name = subject(card)
    whole = card.id if card.provides else f"{card.id}.{card.subsets[0]}"

    @cache
    def data() -> Dataset:
        return _loaded(whole, card)

    def one(title: str, function: Callable[[Dataset], None]) -> Check:
        return Check(name, title, lambda: function(data()))

    yield Check(name, "loads and leaves no trace", lambda: _loads(card, whole))
    yield one("responses are well formed", _well_formed)
    yield one("provides what the card says", lambda found: _provides(found, card, whole))
    yield one("sounds can be read", _readable)
    if "responses" in card.provides and card.acoustic:
        yield one("responses follow the sounds", responses_follow_the_sounds)
    yield one("the same when loaded again", lambda found: _stable(found, card, whole))
    yield Check(name, "data are checked", lambda: _checksum(card, whole, data))
    yield Check(name, "licence of the data", lambda: _licence(card))
    for subset in card.subsets:
        if card.provides:
            yield Check(name, f"subset {subset}", lambda subset=subset: _subset(card, subset))  # type: ignore[misc]
    if "responses" in card.provides:
        yield one("exact features score 1, noise about 0", lambda found: _scores(found, card))


def _loads(card: DatasetCard, whole: str) -> None:
    try:
        unchanged(lambda: _loaded(whole, card))
    except NotChecked as reason:  # said once where it is seen: it goes for most checks
        raise Doubtful(
            f"Most could not be checked, {reason} `brainbench data get {whole}` gets them."
        ) from reason


def _loaded(identifier: str, card: DatasetCard) -> Dataset:
    try:
        with offline():
            return load_dataset(identifier)
    except DataError as error:
        if _here(card, split_data(identifier)[1]):
            raise Failed(f"The data are here, but cannot be read: {error}") from error
        raise NotChecked(f"the data are not here: {error}") from error


def _here(card: DatasetCard, subset: str | None) -> bool:
    """Return whether the data are in the package, which has a checksum, or where they are found."""
    if not card.downloaded and card.checksum is not None:
        return True
    return data_source(card).locate(card, subset) is not None


def _well_formed(data: Dataset) -> None:
    assembly = validate(data.assembly)
    if isinstance(data.stimuli, ContinuousStimuli):
        Resampling(data.stimuli, assembly)  # says what is wrong with its times
        folds = data.folds.aligned(stimulus_names(assembly))
        _runs_whole(assembly, folds)
    else:
        assembly = align(assembly, data.stimuli.names)
        folds = data.folds.aligned(data.stimuli.names)
    require(len(folds) == len(assembly), "There is not one fold for each stimulus.")
    values = mean_over_sessions(assembly).values
    require(not np.isinf(values).any(), "Responses are infinite: leave such targets out or NaN.")
    constant = [
        str(index)
        for index, column in enumerate(values.T)
        if np.isfinite(column).all() and np.ptp(column) == 0
    ]
    if constant and "label" not in assembly.dims:
        raise Doubtful(
            f"{len(constant)} targets are constant, the first is number {constant[0]}: no model "
            f"can predict them; leave them out."
        )


def _runs_whole(assembly: xr.DataArray, folds: Folds) -> None:
    pairs = {*zip(assembly["run"].values.tolist(), folds.assignment, strict=True)}
    require(
        len(pairs) == len({run for run, _ in pairs}),
        "A run is in several folds: volumes next to each other are alike, so hold out whole runs, "
        "see assemblies.continuous.folds_of_runs.",
    )


def _provides(data: Dataset, card: DatasetCard, whole: str) -> None:
    subset = split_data(whole)[1]
    promised = card.provided(subset)
    unknown = sorted(promised - _FLAGS)
    require(not unknown, f"`provides` names {unknown}: choose from {', '.join(sorted(_FLAGS))}.")
    target = data.assembly.dims[1]
    continuous = isinstance(data.stimuli, ContinuousStimuli)
    there = {
        "responses": target in ("voxel", "component") and not continuous,
        "continuous": continuous,
        "multivariate": data.assembly.shape[1] >= 2,
        "sessions": "session" in data.assembly.dims,
        "subjects": "subject" in data.assembly.coords,
        "task": target == "label",
        "words": "words" in data.assembly.coords,
    }
    broken = sorted(flag for flag in promised if not there[flag])
    require(not broken, f"`provides` says {', '.join(broken)}, but the responses have none.")
    kept = {flag for flag in there if there[flag]} - {"multivariate" if target == "label" else ""}
    silent = sorted(kept - promised)
    require(
        not silent,
        f"`provides` does not say {', '.join(silent)}: metrics that need it skip this data set.",
    )
    if promised & {"responses", "continuous"}:
        runs = data.stimuli.windows if isinstance(data.stimuli, ContinuousStimuli) else None
        count = len(data.stimuli if runs is None else runs)
        require(
            count == card.counted(subset),
            f"The card says {card.counted(subset)} stimuli, there are {count}.",
        )


def _readable(data: Dataset) -> None:
    few = sorted({0, len(data.stimuli) // 2, len(data.stimuli) - 1})
    for sound in data.stimuli.waveforms(few, 16_000):
        require(sound.ndim == 1 and sound.size, "A sound has no samples.")


def _stable(data: Dataset, card: DatasetCard, whole: str) -> None:
    again = _loaded(whole, card)
    require(
        content_hash(again.assembly) == content_hash(data.assembly),
        "The responses differ when they are loaded again: seed what is random.",
    )
    require(again.folds.fingerprint == data.folds.fingerprint, "The folds are others.")
    require(again.stimuli.names == data.stimuli.names, "The stimuli are in another order.")


def _checksum(card: DatasetCard, whole: str, data: Callable[[], Dataset]) -> None:
    if card.checksum is None:
        loaded = data()
        require(
            _here(card, split_data(whole)[1]),
            f"Nothing tells whether the data are whole: write checksum={checksum(loaded)!r} on the "
            f"card (and `downloaded=False`, if they lie in the package), or let {card.data} fetch "
            f"them, which pins what it fetched, and `locate` the folder.",
        )
        return
    found = checksum(data())
    require(
        found == card.checksum,
        f"The data of {whole} give {found}, the card says {card.checksum}: they are damaged, or "
        f"the card is behind.",
    )


def _licence(card: DatasetCard) -> None:
    if card.licence.lower() in ("unknown", "none", "not stated", "?"):
        raise Doubtful(
            f"The licence of the data is {card.licence!r}: ask whoever published them, and say "
            f"what they answered."
        )


def _subset(card: DatasetCard, subset: str) -> None:
    whole = f"{card.id}.{subset}"
    found = _loaded(whole, card)
    require(len(found.stimuli) > 1, "It has fewer than two stimuli.")
    _well_formed(found)
    _provides(found, card, whole)


def _scores(data: Dataset, card: DatasetCard) -> None:
    """Score the targets themselves, and noise, with every metric that fits and says it can."""
    target = _few(align(data.assembly, data.stimuli.names))
    folds = np.asarray(data.folds.aligned(data.stimuli.names))
    exact = mean_over_sessions(target).values.astype(np.float32)
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((len(exact), 20)).astype(np.float32)
    tried = 0
    for benchmark in benchmark_cards():
        metric = benchmark.metric
        if benchmark.dataset.id != card.id or benchmark.subset or benchmark.variant:
            continue
        if not {"identity", "noise"} <= metric.promised(None) or metric.id not in list_ids(
            "metric"
        ):
            continue
        high, low = (_scored(metric.id, layer, target, folds) for layer in (exact, noise))
        if high is None or low is None:
            continue
        tried += 1
        reached = high.value if high.ceiling is None else max(high.value, EXACT * high.ceiling)
        require(
            high.value >= EXACT * (1 if high.ceiling is None else min(1, high.ceiling)),
            f"{metric.id}: features equal to the responses score {high.value:.3f}, expected "
            f"{reached:.3f} or more: are responses aligned by stimulus name?",
        )
        require(
            abs(low.value) <= NOISE,
            f"{metric.id}: random features score {low.value:.3f}, expected about 0: do the folds "
            f"keep copies of one sound together?",
        )
        if high.ceiling is not None:
            require(
                low.value <= high.ceiling <= 1 + 1e-6,
                f"{metric.id}: the ceiling is {high.ceiling:.3f}, expected at most 1.",
            )
    if not tried:
        raise NotChecked("no installed metric fits that says what exact and random features score")


def _few(assembly: xr.DataArray) -> xr.DataArray:
    """Return a few targets without gaps: all targets' own features would be no exact model."""
    dimension = assembly.dims[1]
    others = [name for name in assembly.dims if name != dimension]
    whole = np.flatnonzero(assembly.notnull().all(others).values)
    if not whole.size:
        raise NotChecked("every target lacks some responses")
    if "subject" in assembly.coords:  # of one subject: an exact model has one representation
        names = assembly["subject"].values[whole]
        whole = whole[names == names[0]]
    return assembly.isel({dimension: whole[:_TARGETS]})


def _scored(
    metric: str, layer: npt.NDArray[np.float32], target: xr.DataArray, folds: npt.NDArray[np.int64]
) -> Score | None:
    try:
        return load_metric(metric)({"features": layer}, target, folds)
    except BrainbenchError as error:
        raise Failed(f"{metric} refuses its responses: {error}") from error
