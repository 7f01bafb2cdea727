"""Results of several models: chosen, sorted, and drawn so that families and sources are seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbench_audio.errors import DataError, UnknownId
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.report import families
from brainbench_audio.report.families import BASELINE, FAMILIES, OTHER, Look, family_of
from brainbench_audio.report.figures import style
from brainbench_audio.report.precision import reading_error
from brainbench_audio.scores.profiles import read_raw

if TYPE_CHECKING:
    from brainbench_audio.report.results import Result

_HATCH = "/////"
_SHOWN = 6


def sorted_results(results: Iterable[Result], benchmark: str) -> list[Result]:
    """Return the results of a benchmark, the highest first; of equals by id.

    Raises
    ------
    DataError
        There are none.
    """
    every = list(results)
    chosen = [result for result in every if result.benchmark == benchmark]
    if not chosen:
        raise missing(benchmark, every)
    return sorted(chosen, key=lambda result: (-result.value, result.model, result.published))


def missing(benchmark: str, results: Iterable[Result]) -> DataError:
    """Return the error that says how to make results of a benchmark."""
    known = sorted({result.benchmark for result in results})
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    there = f" There are results of {', '.join(known[:_SHOWN])}{more}." if known else ""
    return DataError(
        f"There is no result of {benchmark}.{there} This makes one: brainbench score --model "
        f"{BASELINE} --benchmark {benchmark}. `--published add` draws published scores as well."
    )


def baseline_of(results: Iterable[Result]) -> Result | None:
    """Return the result of the spectrotemporal filters, one's own before the published one."""
    found = [result for result in results if result.model == BASELINE]
    return min(found, key=lambda result: result.published, default=None)


def ceiling_of(benchmark: str, results: Iterable[Result]) -> tuple[float | None, float | None]:
    """Return the ceiling of a benchmark and its standard error over subjects, where it has one.

    Of measured results that do not agree, the median. Where none of them has a ceiling, that is the
    topline published for the benchmark, if any.
    """
    from brainbench_audio.report.published_files import topline_errors, toplines

    every = list(results)
    measured = [
        (one.ceiling, one) for one in every if one.ceiling is not None and not one.published
    ]
    if measured:
        middle = float(np.median([ceiling for ceiling, _ in measured]))
        _, closest = min(measured, key=lambda pair: abs(pair[0] - middle))
        return middle, _over_subjects(closest)
    published = toplines().get(benchmark) if any(one.published for one in every) else None
    return published, None if published is None else topline_errors()[benchmark]


def _over_subjects(result: Result) -> float | None:
    """Return the standard error of a stored score's ceiling; None where it is no mean of any."""
    if result.arrays is None:
        return None
    raw = read_raw(result.arrays, "ceiling_lower")
    if "ceiling_lower" not in raw or raw["ceiling_lower"].size < 2:
        return None
    each = raw["ceiling_lower"].values
    return float(each.std(ddof=1) / np.sqrt(each.size))


def unit_of(benchmark: str) -> str:
    """Return the unit of a benchmark's values; "score" where no plugin says it."""
    from brainbench_audio.registry.lookup import find_metric

    try:
        entry, variant = find_metric(BenchmarkId.parse(benchmark).measure)
        return entry.card.unit_of(variant)
    except UnknownId:
        return "score"


def look_of(result: Result) -> Look:
    """Return the look of a model, which is its family's."""
    return families.look_of(family_of(result))


def mixed(results: Iterable[Result]) -> bool:
    """Whether measured and published results stand side by side."""
    return len({result.published for result in results}) == 2


def bar_look(look: Look, published: bool, beside: bool) -> dict[str, Any]:
    """Return how a bar is filled; published ones are light and hatched beside measured ones."""
    if published and beside:
        colour = style.lighter(look.colour, 0.25)
        return {"facecolor": colour, "edgecolor": look.colour, "hatch": _HATCH, "linewidth": 0.5}
    return {"facecolor": look.colour, "edgecolor": style.INK, "linewidth": 0.4}


