"""Which sounds are alike to a model, and to a brain: figure 3 of the paper.

Representational dissimilarity matrices, one minus Pearson's correlation of two sounds over features
or voxels, sounds ordered by category.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import align, by_subject, mean_over_sessions, validate
from brainbench_audio.errors import DataError
from brainbench_audio.report.figures import style
from brainbench_audio.report.figures.labels import spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIDE = 68.0  # mm a matrix
# The order of categories that have these names, related ones side by side; others follow.
_ORDER = (
    *("EngSpeech", "ForSpeech", "Song", "Music", "HumVoc", "HumNonVoc"),
    *("AniVoc", "AniNonVoc", "Nature", "EnvSound", "Mechanical"),
)
_LINE = 0.045  # of a matrix: height of a line of text
_TINY = 1e-10
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rdm:
    """One matrix with its labels.

    Attributes
    ----------
    name : str
        For the title.
    stimuli, categories : tuple of str
        One a row, sorted by category; categories may be all empty.
    values : float64 array (stimulus, stimulus)
    """

    name: str
    stimuli: tuple[str, ...]
    categories: tuple[str, ...]
    values: Array

    def numbers(self) -> dict[str, Any]:
        """Return what is drawn, for JSON."""
        return {
            "name": self.name,
            "stimuli": list(self.stimuli),
            "categories": list(self.categories),
            "values": self.values.round(6).tolist(),
        }


def distances(responses: npt.ArrayLike) -> Array:
    """Return one minus the correlation of each pair of stimuli, of z-scored features.

    Features with a NaN or without variance are left out.

    Parameters
    ----------
    responses : float array (stimulus, feature)

    Returns
    -------
    float64 array (stimulus, stimulus)

    Raises
    ------
    DataError
        Fewer than two features are left.

    Examples
    --------
    >>> distances([[1.0, 2.0, 0.0], [2.0, 1.0, 3.0], [0.0, 0.0, 9.0]]).shape
    (3, 3)
    """
    values = np.asarray(responses, dtype=np.float64)
    centred = values - values.mean(axis=0)
    deviation = centred.std(axis=0)
    usable = deviation > _TINY * np.abs(values).max(axis=0)  # False for NaN
    if usable.sum() < 2:
        raise DataError("An RDM needs two features or more that vary over the sounds.")
    return np.asarray(1.0 - np.corrcoef(centred[:, usable] / deviation[usable]))


@dataclass(frozen=True)
class Sounds:
    """The sounds of a data set with their categories, "" where there are none."""

    names: tuple[str, ...]
    categories: tuple[str, ...]

    def ordered(self, name: str, values: Array) -> Rdm:
        """Return an RDM of these sounds with its rows sorted by category.

        Categories whose names are not known come last, in the order in which the data set has
        them, as do sounds of one category.
        """
        places = [*_ORDER, *dict.fromkeys(self.categories)]
        order = sorted(range(len(self.names)), key=lambda row: places.index(self.categories[row]))
        return Rdm(
            name,
            tuple(self.names[row] for row in order),
            tuple(self.categories[row] for row in order),
            values[np.ix_(order, order)],
        )


def brain_rdm(name: str, responses: xr.DataArray, sounds: Sounds) -> Rdm:
    """Return the mean over subjects of the RDMs of their responses, sessions averaged.

    Parameters
    ----------
    name : str
        Of the data set.
    responses : xr.DataArray (stimulus, target) or (stimulus, target, session)
        In any order of stimuli.
    sounds : Sounds

    Raises
    ------
    DataError
        No subject has two targets that vary.
    """
    assembly = mean_over_sessions(align(validate(responses), sounds.names))
    groups = by_subject(assembly) or {"": np.arange(assembly.shape[1])}
    found = []
    for places in groups.values():
        try:
            found.append(distances(assembly.values[:, places]))
        except DataError:
            continue  # a subject with one voxel has no RDM, the others do
    if not found:
        raise DataError(
            f"{name}: no subject has two {assembly.dims[1]}s that vary over the sounds."
        )
    many = f", mean of {len(found)} subjects" if len(found) > 1 else ""
    return sounds.ordered(f"{name}{many}", np.mean(found, axis=0))


def plot(matrices: Sequence[Rdm]) -> Figure:
    """Return the figure, a panel a matrix, two a row, all on one scale, light where alike."""
    columns = min(len(matrices), 2)
    rows = -(-len(matrices) // columns)
    figure = style.new_figure((_SIDE + 22) * columns, _SIDE * rows, layout="compressed")
    every = figure.subplots(rows, columns, squeeze=False)
    shown = [_without_diagonal(matrix.values) for matrix in matrices]
    low, high = (float(f([f(one) for one in shown])) for f in (np.nanmin, np.nanmax))
    for place, axes in enumerate(every.ravel()):
        if place >= len(matrices):
            axes.set_visible(False)
            continue
        matrix = matrices[place]
        axes.imshow(
            shown[place], cmap=style.DISTANCES, vmin=low, vmax=high, interpolation="nearest"
        )
        _mark_categories(axes, matrix.categories, named=place % columns == 0)
        axes.set_title(matrix.name)
    figure.colorbar(every[0, 0].images[0], ax=list(every.ravel()), label="1 − r", shrink=0.8 / rows)
    return figure


def _without_diagonal(values: Array) -> Array:
    """Return a matrix that is empty where nothing was measured."""
    shown = values.copy()
    np.fill_diagonal(shown, np.nan)
    return shown


def _mark_categories(axes: Any, categories: Sequence[str], *, named: bool) -> None:
    """Separate categories by lines, and name them on the left."""
    axes.set_xticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    names = list(dict.fromkeys(categories))
    edges = np.cumsum([0, *(categories.count(name) for name in names)]) - 0.5
    for edge in edges[1:-1]:
        axes.axhline(edge, color="white", linewidth=0.4)
        axes.axvline(edge, color="white", linewidth=0.4)
    if not named or names == [""]:
        axes.set_yticks([])
        return
    middles = (edges[:-1] + edges[1:]) / 2
    total = len(categories)
    # small categories stand closer together than lines of text can
    axes.set_yticks(spread(middles, _LINE * total, total - 0.5), names)
    axes.set_ylim(total - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
