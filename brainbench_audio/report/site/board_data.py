"""What the leaderboard's script draws: columns in groups, and a row a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import numpy as np

from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.report.comparison import Rank, ranking
from brainbench_audio.report.correlations import is_task
from brainbench_audio.report.precision import digits_of
from brainbench_audio.report.published_files import toplines
from brainbench_audio.report.results import OVERALL, Result
from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.drawing import number
from brainbench_audio.scores.score import REACHABLE

MEAN = "mean"
_TASKS = "Listening tasks"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = 5


@dataclass(frozen=True)
class Column:
    """One column of scores.

    Attributes
    ----------
    id : str
        Of the benchmark; ``mean`` for the mean over those that most models share.
    label : str
        Short, below the title of its group.
    chosen : bool
        Whether it is shown at first.
    results : mapping of str to Result
        By model.
    ranks : mapping of str to Rank
    """

    id: str
    label: str
    chosen: bool
    results: Mapping[str, Result]
    ranks: Mapping[str, Rank]


@dataclass
class Group:
    """Columns under one title, with a sentence that says what they measure."""

    title: str
    sentence: str
    columns: list[Column] = field(default_factory=list)


def column_groups(content: Content) -> list[Group]:
    """Return all columns: the mean first, then one group a data set, tasks together."""
    groups: dict[str, Group] = {}
    for name in content.benchmarks:
        listening = name == OVERALL or is_task(name)
        title = _TASKS if listening else BenchmarkId.parse(name).dataset
        group = groups.setdefault(title, Group(title, ""))
        found = {row.model: row.results[name] for row in content.rows if name in row.results}
        ranks = {row.model: row.ranks[name] for row in content.rows if name in row.ranks}
        label = column_label(name)
        group.columns.append(Column(name, label, name in content.chosen, found, ranks))
    for group in groups.values():
        group.sentence = _sentence(content, group)
    mean = _mean_column(content)
    return [*([mean] if mean else []), *groups.values()]


def column_label(benchmark: str) -> str:
    """Return what a benchmark is called below the title of its group.

    Examples
    --------
    >>> column_label("NH2015comp.lf-ridge"), column_label("HEAR.gtzan-probe")
    ('lf ridge', 'gtzan')
    >>> column_label("NH2015-ridge-from=B2021"), column_label("NH2015[speech]-rsa")
    ('ridge-from=B2021', '[speech]-rsa')
    """
    if benchmark == OVERALL:
        return OVERALL
    parsed = BenchmarkId.parse(benchmark)
    if is_task(benchmark):
        usual = parsed.measure == "probe" and parsed.subset
        return str(parsed.subset) if usual else benchmark
    measure = str(replace(parsed, dataset="", subset=None, distribution=None)).removeprefix("-")
    return " ".join(part for part in (parsed.subset, measure) if part) or benchmark


def _sentence(content: Content, group: Group) -> str:
    """Say what was measured, on how many sounds, and what the ceiling is."""
    first = group.columns[0].id
    known = content.about[first]
    if group.title == _TASKS:
        text = "How well labels are learned from the layers of a model"
        text += "; overall: mean of z-scores over models."
        return text
    parts = [known.data or "No installed plugin describes these data"]
    if known.stimuli:
        parts.append(f"{known.stimuli:,} {known.counted}")
    units = dict.fromkeys(content.about[one.id].unit for one in group.columns)
    parts.append(f"unit {' or '.join(unit for unit in units if unit)}" if any(units) else "")
    ceilings = [one for column in group.columns for one in _ceilings(column)]
    if ceilings:
        low, high = number(min(ceilings), 2), number(max(ceilings), 2)
        parts.append(f"ceiling {low}" if low == high else f"ceilings {low} to {high}")
    text = "; ".join(part for part in parts if part)
    return f"{text[:1].upper()}{text[1:]}."


def _ceilings(column: Column) -> Iterable[float]:
    known = [one.ceiling for one in column.results.values() if one.ceiling is not None]
    return known or [top for name, top in toplines().items() if name == column.id]


def _mean_column(content: Content) -> Group | None:
    """Return the mean over the brain benchmarks that most models share; None for fewer than two.

    A model that lacks one of them has no mean: the others would be easier or harder. A mean with a
    published part is published.
    """
    models = [row for row in content.rows if not row.control] or list(content.rows)
    shown = [name for name in content.chosen if name != OVERALL and not is_task(name)]
    count = {name: sum(name in row.results for row in models) for name in shown}
    names = [name for name in shown if count[name] == max(count.values())]
    # somebody may have imported a benchmark of this name
    if len(names) < 2 or MEAN in content.benchmarks:
        return None
    found = {row.model: mean for row in content.rows if (mean := _mean(row, names))}
    ranked = [found[row.model] for row in models if row.model in found]
    ranks = {one.model: rank for one, rank in zip(ranked, ranking(ranked), strict=True)}
    units = list(dict.fromkeys(unit for name in names if (unit := content.about[name].unit)))
    sentence = f"Mean of {', '.join(names)}, which most models share; who lacks one has none."
    if len(units) > 1:
        sentence += f" It mixes units: {', '.join(units)}."
    return Group("Brain", sentence, [Column(MEAN, MEAN, True, found, ranks)])


def _mean(row: Row, names: Iterable[str]) -> Result | None:
    found = [row.results[name] for name in names if name in row.results]
    if len(found) < len(list(names)):
        return None
    normalised = [one.normalised for one in found]
    whole = [one for one in normalised if one is not None]
    reading = max(float(one.provenance.get("reading_error") or 0.0) for one in found)
    mean = float(np.mean([one.value for one in found]))
    known = {
        "normalised": float(np.mean(whole)) if len(whole) == len(found) else None,
        # as unsure as the coarsest of them
        "provenance": {"reading_error": reading} if reading else {},
    }
    # the version of the row is known from a measured part, if there is one
    source = next((one for one in found if not one.published), found[0])
    published = any(one.published for one in found)
    return replace(source.derived(MEAN, mean, **known), published=published)


def board_data(content: Content, groups: list[Group], note: str) -> dict[str, Any]:
    """Return all that the script needs; scores stand in the order of columns."""
    columns = [(place, one) for place, group in enumerate(groups) for one in group.columns]
    citations: dict[str, int] = {}
    rows = [_row(content, row, [one for _, one in columns], citations) for row in content.rows]
    return {
        "title": content.title,
        "note": note,
        "start": start_column(groups).id,
        "groups": [{"title": one.title, "sentence": one.sentence} for one in groups],
        "columns": [
            {
                "id": one.id,
                "label": one.label,
                "group": place,
                "chosen": one.chosen,
                "cited": _cited(content.about[one.id].citations, citations)
                if one.id in content.about
                else [],
            }
            for place, one in columns
        ],
        "families": {
            name: {"colour": look.colour, "marker": look.marker}
            for name, look in content.looks.items()
        },
        "rows": rows,
        "citations": list(citations),
    }


def start_column(groups: list[Group]) -> Column:
    """Return the column that the table is sorted by at first: the mean, or what most share."""
    shown = [one for group in groups for one in group.columns if one.chosen]
    if shown[0].id == MEAN:
        return shown[0]
    return max(shown, key=lambda one: (one.id != OVERALL, len(one.ranks)))


def _cited(texts: Iterable[str], citations: dict[str, int]) -> list[int]:
    """Return the places of citations in the list of all, each there once."""
    return [citations.setdefault(text, len(citations)) for text in texts if text]


def _row(
    content: Content, row: Row, columns: list[Column], citations: dict[str, int]
) -> dict[str, Any]:
    card = content.model_cards.get(row.model)
    return {
        "model": row.model,
        "label": row.label,
        "family": row.family,
        "control": row.control,
        "href": quote(content.models[row.model]),
        "parameters": card.parameters if card else None,
        "data": card.training_data if card else "",
        "licence": card.licence if card else "",
        "learning": content.learning.get(row.model, ""),
        "cited": _cited([card.citation] if card else [], citations),
        "scores": [_cell(row, column) for column in columns],
    }


def _cell(row: Row, column: Column) -> list[list[Any]] | None:
    """Return the numbers that count, and behind them published ones of the same benchmark."""
    found = [column.results.get(row.model), row.published.get(column.id)]
    known = [one for one in found if one is not None]
    ranks = [column.ranks.get(row.model), None]
    return [_numbers(one, rank) for one, rank in zip(known, ranks, strict=False)] or None


def _numbers(result: Result, rank: Rank | None) -> list[Any]:
    low, high = result.interval or (None, None)
    if result.interval is None and result.error is not None:
        low, high = result.value - result.error, result.value + result.error
    reading = result.provenance.get("reading_error") if result.published else None
    known = [result.value, low, high, result.error, result.normalised, result.ceiling, reading]
    rounded = [None if one is None else round(float(one), _DIGITS) for one in known]
    place = [None, None, None, ""] if rank is None else _place(rank)
    return [*rounded, int(result.published), digits_of(result), *place, _reachable(result)]


def _reachable(result: Result) -> float | None:
    """Return what a score is divided by to be normalised, so that its interval is, too."""
    if result.ceiling is None or result.normalised is None:
        return None
    # of parts of a score no share is told, so the score itself says it unless it is 0
    if result.normalised:
        return result.value / result.normalised
    return result.ceiling * float(result.provenance.get(REACHABLE, 1.0))


def _place(rank: Rank) -> list[Any]:
    return [rank.place, rank.low, rank.high, "" if rank.group is None else letters(rank.group)]


def letters(group: int) -> str:
    """Return what a group of models is called: A to Z, then AA, AB and so on.

    Examples
    --------
    >>> [letters(group) for group in (1, 26, 27, 53, 703)]
    ['A', 'Z', 'AA', 'BA', 'AAA']
    """
    rest, place = divmod(group - 1, len(_LETTERS))
    return (letters(rest) if rest else "") + _LETTERS[place]