def draw_bars(axes: Any, results: Sequence[Result], places: Sequence[float], beside: bool) -> None:
    """Draw a bar for each result at its place, with its standard error and its label.

    ``beside``: whether published ones have to be told from measured ones.
    """
    for place, result in zip(places, results, strict=True):
        axes.barh(place, result.value, 0.76, **bar_look(look_of(result), result.published, beside))
    known = [number for number, result in enumerate(results) if result.error]
    if known:
        axes.errorbar(
            [results[number].value for number in known],
            [places[number] for number in known],
            xerr=[results[number].error for number in known],
            fmt="none",
            ecolor=style.INK,
            elinewidth=0.8,
            capsize=1.2,
        )
    axes.set_yticks(places, [result.label for result in results])
    axes.tick_params(axis="y", length=0)


def point_look(look: Look, published: bool, beside: bool) -> dict[str, Any]:
    """Return how a point is drawn; published ones are hollow beside measured ones."""
    hollow = published and beside
    return {
        "marker": look.marker,
        "markerfacecolor": "white" if hollow else look.colour,
        "markeredgecolor": look.colour if hollow else style.INK,
        "markeredgewidth": 1.0 if hollow else 0.4,
        "linestyle": "none",
    }


def family_names(results: Iterable[Result]) -> dict[str, str]:
    """Return families in the order of the table with the name they go by.

    That is what the labels of a family's models have in common, before the words for controls; or
    those of all its models on their cards.
    """
    labels: dict[str, list[str]] = {}
    for result in results:
        labels.setdefault(family_of(result), []).append(result.label.partition(" (")[0])
    table = list(FAMILIES)

    def place(family: str) -> tuple[int, str]:
        return (table.index(family) if family in table else len(table), family)

    names = {family: _common(labels[family]) for family in sorted(labels, key=place)}
    return {family: name or _on_cards(family) or "other" for family, name in names.items()}


def _on_cards(family: str) -> str:
    """Return what the labels of a family's installed models have in common, or its id."""
    from brainbench_audio.cards import ModelCard
    from brainbench_audio.registry.lookup import registered

    cards = (entry.card for entry in registered(ModelCard))
    labels = [card.label for card in cards if card.family == family]
    return (_common(labels) if labels else "") or family


def source_entries(results: Sequence[Result], *, bars: bool) -> list[Any]:
    """Return legend entries that tell measured from published results; none if all are of a kind.

    That all are published is said as well.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    kinds = sorted({result.published for result in results})
    if kinds == [False]:
        return []
    names = {False: "measured", True: "published"}
    beside = len(kinds) == 2
    if bars:
        return [Patch(**bar_look(OTHER, kind, beside), label=names[kind]) for kind in kinds]
    return [Line2D([], [], **point_look(OTHER, kind, beside), label=names[kind]) for kind in kinds]


def family_entries(results: Sequence[Result]) -> list[Any]:
    """Return a legend entry for each family."""
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [], [], **point_look(families.look_of(family), False, False), label=style.shown(name)
        )
        for family, name in family_names(results).items()
    ]


def row(result: Result) -> dict[str, Any]:
    """Return what a figure shows of a result, for JSON."""
    return {
        "model": result.model,
        "label": result.label,
        "family": family_of(result),
        "benchmark": result.benchmark,
        "value": result.value,
        "error": result.error,
        "published": result.published,
        "reading_error": reading_error(result),
    }


def _common(labels: Sequence[str]) -> str:
    """Return the words that all labels start with; a single label as it is."""
    if len(set(labels)) == 1:
        return labels[0]
    words = [re.split(r"[ _-]", label) for label in labels]
    shared = []
    for same in zip(*words, strict=False):
        if len(set(same)) > 1:
            break
        shared.append(same[0])
    return " ".join(shared)
