"""Names of what was found for each voxel, and counts of what was used."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio.scores.profiles import AVERAGE, MEAN

from .evaluation import Evaluation
from .fitting import Fits
from .voxels import Voxels


def counts(voxels: Voxels) -> dict[str, int]:
    """Return what was used and left out."""
    runs, one = voxels.runs, voxels.dimension
    found = {
        "stimulus": sum(len(rows) for every in runs.presentations.values() for rows in every),
        "run": len(runs.presentations),
        "run_predicted": len(runs.tested),
        one: voxels.kept.size,
        f"{one}_dropped": voxels.dropped.size,
    }
    if voxels.has_subjects:
        found |= {"subject": len(voxels.parts), "subject_dropped": len(voxels.absent)}
    return found


def labelled(fits: Fits, found: Evaluation, voxels: Voxels) -> xr.Dataset:
    """Label what was found for each voxel; layers are the caller's to name."""
    one = voxels.dimension
    r2 = {"long_name": "squared correlation, 0 where that is negative"}
    determined = {"long_name": "1 - squared error / squared deviation of the mean response"}
    variables: dict[str, Any] = {
        "r": (one, found.r, {"long_name": "Pearson's r over the runs that are predicted"}),
        "r2": (one, np.square(np.maximum(found.r, 0.0)), r2),
        "determination": (one, found.determination, determined),
        "layer_score": (("layer", one), fits.layer_score, {AVERAGE: MEAN}),
        "chosen_layer": (("split", one), fits.layer),
        "penalty": (("split", one), fits.penalty),
        "dropped": (f"{one}_dropped", voxels.dropped),
    }
    if voxels.runs.repeated:
        variables |= {
            "session_reliability": (one, found.reliability),
            "ceiling": (one, found.reachable, {"long_name": "highest r that noise allows"}),
        }
    if voxels.absent:
        variables["subject_dropped"] = ("absent", list(voxels.absent))
    return xr.Dataset(variables, dict(voxels.labels.coords))
