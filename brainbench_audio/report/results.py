"""What a report is made from: scores of the result store, and published ones beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from brainbench_audio.errors import DataError
from brainbench_audio.registry.ids import BenchmarkId, without_version
from brainbench_audio.scores.identities import ModelVersion, recorded_version
from brainbench_audio.scores.options import other_options
from brainbench_audio.scores.score import CHANCE, MEASURED_BY, ONLY_LAYERS, REACHABLE, WITHHELD
from brainbench_audio.scores.store import StoredScore, read_stored, stored_scores

from .published_files import PublishedScore, imported_scores, shipped_scores, toplines
from .versions import Current, Row, described, parsed_model, rows_of

if TYPE_CHECKING:
    from brainbench_audio.scores.score import Score

Published = Literal["none", "add", "only"]
Pair = tuple[str, str]
OVERALL = "overall"
_OF_THE_WHOLE = {CHANCE, REACHABLE, WITHHELD}


@dataclass(frozen=True, kw_only=True)
class Result:
    """One score as a report sees it: measured, or published by somebody.

    Attributes
    ----------
    model : str
        Name of the row, different for each version of each model, see `versions`: the id, with
        ``@untrained``, ``@permuted`` or ``@step=…`` behind it for what is made of a model, and made
        longer where that is not enough.
    label, family : str
        From the model's card; the name and ``""`` where no installed plugin has the model. A
        control or a step of a training has the family of its model.
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
    part_errors, part_intervals : mapping of str
        Of parts, where they are known.
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
    whole : Path or None
        Of a part without a file of its own: the file of the whole, see `with_components`.
    provenance : mapping
        That of the score; ``source`` and ``reading_error`` of a published one.
    id, source, version : str
        Which network was scored, see `identities.ModelVersion`; empty for published ones.
    current : bool
        Whether this is the version that the model has now.
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
    part_errors: Mapping[str, float] = field(default_factory=dict)
    part_intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    layer: str | None = None
    n: Mapping[str, int] = field(default_factory=dict)
    published: bool = False
    approximate: bool = False
    created: str = ""
    path: Path | None = None
    whole: Path | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    source: str = ""
    version: str = ""
    current: bool = True

    @property
    def pair(self) -> Pair:
        """Name of the row and id of the benchmark."""
        return self.model, self.benchmark

    @property
    def name(self) -> str:
        """Name of the model, which its versions share."""
        return without_version(self.model)

    @property
    def arrays(self) -> Path | None:
        """File of the score with its arrays; None of a published one, and of a record."""
        stored = self.path is not None and self.path.suffix == ".nc" and not self.published
        return self.path if stored else None

    @property
    def measured_by(self) -> str:
        """Who measured it; empty for what was measured here, and for published ones."""
        return str(self.provenance.get(MEASURED_BY, ""))

    @property
    def is_control(self) -> bool:
        """Whether the model is untrained, permuted or a step of a training, none of its own."""
        return bool(parsed_model(self.id or self.model).variant)

    def derived(self, benchmark: str, value: float, **known: Any) -> Result:
        """Return a result of the same row that was computed from others and has no file."""
        return Result(
            model=self.model,
            label=self.label,
            family=self.family,
            benchmark=benchmark,
            value=value,
            published=self.published,
            created=self.created,
            id=self.id,
            source=self.source,
            version=self.version,
            current=self.current,
            **known,
        )


def newest_scores() -> dict[tuple[ModelVersion, str], StoredScore]:
    """Return the newest stored score of each version of a model on each benchmark.

    Scores with other options, such as --bootstrap, are files of their own, see `stored_scores`.
    Those of some layers only are left out: they are not the model's score. So are those with
    options by which they measure something else, as ``zscore`` of ``rsa``: they are not the
    benchmark's.
    """
    entries = sorted(filter(_is_usual, stored_scores()), key=lambda entry: entry.age)
    return {(entry.version, entry.benchmark): entry for entry in entries}


def _is_usual(entry: StoredScore) -> bool:
    provenance = entry.summary["provenance"]
    return ONLY_LAYERS not in provenance and not other_options(provenance)


def read_score(results: Iterable[Result], model: str, benchmark: str) -> Score:
    """Return the stored score behind the result of a pair, with its arrays.

    Raises
    ------
    DataError
        None is stored.
    """
    for result in results:
        if result.pair == (model, benchmark) and result.path and not result.published:
            return read_stored(result.path)
    raise DataError(
        f"There is no stored score of {model} on {benchmark}. This makes it: "
        f"brainbench score --model {model} --benchmark {benchmark}"
    )


def stored_results(current: Current = recorded_version, *, older: bool = False) -> list[Result]:
    """Return the newest score of each version of a model, by benchmark and model.

    Parameters
    ----------
    current : callable
        Says which version of a model is current; by default the one that was resolved last.
    older : bool
        Also those of versions that are not current.
    """
    found = stored_files(current, newest_scores().values())
    return [result for result in found if result.current or older]


def stored_files(
    current: Current = recorded_version, entries: Collection[StoredScore] | None = None
) -> list[Result]:
    """Return a result for each of some files of the store, by default all, of whatever version."""
    entries = stored_scores() if entries is None else entries
    rows = rows_of(entries, current)
    return _sorted(_stored(entry, rows[entry.version]) for entry in entries)


