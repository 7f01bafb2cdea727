"""From an assembly to one RDM a subject: what is left out, and counted."""

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

from .rdm import FloatArray, UndefinedDistance, rdm


@dataclass(frozen=True)
class SubjectRdms:
    """The RDMs of the subjects that have one.

    Attributes
    ----------
    rdms
        (subject, pair).
    names
        (subject,); one name, the target dimension's, if the assembly knows no subjects.
    known
        Whether the assembly names subjects.
    n
        Stimuli, targets and subjects used, and how many were dropped.
    absent
        Subjects without an RDM.
    """

    rdms: FloatArray
    names: tuple[str, ...]
    known: bool
    n: dict[str, int]
    absent: tuple[str, ...]


def subject_rdms(target: xr.DataArray, *, zscore: bool) -> SubjectRdms:
    """Return the RDM of each subject.

    Sessions are averaged first. Targets with a NaN or without variance over stimuli are dropped;
    then subjects with fewer than 2 targets, or whose distances are undefined or all equal.

    Parameters
    ----------
    target
        ``stimulus`` x target [x ``session``], with or without a coordinate `subject` on the target
        dimension.
    zscore
        Z-score each target over stimuli first.

    Returns
    -------
    SubjectRdms

    Raises
    ------
    DataError
        If no subject is left.
    """
    assembly = mean_over_sessions(validate(target))
    dimension = str(assembly.dims[1])
    values = assembly.values
    usable = usable_targets(assembly)
    subjects = by_subject(assembly)
    groups = {dimension: np.arange(len(usable))} if subjects is None else subjects
    rdms, names, absent, used = [], [], [], 0
    for name, columns in groups.items():
        kept = columns[usable[columns]]
        try:
            distances = rdm(values[:, kept], zscore=zscore)
        except UndefinedDistance:
            distances = np.zeros(1)
        if np.ptp(distances) > 0:
            rdms.append(distances)
            names.append(name)
            used += len(kept)
        else:
            absent.append(name)
    if not rdms:
        raise DataError(
            f"No RDM can be made of these responses: {int(usable.sum())} of {len(usable)} "
            f"{dimension}s are finite and vary over the {len(values)} stimuli, and none of "
            f"{len(absent)} subjects has 2 of them with different distances. RSA needs at least 2 "
            f"targets a subject; score single targets with another metric."
        )
    n = {"stimulus": len(values), dimension: used, f"{dimension}_dropped": len(usable) - used}
    if subjects is not None:
        n |= {"subject": len(names), "subject_dropped": len(absent)}
    return SubjectRdms(np.stack(rdms), tuple(names), subjects is not None, n, tuple(absent))
