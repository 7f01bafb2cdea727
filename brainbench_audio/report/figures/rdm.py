"""Which sounds are alike to a model, and to a brain: figure 3 of the paper.

Representational dissimilarity matrices, one minus Pearson's correlation of two sounds over features
or voxels, sounds ordered by category. Read from stored activations and from a data set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import squareform

from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.activations.store import Plan, StoredActivations, stored_sets
from brainbench_audio.assemblies.assembly import align, mean_over_sessions, validate
from brainbench_audio.errors import DataError
from brainbench_audio.report.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brainbench_audio.interfaces import Dataset
    from brainbench_audio.report.results import Result
    from brainbench_audio.scores.score import Score

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

    @classmethod
    def of(cls, dataset: Dataset) -> Sounds:
        """Take the categories of the stimuli, else those of the responses."""
        names, categories = dataset.stimuli.names, dataset.stimuli.categories
        if not categories and "category" in dataset.assembly.coords:
            given = align(dataset.assembly, names)["category"]
            categories = tuple(str(name) for name in given.values)
        return cls(names, categories or ("",) * len(names))

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


def brain_rdm(name: str, dataset: Dataset) -> Rdm:
    """Return the mean over subjects of the RDMs of their responses, sessions averaged.

    Raises
    ------
    DataError
        No subject has two targets that vary.
    """
    sounds = Sounds.of(dataset)
    assembly = mean_over_sessions(align(validate(dataset.assembly), sounds.names))
    one = str(assembly.dims[1])
    known = "subject" in assembly.coords and assembly["subject"].dims == (one,)
    subject = assembly["subject"].values.astype(str) if known else np.full(assembly.shape[1], "")
    found = []
    for each in dict.fromkeys(subject.tolist()):
        try:
            found.append(distances(assembly.values[:, subject == each]))
        except DataError:
            continue  # a subject with one voxel has no RDM, the others do
    if not found:
        raise DataError(f"{name}: no subject has two {one}s that vary over the sounds.")
    many = f", mean of {len(found)} subjects" if len(found) > 1 else ""
    return sounds.ordered(f"{name}{many}", np.mean(found, axis=0))


def model_rdm(
    results: Iterable[Result], model: str, benchmark: str, layer: str | None, sounds: Sounds
) -> Rdm:
    """Return the RDM of a layer, from what is stored of a score.

    Parameters
    ----------
    results : iterable of Result
    model, benchmark : str
        A pair that was scored.
    layer : str or None
        The best one by default.
    sounds : Sounds
        Of the benchmark.

    Raises
    ------
    DataError
        The pair was not scored, the layer is none of its, or its activations are gone.
    """
    from brainbench_audio.report.results import read_score

    score = read_score(results, model, benchmark)
    chosen = layer or str(score.layer)
    again = f"brainbench score --model {model} --benchmark {benchmark} --recompute"
    stored = _stored_activations(score)
    if stored is not None and not stored.missing():
        if chosen not in stored:
            raise DataError(f"{model} has no stored layer {chosen!r}, only {', '.join(stored)}.")
        rows = {name: row for row, name in enumerate(stored.plan.stimuli)}
        values = distances(stored[chosen][[rows[name] for name in sounds.names]])
    elif layer is None and "rdm" in score.raw:
        values = squareform(score.raw["rdm"].values.astype(np.float64), checks=False)
    else:
        raise DataError(
            f"The activations of {model} to the sounds of {benchmark} are not stored any more. "
            f"This makes them: {again}"
        )
    if len(values) != len(sounds.names):
        raise DataError(f"The stored score is of other sounds than {benchmark} has now: {again}")
    return sounds.ordered(f"{model}, {chosen}", values)


def plot(matrices: Sequence[Rdm]) -> Figure:
    """Return the figure, a panel a matrix, two a row."""
    columns = min(len(matrices), 2)
    rows = -(-len(matrices) // columns)
    figure = style.new_figure((_SIDE + 22) * columns, _SIDE * rows, layout="compressed")
    every = figure.subplots(rows, columns, squeeze=False)
    for place, axes in enumerate(every.ravel()):
        if place >= len(matrices):
            axes.set_visible(False)
            continue
        matrix = matrices[place]
        shown = matrix.values.copy()
        np.fill_diagonal(shown, np.nan)  # nothing was measured there
        image = axes.imshow(shown, cmap=style.SHADES, interpolation="nearest")
        _mark_categories(axes, matrix.categories, named=place % columns == 0)
        axes.set_title(matrix.name)
        figure.colorbar(image, ax=axes, label="1 − r", shrink=0.8)
    return figure


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


def spread(places: npt.ArrayLike, gap: float, end: float) -> Array:
    """Return rising places moved as little as need be to stand ``gap`` apart and before ``end``.

    Examples
    --------
    >>> spread([0.0, 1.0, 10.0], 4.0, 12.0).tolist()
    [0.0, 4.0, 10.0]
    >>> spread([0.0, 9.0, 10.0], 4.0, 10.0).tolist()
    [0.0, 6.0, 10.0]
    """
    found = np.array(places, dtype=np.float64)
    for place in range(1, len(found)):
        found[place] = max(found[place], found[place - 1] + gap)
    found[-1] = min(found[-1], end)
    for place in range(len(found) - 2, -1, -1):
        found[place] = min(found[place], found[place + 1] - gap)
    return found


def _stored_activations(score: Score) -> StoredActivations | None:
    """Return the activations that a score was made from, if they are there."""
    key = score.provenance.get("activations", {}).get("key")
    for entry in stored_sets(activations_folder()):
        if Path(entry["folder"]).name == key and "fields" in entry:
            plan = Plan(
                entry["fields"], tuple(entry["stimuli"]), tuple(entry["layers"]), entry["chunk"]
            )
            return StoredActivations.open(activations_folder(), plan)
    return None
