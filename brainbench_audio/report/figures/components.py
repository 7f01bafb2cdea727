"""Models on the six components of human auditory cortex: figure 5 of the paper.

One row a model, the best on average on top; one column a component, the spectrotemporal filters as
a gray line in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbench_audio.errors import DataError
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.report.families import BASELINE, family_of
from brainbench_audio.report.figures import compared, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brainbench_audio.report.results import Result

COMPONENTS = ("lf", "hf", "broadband", "pitch", "speech", "music")
NAMES = {"lf": "LF", "hf": "HF"}


@dataclass(frozen=True)
class Row:
    """One model: what is known of it, and its value and error on each component (or None)."""

    result: Result
    values: dict[str, float]
    errors: dict[str, float | None]

    @property
    def mean(self) -> float:
        """Mean over the components there are."""
        return float(np.mean(list(self.values.values())))


def rows_of(results: Iterable[Result], benchmark: str = "NH2015comp-ridge") -> list[Row]:
    """Return a row for each model, those with all components first, the best mean on top.

    A score of the whole data set gives all components at once; a score of one component goes before
    it. A published baseline is left out beside a measured one.

    Raises
    ------
    DataError
        No model has a score of a component, or the benchmark has other parts.
    """
    parsed = BenchmarkId.parse(benchmark)
    whole = str(parsed)
    subsets = {str(parsed.of(component)): component for component in COMPONENTS}
    every = list(results)
    found: dict[tuple[str, bool], Row] = {}
    # whole data sets first, so that single components overwrite them
    for result in sorted(every, key=lambda result: result.benchmark != whole):
        component = subsets.get(result.benchmark)
        if component is None and result.benchmark != whole:
            continue
        one = found.setdefault((result.model, result.published), Row(result, {}, {}))
        if component is None:
            values = {name: result.parts[name] for name in COMPONENTS if name in result.parts}
            one.values.update(values)
            one.errors.update({name: result.part_errors.get(name) for name in values})
        else:
            one.values[component] = result.value
            one.errors[component] = result.error
    measured = (BASELINE, False) in found
    rows = [
        one
        for (model, published), one in found.items()
        if one.values and not (model == BASELINE and published and measured)
    ]
    if not rows and any(one.benchmark == whole for one in every):
        raise DataError(
            f"{whole} has no components {', '.join(COMPONENTS)}: name a benchmark that has, such "
            f"as --benchmark NH2015comp-ridge."
        )
    if not rows:
        raise compared.missing(whole, every)
    complete = len(COMPONENTS)
    return sorted(
        rows,
        key=lambda one: (len(one.values) < complete, -one.mean, one.result.model),
    )


def numbers(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what is drawn, for JSON."""
    return [
        {
            "model": one.result.model,
            "label": one.result.label,
            "family": family_of(one.result),
            "published": one.result.published,
            "mean": one.mean,
            "values": {name: one.values.get(name) for name in COMPONENTS},
            "errors": {name: one.errors.get(name) for name in COMPONENTS},
        }
        for one in rows
    ]


def plot(rows: Sequence[Row], unit: str = "score") -> Figure:
    """Return the figure, a page wide.

    Raises
    ------
    DataError
        There is no row but the baseline's.
    """
    shown = [one for one in rows if one.result.model != BASELINE]
    if not shown:
        raise DataError("Only the baseline has scores of components: score another model too.")
    baseline = next((one for one in rows if one.result.model == BASELINE), None)
    figure = style.new_figure(style.PAGE, style.height_of(max(len(shown), 3)))
    every = figure.subplots(1, len(COMPONENTS), sharex=True, sharey=True)
    for axes, component in zip(every, COMPONENTS, strict=True):
        _draw(axes, shown, component)
        if baseline is not None and component in baseline.values:
            axes.axvline(
                baseline.values[component],
                color=style.FAINT,
                linewidth=1.6,
                zorder=0.5,
                label=style.shown(baseline.result.label),
            )
        axes.set_title(NAMES.get(component, component.capitalize()))
        axes.set_xlabel(unit)
    places = np.arange(len(shown))[::-1]
    every[0].set_yticks(places, [one.result.label for one in shown])
    every[0].set_ylim(-0.7, len(shown) - 0.3)
    low, high = every[0].get_xlim()
    every[0].set_xlim(min(low, 0.0), max(high, 1.0))
    entries = compared.source_entries([one.result for one in shown], bars=False)
    entries += style.entries_of(every[:1])
    if entries:
        style.legend(figure, entries, loc="outside lower center", ncols=3)
    return figure


def _draw(axes: Any, rows: Sequence[Row], component: str) -> None:
    results = [one.result for one in rows]
    beside = compared.mixed(results)
    for place, one in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
        if component not in one.values:
            continue
        look = compared.point_look(compared.look_of(one.result), one.result.published, beside)
        error = one.errors.get(component)
        axes.errorbar(
            one.values[component],
            place,
            xerr=error or None,
            ecolor=style.INK,
            elinewidth=0.7,
            **look,
        )
    axes.grid(axis="y", color=style.BAND, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
