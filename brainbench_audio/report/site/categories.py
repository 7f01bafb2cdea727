"""Which categories of sounds a model predicts, as a section of its page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from brainbench_audio.markup import Markup, tag
from brainbench_audio.report.category_errors import ALL, CategoryError
from brainbench_audio.report.families import Look
from brainbench_audio.report.site.drawing import Axis, number
from brainbench_audio.report.site.frame import table
from brainbench_audio.report.site.stored import Stored

# intervals of a few sounds would make everything else small
_LOWEST = -0.5
_WORDS = (
    "Explained: 1 less the squared errors of predictions over those of the mean response to all "
    "sounds, over the sounds of a category; below 0 where predictions are worse. Share: what these "
    "sounds add to that of all. Lines: 95 % intervals over other sounds of the category (and "
    "listeners), with the weights that were learned."
)


def categories_section(
    found: Mapping[str, Stored], plain: Collection[str], look: Look
) -> list[Any]:
    """Return the section of a model's page, a table a whole data set; empty without any.

    ``plain`` are the benchmarks of whole data sets.
    """
    known = [(name, one.categories) for name, one in found.items() if name in plain]
    known = [(name, errors) for name, errors in known if errors]
    if not known:
        return []
    tables = [
        tag("details", tag("summary", name), _table(name, errors, look), open=not place)
        for place, (name, errors) in enumerate(known)
    ]
    return [tag("h2", "Category by category"), tag("p", _WORDS, class_="note"), *tables]


def _table(benchmark: str, errors: Sequence[CategoryError], look: Look) -> Markup:
    shown = [one for one in errors if one.category != ALL]
    ends = [end for one in shown for end in one.interval or ()]
    values = [max(one, _LOWEST) for one in (*(each.explained for each in shown), *ends)]
    axis = Axis.around(values)
    cells = [_cells(one, axis, look) for one in errors]
    head = (
        "Category",
        axis.heading("Explained, as a dot"),
        "Explained",
        "95 % interval",
        "Share",
        "Sounds",
    )
    caption = f"Categories of sounds, {benchmark}"
    return table(head, cells, caption, numeric=(2, 3, 4, 5), heard=True)


def _cells(one: CategoryError, axis: Axis, look: Look) -> list[Any]:
    bounds = one.interval and (max(one.interval[0], _LOWEST), max(one.interval[1], _LOWEST))
    drawn = axis.row(
        max(one.explained, _LOWEST), look, f"{one.category}: {one.explained:.3f}", bounds
    )
    told = " to ".join(number(end) for end in one.interval) if one.interval else "–"
    return [one.category, drawn, number(one.explained), told, number(one.share), f"{one.sounds:,}"]
