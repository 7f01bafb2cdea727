"""What a page says about a benchmark: by the cards that are installed, else as its scores tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from brainbench_audio.cards import BenchmarkCard
from brainbench_audio.errors import BrainbenchError
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.report.results import OVERALL, Result
from brainbench_audio.scores import profiles

SOUNDS, RUNS = "sounds", "runs"
_CITED = ("data", "second", "metric")


@dataclass(frozen=True, kw_only=True)
class About:
    """What is known about a benchmark; empty where nothing is.

    Attributes
    ----------
    data, metric : str
        Sentences about the two.
    subset, variant : str or None
    unit : str
        What its values are.
    stimuli : int or None
        How many sounds, or runs of continuous sound.
    counted : str
        Which of both.
    licence, source : str
        Of the data.
    citations : tuple of str
        BibTeX, of the data, of the second data set, if there is one, and the metric.
    """

    data: str = ""
    metric: str = ""
    subset: str | None = None
    variant: str | None = None
    unit: str = ""
    stimuli: int | None = None
    counted: str = SOUNDS
    licence: str = ""
    source: str = ""
    citations: tuple[str, ...] = ()


def about(benchmark: str, results: Iterable[Result]) -> About:
    """Return what is known about a benchmark that has these results."""
    if benchmark == OVERALL:
        return About(
            data="mean over listening tasks of scores that were z-scored over models",
            unit="mean z-score over listening tasks",
        )
    measured = [result for result in results if not result.published]
    card, folder = _installed(benchmark)
    known = _of_card(card) if card else _of_provenance(benchmark, measured)
    if card and folder:
        known = replace(known, data=_folder(card), licence="", source="", stimuli=None)
    if unit := _task_unit(measured):
        known = replace(known, unit=unit)
    if known.stimuli is None:
        stimuli, counted = _counted(measured)
        known = replace(known, stimuli=stimuli, counted=counted)
    return known


def _installed(benchmark: str) -> tuple[BenchmarkCard | None, bool]:
    """Return the card of a benchmark, and whether its data are a folder of somebody's own."""
    from brainbench_audio.registry.lookup import find_benchmark

    for folder in (False, True):
        try:
            return find_benchmark(benchmark, folder=folder), folder
        except BrainbenchError:
            continue
    return None, False


def _folder(card: BenchmarkCard) -> str:
    return f"the task {card.subset or card.dataset.id}, a folder of somebody's own"


def _of_card(card: BenchmarkCard) -> About:
    from brainbench_audio.registry.lookup import second_of

    data, metric, second = card.dataset, card.metric, second_of(card)
    seconds = [] if second is None else [second.dataset.citation]
    return About(
        data=data.description,
        metric=metric.description,
        subset=card.subset,
        variant=_variant(card),
        unit=card.unit,
        stimuli=data.counted(card.subset),
        counted=RUNS if "continuous" in data.provided(card.subset) else SOUNDS,
        licence=data.licence,
        source=data.source,
        citations=tuple(text for text in (data.citation, *seconds, metric.citation) if text),
    )


def _variant(named: BenchmarkCard | BenchmarkId) -> str | None:
    """Return the variant, with the model or the data set that it names."""
    behind = named.given or named.second
    return f"{named.variant}={behind}" if behind else named.variant


def _of_provenance(benchmark: str, measured: Iterable[Result]) -> About:
    """Return what the newest score was told by cards that are not installed here."""
    parsed = BenchmarkId.parse(benchmark)
    named = About(subset=parsed.subset, variant=_variant(parsed))
    for result in sorted(measured, key=lambda result: result.created, reverse=True):
        cards = result.provenance.get("cards")
        data, metric = (_texts(cards, name) for name in ("data", "metric"))
        if data or metric:
            cited = _texts(result.provenance, "citations")
            return replace(
                named,
                data=data.get("description", ""),
                metric=metric.get("description", ""),
                unit=metric.get("unit", ""),
                licence=data.get("licence", ""),
                source=data.get("source", ""),
                citations=tuple(cited[name] for name in _CITED if cited.get(name)),
            )
    return named


def _texts(mapping: Any, name: str) -> dict[str, str]:
    """Return the texts below a name; a stored file may hold anything there."""
    found = mapping.get(name) if isinstance(mapping, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {str(key): value for key, value in found.items() if isinstance(value, str)}


def _task_unit(measured: Iterable[Result]) -> str | None:
    """Return what a probe measured, which its task decides; None for all else."""
    for result in measured:
        if result.path is None or BenchmarkId.parse(result.benchmark).metric != "probe":
            continue
        try:
            curves = profiles.learning_curves(profiles.read_raw(result.path, "learning_curve"))
        except BrainbenchError:
            continue
        if curves is not None:
            return str(curves.attrs["metric"])
    return None


def _counted(measured: Iterable[Result]) -> tuple[int | None, str]:
    """Return how many sounds or runs the scores were made from, and which."""
    for result in measured:
        if count := result.n.get("run"):
            return count, RUNS
        if count := result.n.get("stimulus"):
            return count, SOUNDS
        parts = [result.n.get(part, 0) for part in ("train", "valid", "test")]
        if total := sum(parts):
            return total, SOUNDS
    return None, SOUNDS
