"""Models that differ in one thing, side by side under headings: the right half of figure 2.

A group has a heading and series of models, such as BEATs before and after fine-tuning. Models stand
in the order in which they were made, not by score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brainbench_audio.errors import DataError
from brainbench_audio.report.figures import compared, style
from brainbench_audio.report.published_files import shipped_rows

if TYPE_CHECKING:
    from brainbench_audio.report.results import Result

_GAP = 0.6  # between two series, in bars
_THICKEST = 1.8  # of a bar, in those of the other axes
_INDENT = 0.015  # of a heading, in widths of the axes
_FEWEST = 2  # models of a series


@dataclass(frozen=True)
class Wanted:
    """What a group shows if there are scores: its heading and, for each series, ids of models."""

    heading: str
    series: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Group:
    """What a group shows of one benchmark."""

    heading: str
    series: tuple[tuple[Result, ...], ...]

    def numbers(self) -> dict[str, Any]:
        """Return what is drawn, for JSON."""
        series = [[compared.row(result) for result in one] for one in self.series]
        return {"heading": self.heading, "series": series}


def paper_groups() -> list[Wanted]:
    """Return the groups of the paper: pretraining data, fine-tuning and iterations.

    Examples
    --------
    >>> paper_groups()[1].series[0]
    ('beats-iter3', 'beats-iter3-as2m')
    """
    found: dict[str, dict[str, list[str]]] = {}
    for row in shipped_rows("groups.csv"):
        found.setdefault(row["heading"], {}).setdefault(row["series"], []).append(row["model"])
    return [Wanted(head, tuple(map(tuple, series.values()))) for head, series in found.items()]


def named_groups(
    texts: Iterable[str], chosen: Callable[[Sequence[str]], list[str]]
) -> list[Wanted]:
    """Return groups that are written as ``HEADING=ID,ID``, one series each; equal headings join.

    Parameters
    ----------
    texts : iterable of str
    chosen : function
        Returns the models that ids and globs stand for.

    Raises
    ------
    DataError
        A text is not of this form.
    """
    found: dict[str, list[tuple[str, ...]]] = {}
    for text in texts:
        heading, _, models = text.partition("=")
        names = [name for name in models.split(",") if name]
        if not heading or not names:
            raise DataError(
                f"{text!r} is no group: write a heading and models, as Fine-tuning=ID,ID."
            )
        found.setdefault(heading, []).append(tuple(chosen(names)))
    return [Wanted(heading, tuple(series)) for heading, series in found.items()]


def groups_of(
    results: Iterable[Result], benchmark: str, wanted: Sequence[Wanted]
) -> tuple[tuple[Group, ...], list[str]]:
    """Return what there is to draw of some groups, and the models that have no score.

    A series of which fewer than two models have a score is left out: it compares nothing.

    Raises
    ------
    DataError
        Nothing is left.
    """
    from brainbench_audio.report.results import preferred

    known = {one.model: one for one in preferred(results) if one.benchmark == benchmark}
    missing: dict[str, None] = {}
    groups = []
    for group in wanted:
        missing |= dict.fromkeys(name for one in group.series for name in one if name not in known)
        there = (tuple(known[name] for name in one if name in known) for one in group.series)
        series = tuple(one for one in there if len(one) >= _FEWEST)
        groups += [Group(group.heading, series)] if series else []
    if not groups:
        raise DataError(
            f"No two models of a series have a score of {benchmark}: {', '.join(missing)} have "
            f"none. Score them, or draw published scores as well (`--published add`)."
        )
    return tuple(groups), list(missing)


def height(groups: Sequence[Group]) -> float:
    """Return how high groups are, in bars."""
    return -_places(groups)[1][-1] - 0.5 if groups else 0.0


def draw(axes: Any, groups: Sequence[Group], beside: bool, room: float) -> None:
    """Draw groups below each other, where there is room for so many bars of other axes."""
    headings, places = _places(groups)
    results = [result for group in groups for one in group.series for result in one]
    compared.draw_bars(axes, results, places[:-1], beside)
    axes.set_ylim(min(places[-1], 0.5 - room / _THICKEST), 0.5)
    across = axes.get_yaxis_transform()
    for number, (place, group) in enumerate(zip(headings, groups, strict=True)):
        axes.text(_INDENT, place, group.heading, transform=across, va="center", fontsize="large")
        if number:
            axes.axhline(place + 0.5 + _GAP / 2, color=style.FAINT, linewidth=0.6)


def _places(groups: Sequence[Group]) -> tuple[list[float], list[float]]:
    """Return where headings stand, and where bars stand, with the lower end behind them."""
    headings, places, place = [], [], 0.0
    for group in groups:
        headings.append(place)
        for number, series in enumerate(group.series):
            place -= _GAP if number else 0.0
            for _ in series:
                place -= 1.0
                places.append(place)
        place -= 1.0 + _GAP
    return headings, [*places, place + 0.5 + _GAP]
