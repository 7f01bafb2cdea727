"""From an assembly to the targets that can be predicted: what is left out, and counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import (
    by_subject,
    incomplete_targets,
    mean_over_sessions,
    usable_targets,
    validate,
)
from brainbench_audio.errors import DataError
from brainbench_audio.scores.ceilings import session_reliability

from .partition import FloatArray, IndexArray

# of the median, in errors of a target: how near targets are that move it; see the simulations in
# docs/methods-error-rates.md
NEARNESS = 0.7


@dataclass(frozen=True)
class Targets:
    """The targets of an assembly that are finite and vary over stimuli.

    Attributes
    ----------
    labels : xr.DataArray (target,)
        Their coordinates; the values say nothing.
    responses : float array (stimulus, target)
        Mean over sessions.
    reliability : float64 array (target,) or None
        Ceiling of R² from the sessions; None without sessions.
    kept, dropped : int arrays
        Places of these and of the other targets in the assembly.
    absent : tuple of str
        Subjects none of whose targets is kept.
    incomplete : int
        Targets that are kept though some session lacks a response.
    """

    labels: xr.DataArray
    responses: npt.NDArray[np.floating[Any]]
    reliability: FloatArray | None
    kept: IndexArray
    dropped: IndexArray
    absent: tuple[str, ...]
    incomplete: int = 0

    @classmethod
    def from_assembly(cls, assembly: xr.DataArray) -> Targets:
        """Average the sessions, and leave out what cannot be predicted.

        Raises
        ------
        DataError
            If no target is left.
        """
        mean = mean_over_sessions(validate(assembly))
        values = mean.values
        usable = usable_targets(mean)
        kept, dropped = np.flatnonzero(usable), np.flatnonzero(~usable)
        dimension = str(mean.dims[1])
        if not kept.size:
            raise DataError(
                f"None of the {usable.size} {dimension}s has finite responses that differ between "
                f"stimuli, so there is nothing to predict: check the data."
            )
        reliability = None
        if "session" in assembly.dims:
            reliability = session_reliability(assembly.values[:, kept])
        # what runs along stimuli says nothing of a target
        others = [name for name, along in mean.coords.items() if along.dims != (dimension,)]
        labels = mean[0, kept].drop_vars(others)
        absent: tuple[str, ...] = ()
        if (subjects := by_subject(mean)) is not None:
            present = by_subject(labels) or {}
            absent = tuple(name for name in subjects if name not in present)
        incomplete = int(incomplete_targets(assembly)[kept].sum())
        # `values[:, kept]` would lie column by column, and each block of columns copy all of it
        responses = values.take(kept, axis=1)
        return cls(labels, responses, reliability, kept, dropped, absent, incomplete)

    @property
    def dimension(self) -> str:
        """``"voxel"``, ``"component"`` or ``"label"``."""
        return str(self.labels.dims[0])

    @cached_property  # asked for at each penalty that is tried
    def subjects(self) -> dict[str, IndexArray] | None:
        """Targets of each subject, in order of first appearance; None if subjects are not known."""
        return by_subject(self.labels)

    @cached_property
    def components(self) -> dict[str, IndexArray] | None:
        """Targets of each component: several where it was measured at several times."""
        if "component" not in self.labels.coords:
            return None
        names = self.labels["component"].values.astype(str)
        places: dict[str, list[int]] = {}
        for place, name in enumerate(names.tolist()):
            places.setdefault(name, []).append(place)
        return {name: np.array(found) for name, found in places.items()}

    @property
    def part_names(self) -> list[str]:
        """Names of what `parts` returns: subjects, else components, else none."""
        if self.subjects is not None:
            return list(self.subjects)
        return list(self.components or ())

    def parts(self, values: FloatArray) -> FloatArray:
        """Return the median over each subject's targets, or the mean over each component's.

        Parameters
        ----------
        values : float64 array (..., target)

        Returns
        -------
        float64 array (..., subject), (..., component), or (..., target) if neither has a name
        """
        if self.subjects is None:
            components = self.components
            if components is None or len(components) == values.shape[-1]:
                return values
            means = [values[..., targets].mean(axis=-1) for targets in components.values()]
            return np.stack(means, axis=-1)
        medians = [median(values[..., targets]) for targets in self.subjects.values()]
        return np.stack(medians, axis=-1)

    def without(self, values: FloatArray, left_out: FloatArray) -> FloatArray:
        """Return, to first order, the `parts` without each stimulus.

        A median moves with the targets that may be the median, not with the one that is: each
        counts by how near its value is, in units of its error (`NEARNESS`).

        Parameters
        ----------
        values : float64 array (target,)
        left_out : float64 array (stimulus, target)
            The values without each stimulus.

        Returns
        -------
        float64 array (stimulus, part)
        """
        if not self.part_names:
            return left_out
        shares, known = self.shares(values, left_out), np.isfinite(values)
        away = self.parts(values) - np.where(known, values, 0.0) @ shares
        return np.asarray(np.where(known, left_out, 0.0) @ shares + away)

    def without_squares(self, roots: FloatArray, left_out: FloatArray) -> FloatArray:
        """Return the `parts` of squares, without each stimulus, of roots that may be negative.

        These count as 0. A median of squares is the square of the median, and moves as this does:
        squares near 0 hardly move, and those that are 0 not at all, though they may be the median.

        Parameters
        ----------
        roots : float64 array (target,)
            As correlations are.
        left_out : float64 array (stimulus, target)
            The roots without each stimulus.
        """
        if self.subjects is None:
            return self.without(_squares(roots), _squares(left_out))
        return _squares(self.without(roots, left_out))

    def slopes(self, roots: FloatArray, left_out: FloatArray) -> FloatArray:
        """Return what `parts` of squares change by with each root, (target, part).

        Parameters
        ----------
        roots, left_out
            As `without_squares` takes them.
        """
        if self.subjects is None:
            slopes = 2 * _positive(roots)[:, np.newaxis]
        else:
            slopes = 2 * _positive(self.parts(roots))
        return np.nan_to_num(slopes) * self.shares(roots, left_out)

    def shares(self, values: FloatArray, left_out: FloatArray) -> FloatArray:
        """Return how much of each target, (target, part), is in changes of `parts` that have names.

        Parameters
        ----------
        values, left_out
            As `without` takes them.
        """
        shares = np.zeros((values.size, len(self.part_names)))
        if self.subjects is not None:
            for part, targets in enumerate(self.subjects.values()):
                some = targets[np.isfinite(values[targets])]
                shares[some, part] = _median_weights(values[some], left_out[:, some])
        else:
            for part, targets in enumerate((self.components or {}).values()):
                shares[targets, part] = 1 / len(targets)
        return shares

    def aggregate(self, values: FloatArray) -> FloatArray:
        """Return the mean over `parts`."""
        return np.asarray(self.parts(values).mean(axis=-1))


def median(values: FloatArray) -> FloatArray:
    """Return the median over the last dimension, NaN left out, without a warning if all are."""
    finite = np.isfinite(values)
    if finite.all():
        return np.asarray(np.median(values, axis=-1))
    if not finite.any(axis=-1).all():
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(np.nanmedian(values, axis=-1))


def _positive(values: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(values, 0.0))


def _squares(roots: FloatArray) -> FloatArray:
    return np.square(_positive(roots))


def _median_weights(values: FloatArray, left_out: FloatArray) -> FloatArray:
    """Return the share of each target, (target,), in changes of the median of the values."""
    if not values.size:
        return values
    stimuli = len(left_out)
    # the jackknife's error of a target
    error = float(np.median(left_out.std(axis=0))) * np.sqrt(stimuli - 1)
    distance = np.abs(values - np.median(values))
    if error == 0:
        weights = (distance == distance.min()).astype(np.float64)
    else:
        away = (distance - distance.min()) / (NEARNESS * error)
        weights = np.exp(-np.square(away) / 2)
    return np.asarray(weights / weights.sum())
