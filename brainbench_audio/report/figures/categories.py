"""Which categories of sounds models predict: a row a category, a point and interval a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbench_audio.report.category_errors import ALL, CategoryError
from brainbench_audio.report.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FRAME, _ROW, _MODEL = 24.0, 4.0, 1.6
# of the space between rows: between two models, and for all at most
_STEP, _SPREAD = 0.25, 0.7
_LOWEST = -0.5


def plot(models: Mapping[str, Sequence[CategoryError]], benchmark: str) -> Figure:
    """Return the figure; categories in the order of their mean over models, all sounds last.

    Parameters
    ----------
    models : mapping of str to sequence of CategoryError
        By name, see `category_errors`.
    benchmark : str
    """
    values: dict[str, list[float]] = {}
    for errors in models.values():
        for one in errors:
            values.setdefault(one.category, []).append(one.explained)
    names = sorted(values, key=lambda name: (name == ALL, -float(np.mean(values[name]))))
    height = _FRAME + len(names) * (_ROW + _MODEL * (len(models) - 1))
    figure = style.new_figure(style.COLUMN, height)
    axes = figure.subplots()
    spread = min(_STEP * (len(models) - 1), _SPREAD)
    shifts = np.linspace(-spread / 2, spread / 2, len(models))
    for number, (shift, (model, errors)) in enumerate(zip(shifts, models.items(), strict=True)):
        places = [names.index(one.category) + shift for one in errors]
        _draw(axes, errors, places, model, number)
    axes.axvline(0, label="_guide", color=style.FAINT, linewidth=0.8, zorder=0)
    sounds = {one.category: one.sounds for errors in models.values() for one in errors}
    axes.set_yticks(range(len(names)), [f"{name} ({sounds[name]})" for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_title(benchmark)
    left, right = axes.get_xlim()
    # intervals of a few sounds would make everything else small
    axes.set_xlim(max(left, _LOWEST), min(right, 1.0))
    if any(_is_below(one) for errors in models.values() for one in errors):
        note = f"arrows: below {_LOWEST}, see the numbers".replace("-", "−")
        axes.text(0.5, 1.0, note, transform=axes.transAxes, ha="center", va="bottom")
        axes.set_title(benchmark, pad=12)
    axes.set_xlabel("share of variance explained")
    style.legend(figure, style.entries_of([axes]), loc="outside lower center", ncols=2)
    return figure


def _draw(
    axes: Any, errors: Sequence[CategoryError], places: Sequence[float], model: str, number: int
) -> None:
    look = {**style.series(number), "label": style.shown(model)}
    pairs = list(zip(errors, places, strict=True))
    inside = [(one.explained, y) for one, y in pairs if not _is_below(one)]
    axes.plot(*np.reshape(inside, (-1, 2)).T, linestyle="none", **look)
    below = [y for one, y in pairs if _is_below(one)]
    # at the edge, and whole: a point that is not seen would be taken for none
    arrows = {"marker": "<", "linestyle": "none", "color": look["color"], "clip_on": False}
    axes.plot([_LOWEST] * len(below), below, label="_guide", **arrows)
    known = [(one.interval, y) for one, y in pairs if one.interval]
    if known:
        low, high = zip(*(interval for interval, _ in known), strict=True)
        axes.hlines([y for _, y in known], low, high, color=look["color"], linewidth=0.8)


def _is_below(one: CategoryError) -> bool:
    """Return whether a point would stand left of the axes."""
    return one.explained < _LOWEST
