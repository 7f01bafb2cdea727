"""What the solver is given: of the right shape and finite, or refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.assemblies.assembly import real_numbers
from brainbench_audio.errors import ContractError, DataError

from .partition import IndexArray, Partition

# squares of squares of what is larger, or smaller, are no float64
_LARGEST = 1e70


def checked_targets(targets: npt.ArrayLike, partition: Partition) -> npt.NDArray[Any]:
    """Return the responses (stimulus, target) as floats."""
    checked = real_numbers(targets, "Responses")
    if checked.ndim != 2 or checked.shape[0] != partition.stimuli or not checked.shape[1]:
        raise ContractError(
            f"Targets must be (stimulus, target) with {partition.stimuli} rows, one a fold label, "
            f"and at least one column; got shape {checked.shape}."
        )
    wrong = np.flatnonzero(~np.isfinite(checked).all(axis=0))
    if wrong.size:
        raise DataError(
            f"{wrong.size} of {checked.shape[1]} targets hold NaN or infinite responses "
            f"(the first is target {wrong[0]}): drop them first."
        )
    sizes = np.maximum(checked.max(axis=0), -checked.min(axis=0)).astype(np.float64)
    wrong = np.flatnonzero((sizes > _LARGEST) | ((sizes > 0) & (sizes < 1 / _LARGEST)))
    if wrong.size:
        raise DataError(
            f"Responses of target {wrong[0]} are {sizes[wrong[0]]:.0e} at most, too large or too "
            f"small to be squared: give them in another unit."
        )
    # else whatever takes a block of columns copies all of them first
    return np.ascontiguousarray(checked)


def checked_features(name: str, features: npt.ArrayLike, partition: Partition) -> npt.NDArray[Any]:
    """Return the activations (stimulus, feature) of a layer as floats."""
    checked = real_numbers(features, f"Features of layer {name!r}")
    if checked.ndim != 2 or checked.shape[0] != partition.stimuli:
        raise ContractError(
            f"Layer {name!r} must be (stimulus, feature) with {partition.stimuli} rows, as the "
            f"targets; got shape {checked.shape}."
        )
    if not np.isfinite(checked).all():
        stimulus, feature = np.argwhere(~np.isfinite(checked))[0]
        raise DataError(
            f"Layer {name!r} holds NaN or infinite activations (the first for stimulus {stimulus}, "
            f"feature {feature}): extract it again or leave it out."
        )
    size = max(float(checked.max(initial=0.0)), -float(checked.min(initial=0.0)))
    if size > _LARGEST:
        raise DataError(
            f"Layer {name!r} holds activations up to {size:.0e}, too large to be squared: divide "
            f"them by a power of 10."
        )
    return checked


def checked_leaders(leaders: npt.ArrayLike, targets: int) -> IndexArray:
    """Return the place of each target's leader."""
    checked = np.asarray(leaders, dtype=np.intp)
    if checked.shape != (targets,) or checked.min() < 0 or checked.max() >= targets:
        raise ContractError(f"Leaders must be the places of {targets} of the {targets} targets.")
    return checked


def checked_penalties(penalties: tuple[float, ...]) -> tuple[float, ...]:
    """Return the grid as floats."""
    checked = tuple(float(penalty) for penalty in penalties)
    rising = all(low < high for low, high in zip((0.0, *checked), (*checked, np.inf), strict=False))
    if not checked or not rising:
        raise ContractError(f"Penalties must be positive and rise, got {penalties}.")
    return checked
