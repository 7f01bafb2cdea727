"""Voxels that can be scored, what was presented to each, and what is learned for whom from what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import (
    by_subject,
    real_numbers,
    usable_targets,
    validate,
)
from brainbench_audio.errors import DataError

from .runs import FloatArray, IndexArray, Runs, zscored

# runs are held out in so many groups when a layer and a penalty are chosen
INNER = 5


@dataclass(frozen=True)
class Split:
    """What is learned from, and what is predicted; places in the common order of rows.

    Attributes
    ----------
    train, test : int arrays (row,)
    groups : int array (row of ``train``,)
        Which rows are held out together when a layer and a penalty are chosen.
    """

    train: IndexArray
    test: IndexArray
    groups: IndexArray


@dataclass(frozen=True)
class Problem:
    """Voxels, of one subject or several, that are learned from the same runs.

    Attributes
    ----------
    columns : int array (voxel,)
        Places among the voxels that are kept.
    splits : list of Split
        One; or, where no run is repeated, one for each fold.
    """

    columns: IndexArray
    splits: list[Split]


@dataclass(frozen=True)
class Voxels:
    """The voxels of an assembly that can be scored.

    Attributes
    ----------
    runs : Runs
    labels : xr.DataArray (voxel,)
        Their coordinates; the values say nothing.
    kept, dropped : int arrays
        Places of these and of the others in the assembly.
    absent : tuple of str
        Subjects none of whose voxels is kept.
    """

    runs: Runs
    labels: xr.DataArray
    kept: IndexArray
    dropped: IndexArray
    absent: tuple[str, ...]
    _values: npt.NDArray[np.floating[Any]]
    _present: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, target: xr.DataArray, folds: npt.ArrayLike) -> Voxels:
        """Leave out what cannot be predicted.

        A presentation that is NaN throughout for all voxels of a subject did not take place. A
        voxel is dropped if it has a NaN in one that did, is constant there, has no subject where
        others have one, or if its subject lacks a run that is predicted or has too little to learn
        from.

        Raises
        ------
        DataError
            No voxel is left, or what `Runs.of` finds.
        """
        assembly = validate(target)
        runs = Runs.of(target, folds)
        values, dimension = real_numbers(assembly.values, "Responses"), str(assembly.dims[1])
        every = [rows for some in runs.presentations.values() for rows in some]
        # a sound may leave a voxel where it is, a passage may not
        varies = [] if runs.are_sounds else [usable_targets(assembly[rows]) for rows in every]
        groups = by_subject(assembly)
        whole = np.zeros(values.shape[1], dtype=bool)
        present = np.zeros((len(every), whole.size), dtype=bool)
        for places in [np.arange(whole.size)] if groups is None else groups.values():
            heard = np.array([not np.isnan(values[rows][:, places]).all() for rows in every])
            present[:, places] = heard[:, np.newaxis]
            if runs.are_sounds and heard.any():
                rows = np.concatenate([every[place] for place in np.flatnonzero(heard)])
                whole[places] = usable_targets(assembly[rows, places])
            elif heard.any():
                whole[places] = np.stack(varies)[np.ix_(heard, places)].all(axis=0)
        whole &= _enough(present, runs)
        kept = np.flatnonzero(whole)
        if not kept.size:
            raise DataError(
                f"None of the {whole.size} {dimension}s can be scored: each needs finite responses "
                f"that vary to every run that is predicted, as {runs.tested[0]}, and to runs of 2 "
                f"other folds to learn from (3 folds in all where no run is repeated)."
            )
        others = [name for name, along in assembly.coords.items() if along.dims != (dimension,)]
        labels = assembly[0, kept].drop_vars(others)
        here = by_subject(labels) or {}
        absent = tuple(name for name in groups or () if name not in here)
        dropped = np.flatnonzero(~whole)
        return cls(runs, labels, kept, dropped, absent, values, present[:, kept])

    @property
    def dimension(self) -> str:
        """``"voxel"`` or ``"component"``."""
        return str(self.labels.dims[0])

    @property
    def parts(self) -> dict[str, IndexArray]:
        """Places of each subject's voxels, or of each component; one without a name else."""
        if (subjects := by_subject(self.labels)) is not None:
            return subjects
        if "component" in self.labels.coords:
            names = self.labels["component"].values.astype(str)
            return {str(name): np.flatnonzero(names == name) for name in dict.fromkeys(names)}
        return {"": np.arange(self.kept.size)}

    @property
    def has_subjects(self) -> bool:
        """Whether `parts` are subjects."""
        return by_subject(self.labels) is not None

    def problems(self) -> Iterator[Problem]:
        """Yield the voxels that share what they are learned from."""
        learned = [run for run in self.runs.presentations if run not in self.runs.repeated]
        heard = np.stack([self._heard(run) for run in learned])
        patterns, which = np.unique(heard, axis=1, return_inverse=True)
        for number in range(patterns.shape[1]):
            here = [learned[place] for place in np.flatnonzero(patterns[:, number])]
            yield Problem(np.flatnonzero(which.ravel() == number), _splits(self.runs, here))

    def responses(self, columns: IndexArray) -> FloatArray:
        """Return responses, z-scored in each presentation, the mean over those of a run.

        Those to sounds are z-scored all together.

        Parameters
        ----------
        columns : int array (voxel,)
            Places among the voxels that are kept.

        Returns
        -------
        float64 array (row, voxel)
            In the common order; NaN where a run was not presented.
        """
        found = np.full((self.runs.rows, columns.size), np.nan)
        standardised = self._standardised(columns)
        start = 0
        for run, every in self.runs.presentations.items():
            rows = slice(start, start + len(every[0]))
            start = rows.stop
            shown = self._shown(run, columns)
            count = shown.sum(axis=0)
            total = np.zeros((len(every[0]), columns.size))
            for presentation, there in zip(every, shown, strict=True):
                np.add(total, standardised(presentation), out=total, where=there)
            np.divide(total, count, out=found[rows], where=count > 0)
        return found

    def presentations(self, columns: IndexArray) -> FloatArray:
        """Return what `responses` averages of the runs that are predicted.

        Returns
        -------
        float64 array (row of these runs, voxel, presentation)
            NaN where there is none.
        """
        most = max(len(self.runs.presentations[run]) for run in self.runs.tested)
        standardised, pieces = self._standardised(columns), []
        for run in self.runs.tested:
            every = self.runs.presentations[run]
            piece = np.full((len(every[0]), columns.size, most), np.nan)
            for place, rows in enumerate(every):
                piece[..., place] = standardised(rows)
            pieces.append(piece)
        return np.concatenate(pieces)

    def _standardised(self, columns: IndexArray) -> Callable[[IndexArray], FloatArray]:
        """Return what gives the responses of some voxels in the rows of a presentation."""
        places = self.kept[columns]
        if not self.runs.are_sounds:
            return lambda rows: zscored(self._values[rows][:, places])
        exact = self._values[:, places].astype(np.float64)
        # of unit size first, see `zscored`; NaN where a sound was not presented
        exact /= np.nanmax(np.abs(exact), axis=0)
        exact -= np.nanmean(exact, axis=0)
        exact /= np.nanstd(exact, axis=0)
        return lambda rows: exact[rows]

    def _shown(self, run: str, columns: IndexArray) -> npt.NDArray[np.bool_]:
        """Return whether a run was presented, (presentation, voxel)."""
        start = 0
        for name, every in self.runs.presentations.items():
            if name == run:
                return self._present[start : start + len(every)][:, columns]
            start += len(every)
        raise KeyError(run)

    def _heard(self, run: str) -> npt.NDArray[np.bool_]:
        return np.asarray(self._shown(run, np.arange(self.kept.size)).any(axis=0))


