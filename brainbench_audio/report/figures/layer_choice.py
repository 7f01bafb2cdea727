"""What it costs to choose the layer by cross-validation: figure 12 (left) of the paper.

The best layer on all sounds is chosen with the very numbers that are reported, so its score is a
little too high. One point a model: this score, and that of layers chosen on other sounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbench_audio.errors import DataError
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.report.families import family_of
from brainbench_audio.report.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brainbench_audio.report.results import Result

_HEIGHT = 96.0


@dataclass(frozen=True)
class Choice:
    """What one benchmark shows.

    Attributes
    ----------
    benchmark, plain : str
        With the layer chosen by cross-validation, and the best layer on all sounds.
    unit : str
    points : tuple of (Result, Result)
        Of each model that has both, by id: of the plain benchmark, and of the other.
    """

    benchmark: str
    plain: str
    unit: str
    points: tuple[tuple[Result, Result], ...]

    @classmethod
    def of(cls, results: Iterable[Result], benchmark: str, unit: str = "score") -> Choice:
        """Take the models that have a score with and without the variant of a benchmark.

        Raises
        ------
        DataError
            The benchmark is no variant, or no model has both.
        """
        from brainbench_audio.report.results import preferred

        parsed = BenchmarkId.parse(benchmark)
        if parsed.variant is None:
            raise DataError(
                f"{benchmark} has no variant to compare the plain metric with: name one that "
                f"chooses layers by cross-validation, as {benchmark}-cv."
            )
        plain = str(replace(parsed, variant=None))
        # a published score is of another choice of layers than a measured one
        every = [one for one in results if not one.published]
        best = {one.model: one for one in preferred(every) if one.benchmark == plain}
        chosen = sorted(
            (one for one in preferred(every) if one.benchmark == benchmark),
            key=lambda one: one.model,
        )
        points = tuple((best[one.model], one) for one in chosen if one.model in best)
        if not points:
            raise DataError(
                f"No model has scores of your own of both {plain} and {benchmark}. Score one on "
                f"both: brainbench score --model ID --benchmark {plain} {benchmark}"
            )
        return cls(benchmark, plain, unit, points)

    def numbers(self) -> dict[str, Any]:
        """Return what is drawn, for JSON, and the mean difference."""
        return {
            "benchmark": self.benchmark,
            "with": self.plain,
            "n": len(self.points),
            "difference": float(np.mean([one.value - best.value for best, one in self.points])),
            "points": [
                {
                    "model": one.model,
                    "label": one.label,
                    "family": family_of(one),
                    "value": one.value,
                    "with": best.value,
                }
                for best, one in self.points
            ],
        }


def plot(choices: Sequence[Choice]) -> Figure:
    """Return the figure, a column wide: all benchmarks over each other, and where both agree."""
    figure = style.new_figure(style.COLUMN, _HEIGHT)
    axes = figure.subplots()
    points: list[tuple[float, float]] = []
    for number, choice in enumerate(choices):
        x, y = ([pair[place].value for pair in choice.points] for place in (0, 1))
        axes.plot(
            x,
            y,
            linestyle="none",
            markersize=3.8,
            markeredgecolor="white",
            markeredgewidth=0.3,
            label=style.shown(choice.benchmark),
            **style.series(number),
        )
        points += list(zip(x, y, strict=True))
    ends = (min(map(min, points)), max(map(max, points)))
    axes.plot(ends, ends, "--", color=style.INK, linewidth=0.8, zorder=0, label="both are equal")
    units = {choice.unit for choice in choices}
    unit = f" ({units.pop()})" if len(units) == 1 else ""
    axes.set_xlabel(f"best layer on all sounds{unit}")
    axes.set_ylabel(f"layer chosen by cross-validation{unit}")
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.1)
    style.legend(figure, style.entries_of([axes]), loc="outside lower center", ncols=2)
    return figure