def published_results() -> list[Result]:
    """Return published scores: those of the paper, which come with the package, and imported ones.

    An imported score takes the place of the paper's of the same pair. The ceiling is the topline
    published for the benchmark, if there is one.
    """
    found = {
        (score.model, score.benchmark): score for score in [*shipped_scores(), *imported_scores()]
    }
    names = {model: described(model) for model, _ in found}
    tops = toplines()
    return _sorted(
        _published(score, *names[score.model], tops.get(score.benchmark))
        for score in found.values()
    )


def all_results(
    published: Published = "none", current: Current = recorded_version, *, older: bool = False
) -> list[Result]:
    """Return stored results without, with (``"add"``) or instead of (``"only"``) published ones.

    ``current`` and ``older`` are those of `stored_results`; published scores have no versions.
    Stored scores of whole data sets of components count for each component, too, see
    `with_components`. With ``"add"`` a pair that was scored here and published has two rows, told
    apart by ``published``; `preferred` leaves the measured one.
    """
    stored = [] if published == "only" else with_components(stored_results(current, older=older))
    return stored if published == "none" else [*stored, *published_results()]


def with_components(results: Sequence[Result]) -> list[Result]:
    """Add what scores of whole data sets say about their components.

    A score of ``NH2015comp-ridge`` has the score of ``NH2015comp.speech-ridge`` as its part
    ``speech``, if components are predicted one by one, so that there is such a benchmark. Such a
    result has no file of its own, and names the whole as ``part_of`` in its provenance. What was
    tested or withheld of the whole is not said of it. One that was scored alone stays as it is.
    """
    from brainbench_audio.cards import DatasetCard
    from brainbench_audio.registry.lookup import list_ids, registered

    subsets = {entry.card.id: entry.card.subsets for entry in registered(DatasetCard)}
    known = {result.pair for result in results}
    found = list(results)
    composed = set(list_ids("benchmark"))
    for result in results:
        whole = BenchmarkId.parse(result.benchmark)
        usual = replace(whole, categories=(), given=None, second=None, distribution=None)
        components = () if whole.subset else subsets.get(whole.dataset, ())
        for name, value in result.parts.items():
            benchmark = str(whole.of(name))
            if name not in components or (result.model, benchmark) in known:
                continue
            if str(usual) in composed and str(usual.of(name)) not in composed:
                continue
            found.append(
                result.derived(
                    benchmark,
                    value,
                    error=result.part_errors.get(name),
                    interval=result.part_intervals.get(name),
                    parts={name: value},
                    whole=result.path,
                    n=result.n,
                    provenance={**_of_parts(result.provenance), "part_of": result.benchmark},
                )
            )
    return _sorted(found)


def _of_parts(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in provenance.items() if name not in _OF_THE_WHOLE}


def preferred(results: Iterable[Result]) -> list[Result]:
    """Return one result a pair: the measured one if there is one, else the published one."""
    found: dict[Pair, Result] = {}
    for result in results:
        if result.pair not in found or (found[result.pair].published and not result.published):
            found[result.pair] = result
    return list(found.values())


def not_shown(results: Iterable[Result]) -> str | None:
    """Return a line about stored scores of versions that a report leaves out; None if none are."""
    stored = [result for result in results if result.path and not result.published]
    scores = len({result.path for result in stored})
    versions = len({result.model for result in stored})
    if not scores:
        return None
    one = f"{scores} score{'s' if scores > 1 else ''} of {versions} older version"
    verb = "are" if scores > 1 else "is"
    return f"{one}{'s' if versions > 1 else ''} {verb} not shown: `brainbench results list --all`"


def _sorted(results: Iterable[Result]) -> list[Result]:
    return sorted(results, key=lambda result: (result.benchmark, result.model))


def _stored(entry: StoredScore, row: Row) -> Result:
    from brainbench_audio.scores.score import normalised

    summary = entry.summary
    value, ceiling = summary["value"], summary["ceiling"]
    interval = summary["interval"]
    return Result(
        model=row.name,
        label=row.label,
        family=row.family,
        benchmark=entry.benchmark,
        value=value,
        error=summary["error"],
        interval=tuple(interval) if interval else None,
        ceiling=ceiling,
        normalised=normalised(value, ceiling, summary["provenance"]),
        parts=summary["parts"],
        part_errors=summary.get("part_errors", {}),
        part_intervals={
            name: tuple(one) for name, one in summary.get("part_intervals", {}).items()
        },
        layer=summary["layer"],
        n=summary["n"],
        created=entry.created,
        path=entry.path,
        provenance=summary["provenance"],
        id=entry.version.id,
        source=entry.version.source,
        version=entry.version.version,
        current=row.current,
    )


def _published(score: PublishedScore, label: str, family: str, ceiling: float | None) -> Result:
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
        ceiling=ceiling,
        normalised=score.value / ceiling if ceiling else None,
        published=True,
        approximate=score.approximate,
        path=score.path,
        provenance=provenance,
    )
