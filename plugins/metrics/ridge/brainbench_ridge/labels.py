"""What a score was made from: counted, and labelled for each target."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from .correction import Correction
from .nested import NestedRidge
from .targets import Targets
from .units import stuck


def counts(fit: NestedRidge, targets: Targets, correction: Correction | None) -> dict[str, int]:
    """Return how many stimuli, targets and subjects were used, and how many were not.

    ``…_dropped``: targets with a NaN, without variance or without a subject; subjects without any
    usable target. ``…_incomplete``: targets that are used though a session lacks a response.
    ``…_without_ceiling``: targets without two sessions that can be correlated; of corrected scores
    those without two complete ones, which are left out; ``…_above_one`` says how many of theirs
    exceed 1, ``…_at_floor`` for how many a reliability was raised to its floor.
    ``…_stuck``: targets whose search for a penalty ended far from the best one in some layer, see
    `units`.
    """
    one = targets.dimension
    stimuli, kept = targets.responses.shape
    found = {"stimulus": stimuli, one: kept, f"{one}_dropped": targets.dropped.size}
    found[f"{one}_stuck"] = int(stuck(fit).any(axis=0).sum())
    scored = np.ones(kept, dtype=bool)
    if targets.reliability is not None:
        if targets.incomplete:
            found[f"{one}_incomplete"] = targets.incomplete
        found[f"{one}_without_ceiling"] = int(np.isnan(targets.reliability).sum())
    if correction is not None:
        scored = np.isfinite(correction.r2)
        found[f"{one}_without_ceiling"] = int((~scored).sum())
        found[one] = int(scored.sum())
        found[f"{one}_above_one"] = int((correction.r2 > 1).sum())
        found[f"{one}_at_floor"] = int(correction.at_floor.sum())
    if targets.subjects is not None:
        with_score = sum(bool(scored[group].any()) for group in targets.subjects.values())
        found["subject"] = with_score
        found["subject_dropped"] = len(targets.absent) + len(targets.subjects) - with_score
    return found


def label(found: NestedRidge, targets: Targets, correction: Correction | None) -> xr.Dataset:
    """Label everything the score was made from; stimuli and layers are the caller's to name."""
    one = targets.dimension
    variables: dict[str, Any] = {
        "r2": (one, found.r2),
        "prediction": (("stimulus", one), found.predictions.astype(np.float32)),
        "measured": (("stimulus", one), targets.responses.astype(np.float32)),
        "chosen_layer": (
            ("fold", one),
            found.layer.astype(np.int32),
            {"long_name": "place of the layer chosen in `layer`"},
        ),
        "penalty": (("fold", one), found.penalty),
        "stuck": (
            ("layer", one),
            found.stuck.astype(np.int32),
            {"long_name": "outer folds in which the search ended far from the best penalty"},
        ),
        "layer_score": (("layer", one), found.layer_r2),
        "dropped": (
            f"{one}_dropped",
            targets.dropped,
            {"long_name": f"place in the data of the {one}s left out: NaN, constant or nobody's"},
        ),
    }
    if targets.reliability is not None:
        variables["session_reliability"] = (one, targets.reliability)
    if correction is not None:
        variables |= {
            "r2_corrected": (one, correction.r2, {"long_name": "R² corrected for noise"}),
            "measured_reliability": (one, correction.measured),
            "predicted_reliability": (one, correction.predicted),
        }
    if targets.absent:
        variables["subject_dropped"] = ("absent", list(targets.absent))
    coordinates = dict(targets.labels.coords) | {"fold": np.arange(len(found.layer))}
    return xr.Dataset(variables, coordinates)