def _enough(present: npt.NDArray[np.bool_], runs: Runs) -> npt.NDArray[np.bool_]:
    """Return which voxels have all that is predicted, and two folds to learn from."""
    tested = np.ones(present.shape[1], dtype=bool)
    folds: dict[int, npt.NDArray[np.bool_]] = {}
    start = 0
    for run, every in runs.presentations.items():
        heard = np.asarray(present[start : start + len(every)].any(axis=0))
        start += len(every)
        if run in runs.tested:
            tested &= heard
        if run not in runs.repeated:
            folds[runs.folds[run]] = heard | folds.get(runs.folds[run], np.False_)
    count: npt.NDArray[np.int64] = np.sum([*folds.values()], axis=0)
    return np.asarray(tested & (count >= (2 if runs.repeated else 3)))


def _splits(runs: Runs, learned: list[str]) -> list[Split]:
    if runs.repeated:
        return [_split(runs, learned, runs.repeated)]
    folds = dict.fromkeys(runs.folds[run] for run in learned)
    return [
        _split(
            runs,
            [run for run in learned if runs.folds[run] != fold],
            [run for run in learned if runs.folds[run] == fold],
        )
        for fold in folds
    ]


def _split(runs: Runs, learned: list[str], tested: list[str]) -> Split:
    """Deal the folds to groups, the longest first, each to the shortest group."""
    lengths: dict[int, int] = {}
    for run in learned:
        length = len(runs.presentations[run][0])
        lengths[runs.folds[run]] = lengths.get(runs.folds[run], 0) + length
    groups, sizes = {}, [0] * min(INNER, len(lengths))
    for fold in sorted(lengths, key=lambda one: (-lengths[one], one)):
        groups[fold] = sizes.index(min(sizes))
        sizes[groups[fold]] += lengths[fold]
    labels = [np.full(len(runs.presentations[run][0]), groups[runs.folds[run]]) for run in learned]
    return Split(runs.places(learned), runs.places(tested), np.concatenate(labels))
