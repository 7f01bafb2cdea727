"""From an assembly to one centred Gram matrix a subject: what is left out, and counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from brainbench_audio.assemblies.assembly import (
    by_subject,
    mean_over_sessions,
    usable_targets,
    validate,
)
from brainbench_audio.errors import DataError

from .gram import Array, unit_gram

LEAST = 4


@dataclass(frozen=True)
class SubjectGrams:
    """The Gram matrices of the subjects that have one.

    Attributes
    ----------
    grams : float64 array (subject, stimulus, stimulus)
        See `gram.unit_gram`.
    names : tuple of str
        (subject,); one name, the target dimension's, if the assembly knows no subjects.
    known : bool
        Whether the assembly names subjects.
    n : dict of str to int
        Stimuli, targets and subjects used, and how many were dropped.
    absent : tuple of str
        Subjects without a matrix.
    """

    grams: Array
    names: tuple[str, ...]
    known: bool
    n: dict[str, int]
    absent: tuple[str, ...]


def subject_grams(target: xr.DataArray, *, biased: bool) -> SubjectGrams:
    """Return the centred Gram matrix of each subject.

    Sessions are averaged first. Targets with a NaN or without variance over stimuli are dropped;
    then subjects left without a target that tells stimuli apart.

    Parameters
    ----------
    target : xr.DataArray
        ``stimulus`` x target [x ``session``], with or without a coordinate `subject`.
    biased : bool

    Raises
    ------
    DataError
        Fewer than four stimuli, or no subject is left.
    """
    assembly = mean_over_sessions(validate(target))
    dimension, values = str(assembly.dims[1]), assembly.values
    if len(values) < LEAST:
        raise DataError(f"CKA needs at least {LEAST} stimuli, these are {len(values)}.")
    usable = usable_targets(assembly)
    subjects = by_subject(assembly)
    groups = {dimension: np.arange(usable.size)} if subjects is None else subjects
    grams, names, used = [], [], 0
    for name, columns in groups.items():
        kept = columns[usable[columns]]
        gram = unit_gram(values[:, kept], biased=biased)
        if gram is not None:
            grams.append(gram)
            names.append(name)
            used += len(kept)
    absent = tuple(name for name in groups if name not in names)
    if not grams:
        raise DataError(
            f"These responses do not tell stimuli apart: {int(usable.sum())} of {usable.size} "
            f"{dimension}s are finite and vary over the {len(values)} stimuli."
        )
    n = {"stimulus": len(values), dimension: used, f"{dimension}_dropped": usable.size - used}
    if subjects is not None:
        n |= {"subject": len(names), "subject_dropped": len(absent)}
    return SubjectGrams(np.stack(grams), tuple(names), subjects is not None, n, absent)
