"""How well each layer of a model does alone, with its spread over subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.report.figures import style
from brainbench_audio.scores import profiles as stored
from brainbench_audio.scores.statistics import standard_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brainbench_audio.scores.score import Score

_MOST_LINES = 8
_HEIGHT = 62.0


def layer_profile(score: Score) -> xr.DataArray:
    """Return the score of each layer alone, see `scores.profiles.layer_profile`.

    Raises
    ------
    DataError
        The score has nothing of single layers.
    """
    return stored.present(stored.layer_profile(score.raw), "layer_score")


def numbers(profiles: Mapping[str, xr.DataArray]) -> list[dict[str, Any]]:
    """Return what is drawn, for JSON: each layer's mean, standard error and parts."""
    rows = []
    for benchmark, profile in profiles.items():
        for layer in profile["layer"].values.tolist():
            values = profile.sel(layer=layer).values
            parts = dict(zip(profile[_part(profile)].values.tolist(), values.tolist(), strict=True))
            mean, error = float(values.mean()), _spread(profile, values)
            one = {"benchmark": benchmark, "layer": layer, "mean": mean, "error": error}
            rows.append(one | {"parts": parts})
    return rows


def plot(profiles: Mapping[str, xr.DataArray], units: Mapping[str, str], title: str) -> Figure:
    """Return the figure: a panel a benchmark, a thin line a subject (or component), a bold mean.

    Parameters
    ----------
    profiles : mapping of str to xr.DataArray (layer, subject or component)
        By benchmark, see `layer_profile`.
    units : mapping of str to str
        Of the values of each benchmark.
    title : str
    """
    count = len(profiles)
    columns = min(count, 2)
    rows = -(-count // columns)
    longest = max(len(name) for profile in profiles.values() for name in _names(profile))
    height = _HEIGHT + 1.1 * min(longest, 40)
    figure = style.new_figure(style.COLUMN * columns, height * rows)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (benchmark, profile) in zip(every, profiles.items(), strict=False):
        _draw(axes, profile)
        axes.set_title(benchmark)
        axes.set_ylabel(units.get(benchmark, "score"))
    for axes in every[count:]:
        axes.set_visible(False)
    if any(profile.shape[1] > 1 for profile in profiles.values()):
        entries = style.entries_of(every[:count])
        style.legend(figure, entries, loc="outside lower center", ncols=2 * columns)
    figure.suptitle(title)
    return figure


def label_layers(axes: Any, names: Sequence[str]) -> None:
    """Name layers along the x axis; of many only as many as there is room for."""
    step = -(-len(names) // 26)
    places = np.arange(0, len(names), step)
    axes.set_xticks(places, [str(name) for name in names[::step]], rotation=90)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_xlabel("layer, from sound to output")


def _draw(axes: Any, profile: xr.DataArray) -> None:
    values = profile.values
    places = np.arange(len(values))
    part, count = _part(profile), values.shape[1]
    if count > 1 and (part == "subject" or count > _MOST_LINES):
        lines = axes.plot(places, values, color=style.FAINT, linewidth=0.5, alpha=0.7)
        lines[0].set_label(style.shown(part))
    elif count > 1:
        for number, name in enumerate(profile[_part(profile)].values.tolist()):
            look = {**style.series(number), "label": style.shown(str(name))}
            axes.plot(places, values[:, number], linewidth=0.8, markersize=2.5, **look)
    mean = values.mean(axis=1)
    errors = [_spread(profile, row) for row in values]
    bars = None if None in errors else errors
    label = "mean ± standard error" if bars else "mean"
    axes.errorbar(
        places, mean, yerr=bars, fmt="-D", color=style.INK, markersize=3, capsize=1.5, label=label
    )
    label_layers(axes, _names(profile))


def _spread(profile: xr.DataArray, values: npt.NDArray[np.float64]) -> float | None:
    """Return the standard error over subjects; components are no sample of anything."""
    return standard_error(values) if _part(profile) == "subject" else None


def _part(profile: xr.DataArray) -> str:
    return str(profile.dims[1])


def _names(profile: xr.DataArray) -> list[str]:
    return [str(name) for name in profile["layer"].values]
