"""Folds: which stimuli are held out together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_json
from brainbench_audio.names import one_form


@dataclass(frozen=True)
class Folds:
    """A fold number for every stimulus.

    Attributes
    ----------
    stimuli : tuple of str
        Stimulus names.
    assignment : tuple of int
        Fold of each stimulus, counted from 0.
    source : str
        Where the assignment comes from, e.g. ``"published"`` or ``"stratified, seed 0"``.
    names : tuple of str
        A name for each fold, in the order of their numbers; empty where folds are all alike.
        ``("train", "valid", "test")`` is a task with one fixed split.

    Examples
    --------
    >>> folds = Folds(("a", "b"), (1, 0), "published")
    >>> np.asarray(folds.aligned(["b", "a"])).tolist()
    [0, 1]
    """

    stimuli: tuple[str, ...]
    assignment: tuple[int, ...]
    source: str
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "stimuli", tuple(one_form(str(name)) for name in self.stimuli))
        object.__setattr__(self, "names", tuple(map(str, self.names)))
        try:
            # numbers of NumPy as Python's, which JSON knows
            numbers = tuple(index(fold) for fold in self.assignment)
        except TypeError as error:
            raise DataError(
                f"Folds are numbered by integers, these by {np.asarray(self.assignment).dtype}: "
                f"give 0, 1, … for each stimulus."
            ) from error
        object.__setattr__(self, "assignment", numbers)
        if len(self.stimuli) != len(self.assignment) or len(set(self.stimuli)) != len(self.stimuli):
            raise DataError(
                f"Folds need one number for each stimulus: {len(set(self.stimuli))} different "
                f"names, {len(self.assignment)} numbers."
            )
        used = set(self.assignment)
        if used != set(range(len(used))) or len(used) < 2:
            raise DataError(f"Folds are numbered 0, 1, … without a gap, these are {sorted(used)}.")
        if self.names and len(self.names) != len(used):
            raise DataError(f"{len(used)} folds have {len(self.names)} names: {self.names}.")

    def __len__(self) -> int:
        return len(self.stimuli)

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        return np.array(self.assignment, dtype=dtype or np.int64)

    def aligned(self, names: Sequence[str]) -> Folds:
        """Return the folds of the stimuli ``names``, in that order.

        Raises
        ------
        DataError
            A name has no fold.
        """
        fold = dict(zip(self.stimuli, self.assignment, strict=True))
        names = [one_form(name) for name in names]
        missing = [name for name in names if name not in fold]
        if missing:
            raise DataError(f"{len(missing)} stimuli have no fold, the first is {missing[0]}.")
        numbers = tuple(fold[name] for name in names)
        return Folds(tuple(names), numbers, self.source, self.names)

    def restricted(self, names: Sequence[str]) -> Folds:
        """Return the folds of some stimuli, numbered anew where a fold has none of them.

        Raises
        ------
        DataError
            A name has no fold, they are in one fold only, or folds have names and one has none.
        """
        some = {*map(one_form, names)}
        fold = dict(zip(self.stimuli, self.assignment, strict=True))
        left = sorted({fold[name] for name in some if name in fold})
        if len(left) < 2:
            raise DataError(
                f"These {len(some)} stimuli are all in one fold, and scores need others to learn "
                f"from: take more stimuli."
            )
        number = {before: after for after, before in enumerate(left)}
        stimuli = tuple(name for name in self.stimuli if name in some)
        kept = tuple(number[fold[name]] for name in stimuli)
        return Folds(stimuli, kept, self.source, self.names).aligned(names)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over stimuli, numbers and names of folds."""
        return hash_json([self.stimuli, self.assignment, self.names])


def fold_labels(folds: Folds | npt.ArrayLike, stimuli: int | None = None) -> npt.NDArray[Any]:
    """Return the fold of each stimulus as an array, (stimulus,), of labels of any one kind.

    Parameters
    ----------
    folds : Folds or array (stimulus,)
        Numbers, texts, whatever can be sorted.
    stimuli : int, optional
        How many there are to be, where that is known.

    Raises
    ------
    DataError
        It is not one-dimensional, of another length, lacks some (None, NaN), or has labels of
        several kinds.

    Examples
    --------
    >>> fold_labels(["b", "a", "b"]).tolist()
    ['b', 'a', 'b']
    """
    # who lists benchmarks needs no xarray
    import xarray as xr

    try:
        labels = np.asarray(folds)
    except ValueError as error:
        raise DataError("Folds must be one label a stimulus, not lists of labels.") from error
    if labels.ndim != 1:
        raise DataError(f"Folds must be one label a stimulus, got shape {labels.shape}.")
    if stimuli is not None and labels.size != stimuli:
        raise DataError(
            f"Folds of {labels.size} stimuli do not fit {stimuli} stimuli: give each one a label, "
            f"in the order of the responses."
        )
    lacking = xr.DataArray(labels).isnull().values
    if lacking.any():
        raise DataError(
            f"{lacking.sum()} of {labels.size} stimuli have no fold, the first is in row "
            f"{int(np.argmax(lacking))}: give each one a fold, or leave it out."
        )
    if labels.dtype.kind == "O":
        try:
            np.unique(labels)
        except TypeError as error:
            kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
            raise DataError(
                f"Folds have labels that cannot be sorted ({kinds}): give numbers."
            ) from error
    return labels


def stratified(
    stimuli: Sequence[str], categories: Sequence[str], number: int = 5, seed: int = 0
) -> Folds:
    """Deal the stimuli out so that every fold has as much of each category as of any other.

    Each category is shuffled and dealt to the folds in turn, going on where the category before it
    stopped, so that the sizes of the folds differ by one at most.

    Parameters
    ----------
    stimuli, categories : sequence of str
        A name and a category for each stimulus.
    number : int
        Folds.
    seed : int
        Decides the shuffling.

    Raises
    ------
    DataError
        Fewer stimuli than folds, or not one category for each stimulus.

    Examples
    --------
    >>> sorted(stratified(["a", "b", "c", "d"], ["x", "x", "y", "y"], number=2).assignment[:2])
    [0, 1]
    """
    if len(stimuli) < number or number < 2:
        raise DataError(f"{len(stimuli)} stimuli cannot be split into {number} folds.")
    if len(categories) != len(stimuli):
        raise DataError(f"{len(stimuli)} stimuli have {len(categories)} categories.")
    generator = np.random.default_rng(seed)
    labels = np.asarray(categories)
    assignment = np.empty(len(stimuli), dtype=np.int64)
    dealt = 0
    for category in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == category))
        assignment[members] = (dealt + np.arange(len(members))) % number
        dealt += len(members)
    return Folds(tuple(stimuli), tuple(assignment.tolist()), f"stratified, seed {seed}")
