"""From an assembly to one RDM a subject."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.subjects import Subjects

from .rdm import FloatArray, UndefinedDistance, rdm


class SubjectRdms(Subjects):
    """The subjects that have an RDM."""

    @property
    def rdms(self) -> FloatArray:
        """Upper triangles, float64 (subject, pair)."""
        return self.arrays


def subject_rdms(target: xr.DataArray, *, zscore: bool) -> SubjectRdms:
    """Return the RDM of each subject, see `Subjects.of`; targets are z-scored over stimuli first.

    Subjects are dropped that have fewer than 2 targets, or distances that are undefined or equal.

    Raises
    ------
    DataError
        If no subject is left.
    """

    def distances(responses: npt.NDArray[np.floating[Any]]) -> FloatArray | None:
        try:
            found = rdm(responses, zscore=zscore)
        except UndefinedDistance:
            return None
        return found if np.ptp(found) > 0 else None

    return SubjectRdms.of(
        target,
        distances,
        "No RDM can be made of these responses: {extent}, and none of {subjects} subjects has 2 of "
        "them with different distances. RSA needs at least 2 targets a subject; score single "
        "targets with another metric.",
    )
