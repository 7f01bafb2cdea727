"""From an assembly to one RDM a subject: what is left out, and counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from brainbench_audio.assemblies.assembly import mean_over_sessions, validate
from brainbench_audio.errors import DataError

from .rdm import FloatArray, IntArray, UndefinedDistance, rdm

BoolArray = NDArray[np.bool_]


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
    usable: BoolArray = np.logical_and.reduce(np.isfinite(values))
    # Responses that differ by rounding only, as the mean of constant sessions may.
    precision = np.finfo(values.dtype if values.dtype.kind == "f" else np.float64).eps
    rounding = 4.0 * precision * np.abs(values[:, usable]).max(axis=0)
    usable[usable] = np.ptp(values[:, usable], axis=0) > rounding
    known = "subject" in assembly.coords and assembly["subject"].dims == (dimension,)
    labels = assembly["subject"].values.astype(str) if known else np.full(len(usable), dimension)
    rdms, names, absent, used = [], [], [], 0
    for name, columns in _groups(labels):
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
    if known:
        n |= {"subject": len(names), "subject_dropped": len(absent)}
    return SubjectRdms(np.stack(rdms), tuple(names), known, n, tuple(absent))


def _groups(labels: NDArray[np.str_]) -> Iterator[tuple[str, IntArray]]:
    """Yield each label and its positions, in order of first appearance."""
    for name in dict.fromkeys(labels.tolist()):
        yield str(name), np.flatnonzero(labels == name)
