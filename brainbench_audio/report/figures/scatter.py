"""How alignment goes with downstream performance over models: figures 8 and 9 of the paper.

One point a model, families by colour and marker, a least-squares line, and Pearson's r and p.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbench_audio.errors import DataError
from brainbench_audio.report.figures import compared, labels, style
from brainbench_audio.scores.correlation import FEWEST, Correlation, pearson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brainbench_audio.report.results import Result

OVERALL = "overall"
_HEIGHT = 84.0
_FEW = 12  # points whose names find a place in half a page


@dataclass(frozen=True)
class Point:
    """One model: its result on the benchmark, and where it stands on the other axis.

    ``x_published``: whether that is not measured; a point with one published score is published.
    """

    result: Result
    x: float
    x_error: float | None
    x_published: bool = False

    @property
    def shown(self) -> Result:
        """The result, published if either score is."""
        return replace(self.result, published=self.result.published or self.x_published)


@dataclass(frozen=True)
class Panel:
    """What one half of the figure shows.

    Attributes
    ----------
    benchmark, against : str
        Of the y axis and of the x axis.
    unit, against_unit : str
    points : tuple of Point
        By id of the model.
    fit : Correlation or None
        None for fewer than three models.
    """

    benchmark: str
    against: str
    unit: str
    against_unit: str
    points: tuple[Point, ...]
    fit: Correlation | None

    @classmethod
    def of(
        cls,
        results: Iterable[Result],
        benchmark: str,
        against: str = OVERALL,
        *,
        unit: str = "score",
        against_unit: str = "score",
    ) -> Panel:
        """Take the models that have both.

        Parameters
        ----------
        results : iterable of Result
            Of a pair that was measured and published, the measured one counts.
        benchmark, against : str
            Ids; ``overall`` is the mean z-score over listening tasks, see `overall.overall`.

        Raises
        ------
        DataError
            No model has both.
        """
        from brainbench_audio.report.overall import overall
        from brainbench_audio.report.results import preferred

        chosen = preferred(results)
        of_y = compared.sorted_results(chosen, benchmark)
        if against == OVERALL:
            means = overall(chosen)
            others: dict[str, tuple[float, float | None, bool]] = {
                model: (value, None, means.published) for model, value in means.values.items()
            }
            against_unit = "mean z-score"
        else:
            on_x = compared.sorted_results(chosen, against)
            others = {one.model: (one.value, one.error, one.published) for one in on_x}
        points = tuple(
            Point(result, *others[result.model])
            for result in sorted(of_y, key=lambda result: result.model)
            if result.model in others
        )
        if not points:
            raise DataError(
                f"No model has scores of both {benchmark} and {against}. Score one on both: "
                f"brainbench score --model ID --benchmark {benchmark} "
                f"--benchmark {'HEAR.*-probe' if against == OVERALL else against}. `--published "
                f"add` draws published scores as well."
            )
        return cls(benchmark, against, unit, against_unit, points, _fit(points))

    def numbers(self) -> dict[str, Any]:
        """Return what is drawn, for JSON."""
        fit = self.fit
        return {
            "benchmark": self.benchmark,
            "with": self.against,
            "r": None if fit is None else fit.r,
            "p": None if fit is None else fit.p,
            "interval": None if fit is None else fit.interval,
            "n": len(self.points),
            "line": _line_of(self),
            "points": [
                compared.row(point.result)
                | {
                    "with": point.x,
                    "with_error": point.x_error,
                    "with_published": point.x_published,
                }
                for point in self.points
            ],
        }


def plot(panels: Sequence[Panel]) -> Figure:
    """Return the figure: panels half a page wide, or a page wide where many names have to fit."""
    crowded = max(len(panel.points) for panel in panels) > _FEW
    columns = 1 if crowded else min(len(panels), 2)
    rows = -(-len(panels) // columns)
    figure = style.new_figure(style.PAGE, 22 + _HEIGHT * rows)
    shown = [point.shown for panel in panels for point in panel.points]
    beside = compared.mixed(shown)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(every, panels, strict=False):
        _draw(axes, panel, beside)
    for axes in every[len(panels) :]:
        axes.set_visible(False)
    entries = compared.family_entries(shown) + compared.source_entries(shown, bars=False)
    style.legend(figure, entries, loc="outside lower center", ncols=5)
    # labels are placed where nothing else is, so all else has to be in place
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # which names would move the axes under themselves
    for axes, panel in zip(every, panels, strict=False):
        names = [point.result.label for point in panel.points]
        if crowded:
            place = axes.get_position()
            room = labels.column_width(axes, names) / figure.bbox.width
            axes.set_position((place.x0, place.y0, place.width - room, place.height))
        written = labels.place(
            axes,
            [(point.x, point.result.value) for point in panel.points],
            names,
            _lines_of(panel),
            column=crowded,
        )
        if lost := len(names) - len(written):
            told = f"{axes.get_title(loc='left')}; {lost} name{'s' if lost > 1 else ''} left out"
            axes.set_title(told, loc="left", fontsize=7)
    return figure


def p_in_words(p: float) -> str:
    """Return p for people.

    Examples
    --------
    >>> p_in_words(0.0314), p_in_words(3.2e-9)
    ('p = 0.031', 'p < 0.001')
    """
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def _draw(axes: Any, panel: Panel, beside: bool) -> None:
    for point in panel.points:
        result = point.result
        look = compared.point_look(compared.look_of(result), point.shown.published, beside)
        axes.errorbar(
            point.x,
            result.value,
            xerr=point.x_error or None,
            yerr=result.error or None,
            ecolor=style.FAINT,
            elinewidth=0.6,
            markersize=4.5,
            **look,
        )
    if panel.fit is not None:
        x, y = zip(*_line_of(panel), strict=True)
        axes.plot(x, y, "--", color=style.INK, linewidth=0.9, zorder=1)
        told = f"r = {panel.fit.r:.2f}, {p_in_words(panel.fit.p)}, n = {panel.fit.n}"
    else:
        told = f"n = {len(panel.points)}"
    axes.set_title(told, loc="left", fontsize=7)
    name = "downstream, overall" if panel.against == OVERALL else panel.against
    axes.set_xlabel(f"{name} ({panel.against_unit})")
    axes.set_ylabel(f"{panel.benchmark} ({panel.unit})")
    axes.margins(0.08)


def _line_of(panel: Panel) -> list[tuple[float, float]]:
    """Return the ends of the line of least squares; none where there is no correlation either."""
    if panel.fit is None:
        return []
    x = [point.x for point in panel.points]
    slope, start = np.polyfit(x, [point.result.value for point in panel.points], 1).tolist()
    return [(end, slope * end + start) for end in (min(x), max(x))]


def _lines_of(panel: Panel) -> list[list[tuple[float, float]]]:
    """Return the ends of all lines: that of the fit, and error bars."""
    found = [_line_of(panel)] if panel.fit is not None else []
    for point in panel.points:
        x, y, dx, dy = point.x, point.result.value, point.x_error, point.result.error
        found += [[(x - dx, y), (x + dx, y)]] if dx else []
        found += [[(x, y - dy), (x, y + dy)]] if dy else []
    return found


def _fit(points: Sequence[Point]) -> Correlation | None:
    if len(points) < FEWEST:
        return None
    x, y = [point.x for point in points], [point.result.value for point in points]
    return pearson(x, y) if np.ptp(x) > 0 and np.ptp(y) > 0 else None
