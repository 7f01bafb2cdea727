"""What a report is made from: scores of the result store, and published ones beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from brainbench_audio.errors import BrainbenchError, DataError
from brainbench_audio.scores.store import StoredScore, read_stored, stored_scores

from .published_files import PublishedScore, imported_scores, shipped_scores

if TYPE_CHECKING:
    import xarray as xr

    from brainbench_audio.scores.score import Score

Published = Literal["none", "add", "only"]
Pair = tuple[str, str]
OVERALL = "overall"
# the listening tasks of the paper, in the order of its table 1
TASKS = (
    "HEAR.nsynth_pitch-probe",
    "HEAR.gtzan-probe",
    "HEAR.speech_commands-probe",
    "HEAR.crema_d-probe",
    "HEAR.fsd50k-probe",
    "HEAR.esc50-probe",
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """One score as a report sees it: measured, or published by somebody.

    Attributes
    ----------
    model : str
        Id; with ``@untrained``, ``@permuted`` or ``@step=…`` behind it for what is made of a model.
    label, family : str
        From the model's card; the id and ``""`` where no installed plugin has the model. A control
        or a step of a training has the family of its model.
    benchmark : str
        Id; ``overall`` for a published mean over listening tasks.
    value : float
    error : float or None
        Standard error.
    interval : (float, float) or None
        95 % interval.
    ceiling, normalised : float or None
    parts : mapping of str to float
        One value for each component, subject or fold.
    layer : str or None
        The best.
    n : mapping of str to int
        What was counted.
    published : bool
        Taken from a file of published scores, not from the store.
    approximate : bool
        Published, and hard to read off its figure.
    created : str
        When it was scored, ISO 8601; empty for published ones.
    path : Path or None
        File of the whole score, for `Score.from_netcdf`, or the imported file.
    provenance : mapping
        That of the score; ``source`` and ``reading_error`` of a published one.
    """

    model: str
    label: str
    family: str
    benchmark: str
    value: float
    error: float | None = None
    interval: tuple[float, float] | None = None
    ceiling: float | None = None
    normalised: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    layer: str | None = None
    n: Mapping[str, int] = field(default_factory=dict)
    published: bool = False
    approximate: bool = False
    created: str = ""
    path: Path | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pair(self) -> Pair:
        """Ids of model and benchmark."""
        return self.model, self.benchmark

    @property
    def is_control(self) -> bool:
        """Whether the model is untrained, permuted or a step of a training, none of its own."""
        return "@" in self.model


def newest_scores() -> dict[Pair, StoredScore]:
    """Return the newest stored score of each pair of model and benchmark."""

    def age(entry: StoredScore) -> tuple[str, int]:
        # two of the same second are told apart by their files
        return str(entry.summary["provenance"].get("created", "")), entry.path.stat().st_mtime_ns

    return {(entry.model, entry.benchmark): entry for entry in sorted(stored_scores(), key=age)}


def newest_score(model: str, benchmark: str) -> Score:
    """Return the newest stored score of a pair, with its arrays.

    Raises
    ------
    DataError
        None is stored.
    """
    if entry := newest_scores().get((model, benchmark)):
        return read_stored(entry.path)
    raise DataError(
        f"There is no stored score of {model} on {benchmark}. This makes it: "
        f"brainbench score --model {model} --benchmark {benchmark}"
    )


def stored_results() -> list[Result]:
    """Return the newest score of each pair, by benchmark and model."""
    found = newest_scores()
    names = _names(model for model, _ in found)
    results = [_stored(entry, *names[entry.model]) for entry in found.values()]
    return sorted(results, key=lambda result: (result.benchmark, result.model))


def published_results() -> list[Result]:
    """Return published scores: those of the paper, which come with the package, and imported ones.

    An imported score takes the place of the paper's of the same pair.
    """
    found = {
        (score.model, score.benchmark): score for score in [*shipped_scores(), *imported_scores()]
    }
    names = _names(model for model, _ in found)
    results = [_published(score, *names[score.model]) for score in found.values()]
    return sorted(results, key=lambda result: (result.benchmark, result.model))


def all_results(published: Published = "none") -> list[Result]:
    """Return stored results without, with (``"add"``) or instead of (``"only"``) published ones.

    Stored scores of whole data sets of components count for each component, too, see
    `with_components`. With ``"add"`` a pair that was scored here and published has two rows, told
    apart by ``published``; `preferred` leaves the measured one.
    """
    stored = [] if published == "only" else with_components(stored_results())
    return stored if published == "none" else [*stored, *published_results()]


def with_components(results: Sequence[Result]) -> list[Result]:
    """Add what scores of whole data sets say about their components.

    A score of ``NH2015comp-ridge`` has the score of ``NH2015comp.speech-ridge`` as its part
    ``speech``: components are predicted one by one. Such a result has no file of its own, and names
    the whole as ``part_of`` in its provenance. One that was scored alone stays as it is.
    """
    from brainbench_audio.cards import DatasetCard
    from brainbench_audio.registry.lookup import registered

    subsets = {entry.card.id: entry.card.subsets for entry in registered(DatasetCard)}
    known = {result.pair for result in results}
    found = list(results)
    for result in results:
        data, _, metric = result.benchmark.partition("-")
        for name, value in result.parts.items():
            benchmark = f"{data}.{name}-{metric}"
            if name not in subsets.get(data, ()) or (result.model, benchmark) in known:
                continue
            found.append(
                Result(
                    model=result.model,
                    label=result.label,
                    family=result.family,
                    benchmark=benchmark,
                    value=value,
                    n=result.n,
                    created=result.created,
                    provenance={**result.provenance, "part_of": result.benchmark},
                )
            )
    return sorted(found, key=lambda result: (result.benchmark, result.model))


def preferred(results: Iterable[Result]) -> list[Result]:
    """Return one result a pair: the measured one if there is one, else the published one."""
    found: dict[Pair, Result] = {}
    for result in results:
        if result.pair not in found or (found[result.pair].published and not result.published):
            found[result.pair] = result
    return list(found.values())


def matrix(
    results: Iterable[Result],
    models: Sequence[str] | None = None,
    benchmarks: Sequence[str] | None = None,
) -> xr.DataArray:
    """Return the values, NaN where there is no score.

    Parameters
    ----------
    results : iterable of Result
        Of a pair that was measured and published, the measured one counts.
    models, benchmarks : sequence of str, optional
        Rows and columns; by default all there are, sorted.

    Returns
    -------
    xr.DataArray
        float64 (model, benchmark), with the models' ``label`` and ``family`` as coordinates.
    """
    import xarray as xr

    chosen = preferred(results)
    rows = sorted({result.model for result in chosen}) if models is None else list(models)
    columns = (
        sorted({result.benchmark for result in chosen}) if benchmarks is None else list(benchmarks)
    )
    values = {result.pair: result.value for result in chosen}
    about = {result.model: result for result in chosen}
    labels = [about[model].label if model in about else model for model in rows]
    families = [about[model].family if model in about else "" for model in rows]
    data = [[values.get((model, one), np.nan) for one in columns] for model in rows]
    return xr.DataArray(
        np.array(data, dtype=np.float64).reshape(len(rows), len(columns)),
        dims=("model", "benchmark"),
        coords={
            "model": np.array(rows, dtype=str),
            "benchmark": np.array(columns, dtype=str),
            "label": ("model", np.array(labels, dtype=str)),
            "family": ("model", np.array(families, dtype=str)),
        },
    )


@dataclass(frozen=True, kw_only=True)
class Overall:
    """Means over listening tasks of z-scores over models.

    Attributes
    ----------
    values : mapping of str to float
        For each model.
    tasks : tuple of str
        Benchmarks that the means are over; empty for published means.
    left_out : mapping of str to tuple of str
        Models that lack tasks, and which.
    published : bool
        The means themselves are published, over the paper's six tasks and its models.
    """

    values: Mapping[str, float]
    tasks: tuple[str, ...]
    left_out: Mapping[str, tuple[str, ...]]
    published: bool

    @property
    def models(self) -> tuple[str, ...]:
        """Models that have a mean."""
        return tuple(self.values)


def overall(results: Iterable[Result], tasks: Sequence[str] | None = None) -> Overall:
    """Return the mean over listening tasks of the scores z-scored over models.

    ``z = mean over tasks of (score - mean) / standard deviation``, these two over the models that
    have all tasks, with n - 1 in the variance, as in the released code. z-scores over other models,
    those of the paper, cannot stand beside them: if the results hold published means of more models
    than can be computed, these are returned instead.

    Parameters
    ----------
    results : iterable of Result
        Of a pair that was measured and published, the measured one counts.
    tasks : sequence of str, optional
        Benchmarks. By default those of the six of `TASKS` that any model was scored on.

    Returns
    -------
    Overall
        Without models where there is nothing to average.

    Notes
    -----
    "Better audio representations are more brain-like", section 4.6.
    """
    chosen = preferred(results)
    known = {result.benchmark for result in chosen}
    wanted = tuple(task for task in TASKS if task in known) if tasks is None else tuple(tasks)
    given = {result.model: result.value for result in chosen if result.benchmark == OVERALL}
    values: dict[str, dict[str, float]] = {}
    for result in chosen:
        if result.benchmark in wanted:
            values.setdefault(result.model, {})[result.benchmark] = result.value
    lacking = {
        model: tuple(task for task in wanted if task not in scored)
        for model, scored in sorted(values.items())
    }
    complete = [model for model, tasks_lacking in lacking.items() if not tasks_lacking]
    if len(given) > len(complete):
        return Overall(values=given, tasks=(), left_out={}, published=True)
    scores = np.array([[values[model][task] for task in wanted] for model in complete])
    means = _z_scored(scores).mean(axis=1) if scores.size else np.empty(0)
    return Overall(
        values=dict(zip(complete, means.tolist(), strict=True)),
        tasks=wanted,
        left_out={model: tasks for model, tasks in lacking.items() if tasks},
        published=False,
    )


def _z_scored(scores: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    """Return columns with mean 0 and deviation 1; a task that tells no models apart gives 0."""
    centred = scores - scores.mean(axis=0)
    # one model has no deviation, and none is needed: it is its own mean
    deviation = scores.std(axis=0, ddof=min(1, len(scores) - 1))
    varies = deviation > 1e-13 * np.abs(scores).max(axis=0)
    return np.where(varies, centred / np.where(varies, deviation, 1.0), 0.0)


def _names(models: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return label and family of each model; the id and nothing where no plugin has it."""
    from brainbench_audio.registry.lookup import find_model

    found: dict[str, tuple[str, str]] = {}
    for model in set(models):
        plain, _, control = model.partition("@")
        try:
            card = find_model(plain).card
        except BrainbenchError:
            found[model] = model, ""
            continue
        # the label of a scheme's card is that of all its models
        label = card.label if card.layers else plain
        found[model] = f"{label} ({control})" if control else label, card.family
    return found


def _stored(entry: StoredScore, label: str, family: str) -> Result:
    summary = entry.summary
    value, ceiling = summary["value"], summary["ceiling"]
    interval = summary["interval"]
    return Result(
        model=entry.model,
        label=label,
        family=family,
        benchmark=entry.benchmark,
        value=value,
        error=summary["error"],
        interval=tuple(interval) if interval else None,
        ceiling=ceiling,
        normalised=value / ceiling if ceiling is not None and ceiling > 0 else None,
        parts=summary["parts"],
        layer=summary["layer"],
        n=summary["n"],
        created=str(summary["provenance"].get("created", "")),
        path=entry.path,
        provenance=summary["provenance"],
    )


def _published(score: PublishedScore, label: str, family: str) -> Result:
    provenance: dict[str, Any] = {"source": score.source}
    if score.reading_error is not None:
        provenance["reading_error"] = score.reading_error
    return Result(
        model=score.model,
        label=label,
        family=family,
        benchmark=score.benchmark,
        value=score.value,
        error=score.error,
        published=True,
        approximate=score.approximate,
        path=score.path,
        provenance=provenance,
    )
