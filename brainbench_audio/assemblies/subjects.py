"""One array a subject, made of the targets that can be scored; what is left out is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

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

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Subjects:
    """The subjects that have an array, such as an RDM.

    Attributes
    ----------
    arrays : float64 array (subject, ...)
    names : tuple of str
        (subject,); one name, the target dimension's, if the assembly knows no subjects.
    known : bool
        Whether the assembly names subjects.
    n : dict of str to int
        Stimuli, targets and subjects used, and how many were dropped.
    absent : tuple of str
        Subjects without an array.
    """

    arrays: Array
    names: tuple[str, ...]
    known: bool
    n: dict[str, int]
    absent: tuple[str, ...]

    @classmethod
    def of(
        cls,
        target: xr.DataArray,
        make: Callable[[npt.NDArray[np.floating[Any]]], Array | None],
        nothing: str,
        *,
        sessions: bool = False,
    ) -> Self:
        """Make an array of each subject's responses.

        Sessions are averaged first. Targets with a NaN or without variance over stimuli are
        dropped; then subjects for which ``make`` returns None.

        Parameters
        ----------
        target : xr.DataArray
            ``stimulus`` x target [x ``session``], with or without a coordinate ``subject``.
        make : callable
            Takes (stimulus, target) of one subject; the shape it returns is the same for all.
        nothing : str
            What the error says if no subject is left; ``{extent}`` is how many targets there were,
            ``{subjects}`` how many subjects.
        sessions : bool
            ``make`` takes (stimulus, target, session) instead; targets that lack a response in
            some session are dropped, too.

        Raises
        ------
        DataError
            No subject is left.
        """
        assembly = mean_over_sessions(validate(target))
        dimension, values = str(assembly.dims[1]), assembly.values
        usable = usable_targets(assembly)
        if sessions:
            usable &= ~incomplete_targets(target)
            values = target.values
        subjects = by_subject(assembly)
        groups = {dimension: np.arange(usable.size)} if subjects is None else subjects
        arrays, used = {}, 0
        for name, columns in groups.items():
            kept = columns[usable[columns]]
            if (made := make(values[:, kept])) is not None:
                arrays[name] = made
                used += len(kept)
        absent = tuple(name for name in groups if name not in arrays)
        if not arrays:
            extent = (
                f"{int(usable.sum())} of {usable.size} {dimension}s are finite and vary over the "
                f"{len(values)} stimuli"
            )
            raise DataError(nothing.format(extent=extent, subjects=len(absent)))
        n = {"stimulus": len(values), dimension: used, f"{dimension}_dropped": usable.size - used}
        if subjects is not None:
            n |= {"subject": len(arrays), "subject_dropped": len(absent)}
        return cls(np.stack([*arrays.values()]), tuple(arrays), subjects is not None, n, absent)
