"""What every metric holds to, on targets that are made on the spot."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio.cards import MetricCard
from brainbench_audio.errors import BrainbenchError
from brainbench_audio.registry.lookup import load_attribute
from brainbench_audio.scores.profiles import SCHEMA, check_raw
from brainbench_audio.scores.score import ERROR_WITHHELD, Score
from brainbench_audio.testing.conformance.cards import subject
from brainbench_audio.testing.conformance.check import Check, Failed, NotChecked, require
from brainbench_audio.testing.conformance.imports import unchanged
from brainbench_audio.testing.conformance.trial import FEATURES, SAME, STIMULI, Trial, Watched

# of features and responses: tesla are 1e-13 of what is common, and float32 holds 1e-38 to 3e38
UNITS = (1e-30, 1e-13, 1e4, 1e30)
EXACT, NOISE, ROUNDING = 0.95, 0.3, 1e-9
WIDTHS = (12, 60, 200)  # features, fewer and more than stimuli


def metric_checks(card: MetricCard) -> Iterator[Check]:
    """Yield the checks of a metric and of each of its variants."""
    for variant in (None, *card.variants):
        name = subject(card) if variant is None else f"{subject(card)}-{variant}"
        kept: dict[str, Score] = {}
        for title, function in _CHECKS.items():
            yield Check(
                name,
                title,
                lambda function=function, variant=variant, kept=kept: function(  # type: ignore[misc]
                    Trial(card, variant, kept)
                ),
            )


def _well_formed(trial: Trial) -> None:
    watched, kept = Watched(trial.layers), trial.target.copy(deep=True)
    found = unchanged(lambda: trial.score(watched))
    require(isinstance(found, Score), f"It returns {type(found).__name__}, not a Score.")
    require(
        trial.target.identical(kept), "It changes the targets it was given: copy before you write."
    )
    twice = [layer for layer, reads in watched.reads.items() if reads > 1]
    require(not twice, f"It reads layer {twice} more than once: each read may be a file.")
    _not_too_large(trial, found)
    require(found.error is None or found.error >= 0, f"The error {found.error} is negative.")
    if found.interval is not None:
        low, high = found.interval
        require(low <= high, f"The interval {found.interval} is upside down.")
    require(
        found.layer is None or found.layer in trial.layers, f"There is no layer {found.layer!r}."
    )
    undefined = [name for name, value in found.parts.items() if not np.isfinite(value)]
    require(not undefined, f"The parts {undefined} are no numbers: leave them out and count them.")


def _not_too_large(trial: Trial, found: Score) -> None:
    largest = trial.card.largest_of(trial.variant)
    require(
        largest is None or abs(found.value) <= largest + ROUNDING,
        f"The score {found.value:.6g} is larger than the card says any is, {largest}.",
    )


def _raw(trial: Trial) -> None:
    unknown = sorted(trial.card.stores - set(SCHEMA))
    require(not unknown, f"`stores` names {unknown}: choose from {', '.join(SCHEMA)}.")
    _follows_schema(trial.card, trial.plain())


def _follows_schema(card: MetricCard, score: Score) -> None:
    troubles = check_raw(score.raw)
    require(
        not troubles,
        f"{' '.join(troubles)} Store it as `scores.profiles` says, or under a name of your own.",
    )
    lacking = sorted(card.stores - set(map(str, score.raw.data_vars)))
    require(not lacking, f"The card promises {lacking} in `raw`, which this score lacks.")


def _several_subjects(trial: Trial) -> None:
    trial.without_task("nobody's responses are needed")
    target = trial.target
    names = [f"subject-{index // 2}" for index in range(target.shape[1])]
    several = target.assign_coords(subject=(target.dims[1], names))
    # a run that was heard again has rows of its own
    if "session" not in several.dims and "run" not in several.coords:
        again = several + 0.1 * float(several.std()) * np.random.default_rng(4).standard_normal(
            several.shape
        )
        several = xr.concat([several, again], "session").transpose(*target.dims, "session")
    try:
        found = trial.score(target=several)
    except BrainbenchError as error:
        raise Failed(
            f"It refuses responses of several subjects in several sessions ({error}), which voxels "
            f"are: take what it needs of them."
        ) from error
    strange = sorted(set(found.parts) - set(names))
    require(not strange, f"The parts {strange} are no subjects: one value a subject, or none.")
    _follows_schema(trial.card, found)


def _repeatable(trial: Trial) -> None:
    first, second = trial.plain(), trial.score()
    require(
        (first.value, first.error, first.interval) == (second.value, second.error, second.interval),
        "The same input scores differently twice: take a seed, and keep it with the score.",
    )


def _order_of_layers(trial: Trial) -> None:
    trial.without_task("it trains on all layers together")
    trial.same("layers are reordered", layers=dict(reversed(trial.layers.items())))


def _identity(trial: Trial) -> None:
    trial.promised("identity")
    target = trial.target
    exact = target.mean("session") if "session" in target.dims else target
    found = trial.score({"exact": exact.values.astype(np.float32)})
    _not_too_large(trial, found)
    least = EXACT * min(1.0, found.ceiling or 1.0)
    require(
        found.value >= least,
        f"Features equal to the targets score {found.value:.3f}, expected {least:.2f} or more.",
    )


def _noise(trial: Trial) -> None:
    trial.promised("noise")
    generator = np.random.default_rng(1)
    for features in WIDTHS:  # some metrics take many features for many similarities
        drawn = generator.standard_normal((6, STIMULI, features)).astype(np.float32)
        mean = float(np.mean([trial.score({"noise": one}).value for one in drawn]))
        require(
            abs(mean) <= NOISE,
            f"{features} random features score {mean:.3f} on average, expected about 0.",
        )


def _uncertain(trial: Trial) -> None:
    found = trial.plain()
    require(
        found.error is not None or found.interval or found.provenance.get(ERROR_WITHHELD),
        "The score comes without an error, an interval or a reason for neither: nobody can tell "
        "how far it may be off for other sounds. See `scores.uncertainty`.",
    )


def _permutation(trial: Trial) -> None:
    trial.promised("permutation")
    order = np.random.default_rng(2).permutation(STIMULI)
    moved = {layer: values[order] for layer, values in trial.layers.items()}
    given = {layer: values[order] for layer, values in trial.given.items()}
    turned = trial.target.isel(stimulus=order)
    names = [str(name) for name in turned["stimulus"].values]
    folds = trial.folds.aligned(names)
    trial.same("stimuli change places", layers=moved, target=turned, folds=folds, given=given)


def _scale(trial: Trial) -> None:
    trial.promised("scale")
    for unit in UNITS:
        scaled = {layer: np.float32(unit) * values for layer, values in trial.layers.items()}
        trial.same(f"features are {unit:g} times as large", layers=scaled)
        if "task" not in trial.card.required(trial.variant):
            larger = trial.target * unit
            trial.same(f"responses are {unit:g} times as large", target=larger)


def _rotation(trial: Trial) -> None:
    trial.promised("rotation")
    drawn = np.random.default_rng(3).standard_normal((FEATURES, FEATURES))
    rotation = np.linalg.qr(drawn)[0]
    layers = trial.layers.items()
    turned = {layer: (values @ rotation).astype(np.float32) for layer, values in layers}
    trial.same("features are rotated", layers=turned)


def _reference(trial: Trial) -> None:
    if trial.card.reference is None:
        raise NotChecked("the card names no plain reference for it")
    reference = load_attribute(trial.card.reference)
    takes = "variant" in inspect.signature(reference).parameters
    if trial.variant is not None and not takes:
        raise NotChecked("the plain reference takes no argument `variant`")
    found = trial.plain().value
    options = {"variant": trial.variant} if takes else {}
    plain = float(reference(trial.layers, trial.target, trial.folds, **options))
    require(
        abs(found - plain) <= SAME,
        f"The metric gives {found:.8f}, its plain reference {plain:.8f}.",
    )


def _nan_features(trial: Trial) -> None:
    trial.layers["second"][3, 1] = np.nan
    _refuses_or_scores(trial)


def _nan_targets(trial: Trial) -> None:
    trial.without_task("labels are never missing")
    broken = trial.target.copy(deep=True)
    broken[{"stimulus": 4, broken.dims[1]: 0}] = np.nan
    found = _refuses_or_scores(trial, target=broken)
    if found is not None:
        require(
            found.n != trial.plain().n,
            "A target that lacks a response goes in or out without being counted: say in `n` how "
            "many were dropped.",
        )


def _refuses_or_scores(trial: Trial, **changed: Any) -> Score | None:
    try:
        return trial.score(**changed)
    except BrainbenchError as error:
        if "must be a finite number" in str(error):
            raise Failed(
                "NaN goes in and NaN comes out: drop and count, or say where it is."
            ) from (error)
        return None
    except Exception as error:
        raise Failed(f"NaN raises {error!r}: raise DataError and say where it is.") from error


_CHECKS: dict[str, Callable[[Trial], None]] = {
    "returns a well-formed score": _well_formed,
    "says how far it may be off": _uncertain,
    "stores what the schema says": _raw,
    "takes subjects and sessions": _several_subjects,
    "the same twice": _repeatable,
    "order of layers does not matter": _order_of_layers,
    "exact features score 1": _identity,
    "random features score about 0": _noise,
    "stimuli may change places": _permutation,
    "the unit does not matter": _scale,
    "rotation does not matter": _rotation,
    "equals its plain reference": _reference,
    "NaN among features": _nan_features,
    "NaN among targets": _nan_targets,
}
